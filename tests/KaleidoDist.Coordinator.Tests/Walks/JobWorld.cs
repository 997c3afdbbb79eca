using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>How the world asks the machine; a broken variant goes between.</summary>
internal delegate JobTransition JobAnswer(JobMachine machine, JobState state, JobCommand command, DateTimeOffset now);

/// <summary>
/// A coordinator, its workers, their rank processes and a run folder as one deterministic world: the real machine and slot ledger, with
/// processes, streams, generations' connections and time that the seed moves. Streams are in order and lose what is in flight when they
/// break. This part is the control plane; <c>JobWorld.Ranks</c> is what processes do, <c>JobWorld.Checks</c> what must hold.
/// </summary>
internal sealed partial class JobWorld
{
    private const int WorkerCount = 4, SlotsPerWorker = 2;
    private const long TotalSteps = 150;
    private const int GoodMoves = 22, BadMoves = 17, FaultPercent = 4;

    private readonly JobRules rules = new() { RankFailureBudget = 6, ReattachTime = TimeSpan.FromSeconds(8), StopGrace = TimeSpan.FromSeconds(120), CatchUpTimeout = TimeSpan.FromSeconds(30) };
    private readonly JobAnswer answer;
    private readonly JobMachine machine;
    private readonly MemoryLedger folder = new();
    private readonly SimAgent[] agents;
    private KeyedRandom random;
    private SlotLedger pool = new();
    private JobState durable = null!;
    private DateTimeOffset now = JobSamples.Noon;
    private int submits;

    public JobWorld(ulong seed, JobAnswer? answer = null)
    {
        random = new KeyedRandom(seed, RandomPurpose.Import);
        machine = new JobMachine(rules);
        this.answer = answer ?? ((m, s, c, n) => m.Apply(s, c, n));
        var odd = random.Next(6) == 0 ? random.Next(WorkerCount) : -1;
        agents = [.. Enumerable.Range(0, WorkerCount).Select(i => new SimAgent($"{(char)('a' + (i / 2))}{i}", i == odd ? "AVX512" : "AVX2"))];
        foreach (var next in Take(JobMachine.Create("job", Submit(), now)))
            Do(next);
    }

    public JobState State { get; private set; } = null!;

    /// <summary>What happened, for the message of a failing seed.</summary>
    public List<string> Trace { get; } = [];

    /// <summary>One random move; <paramref name="withFaults"/> includes the bad ones.</summary>
    public void Move(bool withFaults)
    {
        var agent = agents[random.Next(agents.Length)];
        var move = withFaults && random.Next(100) < FaultPercent ? GoodMoves + random.Next(BadMoves) : random.Next(GoodMoves);
        switch (move)
        {
            case 0 or 1 or 2 or 3:
                Down(agent);
                break;
            case 4 or 5 or 6 or 7 or 8:
                Up(agent);
                break;
            case < 19:
                Work(agent);
                break;
            case 19 or 20:
                Pass(TimeSpan.FromMilliseconds(random.Next(400)));
                break;
            case 21:
                Connect(agent);
                break;
            case 22 or 23 or 24:
                if (agent.Processes.Count > 0)
                    Exit(agent, Pick(agent), RankEnding.None, fatal: random.Next(60) == 0);
                break;
            case 25:
                Hang(agent);
                break;
            case 26:
                foreach (var process in agent.Processes.Values)
                    process.IsHung = false;
                break;
            case 27:
                Reset();
                break;
            case 28:
                BreakStream(agent);
                break;
            case 29:
                Lose(agent, alive: random.Next(2) == 0);
                break;
            case 30 when random.Next(3) == 0:
                Restart();
                break;
            case 31 when random.Next(12) == 0:
                Do(new JobCommand.RequestStop(random.Next(4) == 0 ? StopWish.Cancel : StopWish.Checkpoint));
                break;
            case 32 when random.Next(3) == 0:
                if (JobMachine.AcceptsSpec(State))
                    Do(Submit());
                break;
            case 33:
                Pass(TimeSpan.FromSeconds(1 + random.Next(20)));
                break;
            case 34 when agent.Sent.Count > 0:
                // A report of the past arrives again.
                Report(agent, agent.Sent[random.Next(agent.Sent.Count)]);
                break;
            case 35 or 36 or 37 or 38:
                if (agent is { IsDraining: true, IsConnected: true, IsQuiet: true, Processes.Count: 0 })
                    Dismiss(agent);
                else
                    Drain(agent);
                break;
        }
    }

