using System.Collections.Immutable;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator.Tests;

/// <summary>
/// A coordinator, its workers and a run folder as one deterministic world: the real machine, slot ledger and leases' consequences, with
/// processes, streams and time that the seed moves. Streams are in order and lose what is in flight when they break.
/// </summary>
internal sealed class JobWorld
{
    private const int WorkerCount = 3, SlotsPerWorker = 2;
    private const int GoodMoves = 14, BadMoves = 9, FaultPercent = 5;

    private readonly JobRules rules = new() { RankFailureBudget = 3, WorkerFailureBudget = 20 };
    private readonly JobMachine machine;
    private readonly MemoryLedger folder = new();
    private readonly Agent[] agents;
    private KeyedRandom random;
    private SlotLedger pool = new();
    private string durable = "";
    private DateTimeOffset now = JobSamples.Noon;
    private int submits;

    public JobWorld(ulong seed)
    {
        random = new KeyedRandom(seed, RandomPurpose.Import);
        machine = new JobMachine(rules);
        agents = [.. Enumerable.Range(0, WorkerCount).Select(i => new Agent($"w{i}"))];
        foreach (var answer in Take(JobMachine.Create("job", Submit(), now)))
            Do(answer);
    }

    public JobState State { get; private set; } = null!;

    /// <summary>What happened, for the message of a failing seed.</summary>
    public List<string> Trace { get; } = [];

    public int FormedCount { get; private set; }

    /// <summary>One random move; <paramref name="withFaults"/> includes the bad ones.</summary>
    public void Move(bool withFaults)
    {
        var agent = agents[random.Next(agents.Length)];
        switch (withFaults && random.Next(100) < FaultPercent ? GoodMoves + random.Next(BadMoves) : random.Next(GoodMoves))
        {
            case 0 or 1 or 2:
                Down(agent);
                break;
            case 3 or 4 or 5:
                Up(agent);
                break;
            case 6 or 7 or 8 or 9 or 10:
                Work(agent);
                break;
            case 11:
                now += TimeSpan.FromSeconds(random.Next(3));
                Do(new JobCommand.Tick());
                break;
            case 12 or 13:
                Connect(agent);
                break;
            case 14 or 15:
                Kill(agent, fatal: random.Next(40) == 0);
                break;
            case 16:
                agent.Break();
                pool.Suspend(agent.Id);
                break;
            case 17:
                Lose(agent, alive: random.Next(2) == 0);
                break;
            case 18:
                Restart();
                break;
            case 19 when random.Next(4) == 0:
                Do(new JobCommand.RequestStop(random.Next(4) == 0 ? StopWish.Cancel : StopWish.Checkpoint));
                break;
            case 20:
                if (JobMachine.AcceptsSpec(State))
                    Do(Submit());
                break;
            case 21:
                now += TimeSpan.FromSeconds(5 + random.Next(20));
                Do(new JobCommand.Tick());
                break;
            case 22 when agent.Sent.Count > 0:
                // A report of the past arrives again.
                Report(agent, agent.Sent[random.Next(agent.Sent.Count)]);
                break;
        }
    }

    /// <summary>Moves without faults, though one worker may never come back, until the job rests and nothing is in flight, or patience ends.</summary>
    public bool Settle()
    {
        if (random.Next(3) == 0)
            Die(agents[random.Next(agents.Length)]);
        for (var i = 0; i < 6000; i++)
        {
            if (State.Phase.IsAtRest() && agents.All(a => a.Processes.Count == 0 && a.IsQuiet))
                return true;
            foreach (var agent in agents.Where(a => !a.IsConnected))
                Connect(agent);
            Move(withFaults: false);
            Check();
        }

        return false;
    }

    /// <summary>What must hold after every move.</summary>
    public void Check()
    {
        foreach (var count in pool.Counts().Where(c => c.Slots > 0))
            Assert.True(count.InUse <= count.Slots, $"{count.WorkerId} uses {count.InUse} of {count.Slots} slots");
        foreach (var agent in agents)
        {
            Assert.True(agent.Processes.Count <= SlotsPerWorker, $"{agent.Id} runs {agent.Processes.Count} ranks on {SlotsPerWorker} slots");
            foreach (var (generation, _) in agent.Processes.Keys)
                Assert.True(generation <= State.Generation, "a process is of a generation that does not exist yet");
        }

        var generations = folder.Entries.Select(e => e.Generation).ToArray();
        Assert.True(generations.SequenceEqual(generations.Order()), "an older generation committed after a newer one");
    }

