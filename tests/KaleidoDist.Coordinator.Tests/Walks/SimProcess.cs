namespace KaleidoDist.Coordinator.Tests;

/// <summary>A rank process of the simulated world. It keeps its state in memory over generations, as the real one does.</summary>
internal sealed class SimProcess(long member, bool isJoiner, long step)
{
    public long Member => member;

    public bool IsReady { get; set; }

    /// <summary>SIGSTOP: it says and does nothing, but can be killed.</summary>
    public bool IsHung { get; set; }

    /// <summary>Whether it was ever hung: then a late removal is right.</summary>
    public bool WasHung { get; set; }

    public DateTimeOffset HungSince { get; set; }

    /// <summary>Steps applied; -1 for a joiner without a state.</summary>
    public long Step { get; set; } = isJoiner ? -1 : step;

    /// <summary>The generation it last formed; 0 before.</summary>
    public long Generation { get; set; }

    /// <summary>The generation it trains in; null while it waits.</summary>
    public SimGroup? Group { get; set; }

    /// <summary>The generation it connects to.</summary>
    public SimGroup? Entering { get; set; }

    /// <summary>An order to form that takes effect at the next border.</summary>
    public JobEffect.FormGeneration? Pending { get; set; }

    public bool MustStop { get; set; }

    /// <summary>A member that gives it the state.</summary>
    public long Donor { get; set; }

    public bool SaidCaughtUp { get; set; }

    public bool IsWaiting => Group is null;
}

/// <summary>What a generation is on the data plane: a step is made by all its members or not at all.</summary>
internal sealed class SimGroup(JobEffect.FormGeneration form)
{
    public long Generation => form.Generation;

    public IReadOnlyList<GenerationMember> Members => form.Members;

    /// <summary>Members that have connected.</summary>
    public HashSet<long> Entered { get; } = [];

    public bool IsFormed { get; set; }

    /// <summary>Rank that was lost first; -1 for a broken connection; null while it is whole.</summary>
    public int? Broken { get; private set; }

    /// <summary>No step follows: a checkpoint, and the end.</summary>
    public bool IsStopping { get; set; } = form.Stop;

    /// <summary>The save under way; null for none.</summary>
    public SimSave? Save { get; set; }

    public int Attempts { get; set; }

    public bool IsSaved { get; set; }

    /// <summary>Its members parted at a border.</summary>
    public bool IsOver { get; set; }

    public void Break(int lostRank) => Broken ??= lostRank;

    public int RankOf(long member) => Members.First(m => m.Member == member).Rank;
}

/// <summary>An attempt to save: each member reports its shard of it.</summary>
internal sealed record SimSave(long Step, int Attempt)
{
    public HashSet<long> Reported { get; } = [];

    /// <summary>What each member says, as often as it says it.</summary>
    public Dictionary<long, CheckpointDraft> Drafts { get; } = [];
}

/// <summary>A worker's agent.</summary>
internal sealed class SimAgent(string id, string capability)
{
    public string Id => id;

    public string Capability => capability;

    public int Incarnation { get; set; } = 1;

    public bool IsConnected { get; set; }

    /// <summary>Whether this coordinator holds a lease for it.</summary>
    public bool IsKnown { get; set; }

    public bool IsDead { get; set; }

    public bool IsDraining { get; set; }

    /// <summary>Whether its stream was ever broken: then what it said may have been lost.</summary>
    public bool WasBroken { get; private set; }

    public DateTimeOffset BrokenAt { get; set; }

    public SortedDictionary<long, SimProcess> Processes { get; } = [];

    public Queue<JobEffect> Orders { get; } = new();

    public Queue<JobCommand> Reports { get; } = new();

    public List<JobCommand> Sent { get; } = [];

    public bool IsQuiet => Orders.Count == 0 && Reports.Count == 0;

    public void Break(DateTimeOffset now)
    {
        if (IsConnected)
            (BrokenAt, WasBroken) = (now, true);
        IsConnected = false;
        Orders.Clear();
        Reports.Clear();
    }
}