    /// <summary>Moves without faults, though one worker may never come back, until the job rests and nothing is in flight, or patience ends.</summary>
    public bool Settle()
    {
        if (random.Next(3) == 0)
            Die(agents[random.Next(agents.Length)]);
        for (var i = 0; i < 20_000; i++)
        {
            if (State.Phase.IsAtRest() && agents.All(a => a.Processes.Count == 0 && a.IsQuiet))
                return true;
            if (State is { IsHolding: true, Refused.IsEmpty: false } && i > 4_000)
                return true; // waits for a worker that is like the others, and says so
            foreach (var agent in agents.Where(a => a is { IsDraining: true, IsConnected: true, IsQuiet: true, Processes.Count: 0 }))
                Dismiss(agent);
            foreach (var agent in agents.Where(a => !a.IsConnected))
                Connect(agent);
            if (i % 50 == 0)
                Pass(TimeSpan.FromSeconds(1));
            Move(withFaults: false);
            Check();
        }

        return false;
    }

    private void Pass(TimeSpan time)
    {
        now += time;
        foreach (var agent in agents)
        {
            foreach (var process in agent.Processes.Values.Where(p => p.IsHung && agent.IsConnected))
                agent.Reports.Enqueue(new JobCommand.RankSilent(process.Member, agent.Id, new RankPlace("reduce", process.Step), now - process.HungSince, IsStopped: process.Member % 2 == 0));
            if (agent.IsKnown && !agent.IsConnected && now - agent.BrokenAt > TimeSpan.FromSeconds(3))
                Lose(agent, alive: true);
        }

        Do(new JobCommand.Tick([]));
    }

    private void Do(JobCommand command)
    {
        var commands = new Queue<JobCommand>([command]);
        while (commands.TryDequeue(out var next))
        {
            var (before, transition) = (State, answer(machine, State, next, now));
            Require(before, next, transition);
            foreach (var more in Take(transition))
                commands.Enqueue(more);
        }
    }

    private List<JobCommand> Take(JobTransition transition)
    {
        if (State is not null && (State.Phase != transition.State.Phase || State.Generation != transition.State.Generation))
            Trace.Add($"{(now - JobSamples.Noon).TotalSeconds:0.0} g{transition.State.Generation} {State.Phase} -> {transition.State.Phase}: {transition.Reason}");
        State = transition.State;
        if (transition.Durable)
            durable = State;
        var answers = new List<JobCommand>();
        foreach (var effect in transition.Effects)
        {
            if (Perform(effect) is { } more)
                answers.Add(more);
        }

        return answers;
    }

    private JobCommand? Perform(JobEffect effect)
    {
        switch (effect)
        {
            case JobEffect.FindCheckpoint:
                return folder.FindLatestValid(State);
            case JobEffect.AcquireSlots ask:
                var grant = pool.Ask(new SlotAsk("job", ask.FirstMember, ask.Need, ask.Max, ask.Growth, ask.Avoid)) ?? pool.Deal().FirstOrDefault();
                return grant is null ? new JobCommand.SlotsShort(ask.FirstMember, pool.Free) : new JobCommand.SlotsGranted(grant.FirstMember, grant.Seats);
            case JobEffect.WithdrawAsk withdraw:
                pool.Withdraw("job", withdraw.FirstMember);
                return null;
            case JobEffect.ReturnSlots unused:
                foreach (var seat in unused.Seats)
                    pool.Vacate(seat.WorkerId, new SlotUse("job", seat.Member));
                return null;
            case JobEffect.AdoptSlots adopt:
                foreach (var seat in adopt.Seats)
                    pool.Adopt(seat.WorkerId, seat.Host, [new SlotUse("job", seat.Member)]);
                return null;
            case JobEffect.StartRanks start:
                if (Send(start.WorkerId, start))
                    return null;
                foreach (var member in start.Members)
                    pool.Vacate(start.WorkerId, new SlotUse("job", member));
                return new JobCommand.WorkerUnreachable(start.WorkerId, start.Members);
            case JobEffect.FormGeneration form:
                Send(form.WorkerId, form);
                return null;
            case JobEffect.DonateState donate:
                Send(donate.WorkerId, donate);
                return null;
            case JobEffect.StopRanks stop:
                Send(stop.WorkerId, stop);
                return null;
            case JobEffect.SendVerdict verdict:
                Send(verdict.WorkerId, verdict);
                return null;
            case JobEffect.CommitCheckpoint commit:
                return folder.Commit(State, commit) is CommitOutcome.Committed committed
                    ? new JobCommand.CheckpointCommitted(commit.Generation, commit.Draft.Attempt, committed.Entry, committed.Head)
                    : new JobCommand.CheckpointRefused(commit.Generation, commit.Draft.Step, commit.Draft.Attempt, "lost", LostLineage: true);
            case JobEffect.MakeRoom ask:
                return new JobCommand.RoomMade(ask.Generation, ask.Step, ask.Attempt, ask.Why, new FreedRoom([], FolderCount: random.Next(2)));
            default:
                return null;
        }
    }