    private void Do(JobCommand command)
    {
        var commands = new Queue<JobCommand>([command]);
        while (commands.TryDequeue(out var next))
        {
            var (before, transition) = (State, machine.Apply(State, next, now));
            Require(before, next, transition);
            foreach (var answer in Take(transition))
                commands.Enqueue(answer);
        }
    }

    private static void Require(JobState before, JobCommand command, JobTransition transition)
    {
        var after = transition.State;
        Assert.True(after.Generation >= before.Generation, "the generation went back");
        Assert.True(after.Revision >= before.Revision, "the revision went back");
        Assert.True(after.Revision > before.Revision == transition.Durable, "a revision that is not durable, or the reverse");
        if (before.Phase.IsAtRest() && after.Phase != before.Phase)
            Assert.True(command is JobCommand.Submit || (before.Phase == JobPhase.Preempted && after.Phase == JobPhase.Cancelled), $"{command} moved a job at rest");
        Assert.False(after.Phase != before.Phase && !transition.Durable, "a phase changed without a write");
        foreach (var effect in transition.Effects)
        {
            switch (effect)
            {
                case JobEffect.StartRanks start:
                    Assert.True(start.Generation == after.Generation && transition.Durable, "ranks started without a write or of another generation");
                    break;
                case JobEffect.FormGeneration form:
                    Assert.Equal(after.Generation, form.Generation);
                    Assert.Equal(Enumerable.Range(0, after.Seats.Length), form.Members.Select(m => m.Rank));
                    break;
                case JobEffect.StopRanks stop:
                    Assert.True(stop.Generation <= after.Generation, "a generation that does not exist is stopped");
                    break;
                case JobEffect.CommitCheckpoint commit:
                    Assert.True(commit.Generation == after.Generation && after.Phase == JobPhase.Running, "a fenced generation commits");
                    break;
            }
        }

        if (after.Phase.HasGeneration())
            Assert.InRange(after.Seats.Length, after.Spec.Workers.Min, after.Spec.Workers.Max);
    }