    private bool Send(string workerId, JobEffect order)
    {
        var agent = agents.First(a => a.Id == workerId);
        if (agent.IsConnected)
            agent.Orders.Enqueue(order);
        return agent.IsConnected;
    }

    private JobCommand.Submit Submit()
    {
        var min = 1 + random.Next(3);
        return JobSamples.Submit(JobSamples.Spec(min, min + 1 + random.Next(4), steps: TotalSteps), $"k{submits++}", random.Next(6) == 0 ? 30 + random.Next(100) : 0);
    }

    /// <summary>The coordinator takes a worker's next report.</summary>
    private void Up(SimAgent agent)
    {
        if (!agent.Reports.TryDequeue(out var report))
            return;
        agent.Sent.Add(report);
        Report(agent, report);
    }

    private void Report(SimAgent agent, JobCommand report)
    {
        Do(report);
        if (report is JobCommand.RankExited exited && !agent.Processes.ContainsKey(exited.Member))
        {
            pool.Vacate(agent.Id, new SlotUse("job", exited.Member));
            Deal();
        }
    }

    /// <summary>A worker registers: as WorkerGrain does it.</summary>
    private void Connect(SimAgent agent)
    {
        if (agent.IsConnected || agent.IsDead)
            return;
        agent.Break(now);
        agent.IsConnected = agent.IsKnown = true;
        pool.Suspend(agent.Id);
        var running = agent.Processes.Values.Select(p => new RunningSeat(p.Member, p.Generation, p.IsReady ? $"{agent.Id}:{p.Member}" : "", p.IsReady && p.IsWaiting && p.Entering is null, 1, p.Step)).ToImmutableArray();
        // What was reported may be lost, or its verdict: what is not answered is reported again.
        foreach (var process in agent.Processes.Values)
            process.Group?.Save?.Reported.Remove(process.Member);
        Do(new JobCommand.WorkerRegistered(agent.Id, running));
        foreach (var process in agent.Processes.Values.Where(p => p is { SaidCaughtUp: true, Generation: 0, Entering: null }))
            agent.Reports.Enqueue(new JobCommand.RankCaughtUp(process.Member, agent.Id, process.Step));
        pool.Enroll(agent.Id, $"{agent.Incarnation}", JobSamples.Host(agent.Id), SlotsPerWorker, running.Select(r => new SlotUse("job", r.Member)));
        if (agent.IsDraining)
        {
            pool.Suspend(agent.Id);
            Do(new JobCommand.WorkerLeaving(agent.Id, "maintenance"));
        }

        Deal();
    }

    private void BreakStream(SimAgent agent)
    {
        if (!agent.IsConnected)
            return;
        agent.Break(now);
        pool.Suspend(agent.Id);
        Do(new JobCommand.WorkerSuspected(agent.Id, "its stream broke"));
    }

    private void Lose(SimAgent agent, bool alive)
    {
        agent.Break(now);
        agent.IsKnown = false;
        if (!alive)
            Perish(agent);
        pool.Remove(agent.Id);
        Do(new JobCommand.WorkerLost(agent.Id, "was silent"));
    }

    /// <summary>The machine is gone. A coordinator that never saw it since its own start cannot notice.</summary>
    private void Die(SimAgent agent)
    {
        agent.IsDead = true;
        if (agent.IsKnown)
            Lose(agent, alive: false);
        else
            Perish(agent);
    }

    private void Drain(SimAgent agent)
    {
        if (!agent.IsConnected || agent.IsDraining)
            return;
        agent.IsDraining = true;
        pool.Suspend(agent.Id);
        Do(new JobCommand.WorkerLeaving(agent.Id, "maintenance"));
    }

    /// <summary>A drained worker ends; its next process is another one.</summary>
    private void Dismiss(SimAgent agent)
    {
        Lose(agent, alive: false);
        agent.IsDraining = false;
        agent.Incarnation++;
    }

    private void Restart()
    {
        Trace.Add("coordinator restarts");
        State = StateJson.Read<JobState>(StateJson.Write(durable));
        pool = new SlotLedger();
        foreach (var agent in agents)
        {
            agent.Break(now);
            agent.IsKnown = false;
        }

        Do(new JobCommand.CoordinatorRestarted());
    }

    private void Deal()
    {
        foreach (var grant in pool.Deal())
            Do(new JobCommand.SlotsGranted(grant.FirstMember, grant.Seats));
    }
}