    private List<JobCommand> Take(JobTransition transition)
    {
        if (State is not null && State.Phase != transition.State.Phase)
            Trace.Add($"g{transition.State.Generation} {State.Phase} -> {transition.State.Phase}: {transition.Reason}");
        State = transition.State;
        if (transition.Durable)
            durable = StateJson.Write(State);
        var answers = new List<JobCommand>();
        foreach (var effect in transition.Effects)
        {
            if (Perform(effect) is { } answer)
                answers.Add(answer);
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
                var grant = pool.Ask(new SlotAsk("job", ask.Generation, ask.Need, ask.Max)) ?? pool.Deal().FirstOrDefault();
                return grant is null ? new JobCommand.SlotsShort(ask.Generation, pool.Free) : new JobCommand.SlotsGranted(grant.Generation, grant.Seats);
            case JobEffect.ReleaseSlots release:
                pool.Release("job", release.Generation);
                return null;
            case JobEffect.AdoptSlots adopt:
                foreach (var seat in adopt.Seats)
                    pool.Adopt(seat.WorkerId, seat.Host, [new SlotUse("job", adopt.Generation, seat.Rank)]);
                return null;
            case JobEffect.StartRanks start:
                if (Send(start.WorkerId, start))
                    return null;
                foreach (var rank in start.Ranks)
                    pool.Vacate(start.WorkerId, new SlotUse("job", start.Generation, rank));
                return new JobCommand.WorkerUnreachable(start.Generation, start.WorkerId);
            case JobEffect.FormGeneration form:
                Send(form.WorkerId, form);
                return null;
            case JobEffect.StopRanks stop:
                Send(stop.WorkerId, stop);
                return null;
            case JobEffect.SendVerdict verdict:
                Send(verdict.WorkerId, verdict);
                return null;
            case JobEffect.CommitCheckpoint commit:
                return folder.Commit(State, commit) is CommitOutcome.Committed committed
                    ? new JobCommand.CheckpointCommitted(commit.Generation, commit.Rank, commit.WorkerId, commit.Draft.Attempt, committed.Entry, committed.Head)
                    : new JobCommand.CheckpointRefused(commit.Generation, commit.Rank, commit.WorkerId, commit.Draft.Step, commit.Draft.Attempt, "lost", LostLineage: true);
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

    private JobCommand.Submit Submit() => JobSamples.Submit(JobSamples.Spec(1 + random.Next(2), 2 + random.Next(4)), $"k{submits++}", random.Next(4) == 0 ? 10 + random.Next(20) : 0);

    /// <summary>A worker takes its next order.</summary>
    private void Down(Agent agent)
    {
        if (!agent.Orders.TryDequeue(out var order))
            return;
        switch (order)
        {
            case JobEffect.StartRanks start:
                foreach (var rank in start.Ranks)
                    agent.Processes.Add((start.Generation, rank), new Process());
                break;
            case JobEffect.FormGeneration form:
                FormedCount++;
                foreach (var member in form.Members.Where(m => agent.Processes.ContainsKey((form.Generation, m.Rank))))
                    agent.Processes[(form.Generation, member.Rank)].IsTraining = true;
                break;
            case JobEffect.StopRanks stop:
                foreach (var key in agent.Processes.Keys.Where(k => k.Generation <= stop.Generation).ToArray())
                {
                    if (stop.WithCheckpoint)
                        agent.Processes[key].MustStop = true;
                    else
                        Exit(agent, key, RankEnding.None, fatal: false);
                }

                break;
            case JobEffect.SendVerdict verdict when agent.Processes.TryGetValue((verdict.Generation, verdict.Rank), out var process):
                process.SavedStep = verdict.Seq > 0 ? verdict.Step : process.SavedStep;
                process.IsSaving = false;
                break;
        }
    }

    /// <summary>The coordinator takes a worker's next report.</summary>
    private void Up(Agent agent)
    {
        if (!agent.Reports.TryDequeue(out var report))
            return;
        agent.Sent.Add(report);
        Report(agent, report);
    }

    private void Report(Agent agent, JobCommand report)
    {
        if (report is JobCommand.RankExited exited && !agent.Processes.ContainsKey((exited.Generation, exited.Rank)))
        {
            pool.Vacate(agent.Id, new SlotUse("job", exited.Generation, exited.Rank));
            Deal();
        }

        Do(report);
    }

    /// <summary>A process makes progress: gets ready, steps, saves, ends.</summary>
    private void Work(Agent agent)
    {
        if (agent.Processes.Count == 0 || !agent.IsConnected)
            return;
        var ((generation, rank), process) = agent.Processes.ElementAt(random.Next(agent.Processes.Count));
        if (!process.IsReady)
        {
            process.IsReady = true;
            agent.Reports.Enqueue(new JobCommand.RankReady(generation, rank, agent.Id, $"{agent.Id}:{rank}", 1));
        }
        else if (process.IsTraining && generation == State.Generation && !process.IsSaving)
        {
            Step(agent, generation, rank, process);
        }
    }

    private void Step(Agent agent, long generation, int rank, Process process)
    {
        var target = State.StopAfterStep > 0 ? Math.Min(State.StopAfterStep, State.Extent.TotalSteps) : State.Extent.TotalSteps;
        process.Step = Math.Max(process.Step, State.Base?.Step ?? 0);
        var isLast = process.MustStop || process.Step >= target;
        if (isLast && (rank != 0 || process.SavedStep == process.Step))
        {
            // The others end once rank 0 has saved.
            if (rank != 0 && State.Base?.Step != process.Step && !(State.Base?.Step >= target))
                return;
            var ending = process.Step >= State.Extent.TotalSteps ? RankEnding.Completed : RankEnding.Stopped;
            agent.Reports.Enqueue(new JobCommand.RankFinished(generation, rank, agent.Id, ending, process.Step));
            Exit(agent, (generation, rank), ending, fatal: false);
        }
        else if (rank == 0 && (isLast || (process.Step > 0 && process.Step % 5 == 0 && process.SavedStep != process.Step && random.Next(2) == 0)))
        {
            process.IsSaving = true;
            agent.Reports.Enqueue(new JobCommand.CheckpointProposed(generation, rank, agent.Id, JobSamples.Draft(process.Step, ++process.Attempt)));
        }
        else if (!isLast)
        {
            process.Step++;
            if (rank == 0)
                agent.Reports.Enqueue(new JobCommand.RankProgressed(generation, rank, agent.Id, process.Step));
        }
    }

    private void Kill(Agent agent, bool fatal)
    {
        if (agent.Processes.Count > 0)
            Exit(agent, agent.Processes.Keys.ElementAt(random.Next(agent.Processes.Count)), RankEnding.None, fatal);
    }

    private static void Exit(Agent agent, (long Generation, int Rank) key, RankEnding ending, bool fatal)
    {
        agent.Processes.Remove(key);
        agent.Reports.Enqueue(new JobCommand.RankExited(key.Generation, key.Rank, agent.Id, ending, "was killed", fatal));
    }

    /// <summary>A worker registers: as WorkerGrain does it.</summary>
    private void Connect(Agent agent)
    {
        if (agent.IsConnected || agent.IsDead)
            return;
        agent.Break();
        agent.IsConnected = agent.IsKnown = true;
        pool.Suspend(agent.Id);
        var running = agent.Processes.Select(p => new RunningSeat(p.Key.Generation, p.Key.Rank, p.Value.IsReady ? $"{agent.Id}:{p.Key.Rank}" : "", p.Value.IsTraining, 1)).ToImmutableArray();
        foreach (var process in agent.Processes.Values)
            process.IsSaving = false; // its verdict may be lost: it proposes again
        Do(new JobCommand.WorkerRegistered(agent.Id, running));
        pool.Enroll(agent.Id, "host", SlotsPerWorker, running.Select(r => new SlotUse("job", r.Generation, r.Rank)));
        Deal();
    }

    private void Lose(Agent agent, bool alive)
    {
        agent.Break();
        agent.IsKnown = false;
        if (!alive)
            agent.Processes.Clear();
        pool.Remove(agent.Id);
        Do(new JobCommand.WorkerLost(agent.Id, "was silent"));
    }

    /// <summary>The machine is gone. A coordinator that never saw it since its own start cannot notice.</summary>
    private void Die(Agent agent)
    {
        agent.IsDead = true;
        if (agent.IsKnown)
            Lose(agent, alive: false);
        else
            agent.Processes.Clear();
    }

    private void Restart()
    {
        Trace.Add("coordinator restarts");
        State = StateJson.Read<JobState>(durable);
        pool = new SlotLedger();
        foreach (var agent in agents)
        {
            agent.Break();
            agent.IsKnown = false;
        }

        Do(new JobCommand.CoordinatorRestarted());
    }

    private void Deal()
    {
        foreach (var grant in pool.Deal())
            Do(new JobCommand.SlotsGranted(grant.Generation, grant.Seats));
    }

    private sealed class Process
    {
        public bool IsReady { get; set; }

        public bool IsTraining { get; set; }

        public bool MustStop { get; set; }

        public bool IsSaving { get; set; }

        public long Step { get; set; }

        public long SavedStep { get; set; } = -1;

        public int Attempt { get; set; }
    }

    private sealed class Agent(string id)
    {
        public string Id => id;

        public bool IsConnected { get; set; }

        /// <summary>Whether this coordinator holds a lease for it.</summary>
        public bool IsKnown { get; set; }

        public bool IsDead { get; set; }

        public SortedDictionary<(long Generation, int Rank), Process> Processes { get; } = [];

        public Queue<JobEffect> Orders { get; } = new();

        public Queue<JobCommand> Reports { get; } = new();

        public List<JobCommand> Sent { get; } = [];

        public bool IsQuiet => Orders.Count == 0 && Reports.Count == 0;

        public void Break()
        {
            IsConnected = false;
            Orders.Clear();
            Reports.Clear();
        }
    }
}
