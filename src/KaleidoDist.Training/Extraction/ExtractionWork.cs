using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;
using KaleidoDist.Protocol.V1;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// An extraction as a rank's work (decision 0015). Virtual rank v owns the row groups v, v + V, v + 2V, ...; a rank extracts those of the
/// virtual ranks it hosts, one after the other, and leaves out what is on disk. A step of the job is a row group on disk, so there is no
/// state but the files: nothing to save, to copy or to agree on but how many there are. The row group a rank is at stays in memory from one
/// generation to the next, and is gone on with if it is still the rank's.
/// </summary>
public sealed class ExtractionWork : IRankWork
{
    private readonly TrainerSetup setup;
    private readonly TimeProvider time;
    private readonly Device device;
    private readonly Backbone backbone;
    private readonly RowGroupTable table;
    private readonly RowGroupReader reader;
    private readonly BankFolder folder;
    private readonly List<RawRow> extracted = [];
    private long extractedGroup = -1;
    private long badRows;

    /// <summary>Loads the network and looks at the data set.</summary>
    /// <exception cref="KaleidoException">The weights cannot be used, the data set is a bank already, or the device is missing.</exception>
    public ExtractionWork(TrainerSetup setup, TimeProvider time)
    {
        (this.setup, this.time) = (setup, time);
        device = ReplicaState.SelectDevice(setup.Spec.Workers.Device);
        backbone = Backbone.Load(setup.Spec, device);
        table = new RowGroupTable(setup.Train);
        reader = new RowGroupReader(setup.Train, table, groupCapacity: 1);
        folder = new BankFolder(setup.Spec.Extract!.Output, backbone.Properties, setup.Train, table);
    }

    /// <inheritdoc/>
    public long Step { get; private set; }

    /// <inheritdoc/>
    public long TotalSteps => table.GroupCount;

    /// <inheritdoc/>
    public long StepsPerEpoch => table.GroupCount;

    /// <inheritdoc/>
    public string EarlyEnd => "";

    /// <inheritdoc/>
    public long ParameterCount => ResNet50Weights.Layout.ParameterCount;

    /// <inheritdoc/>
    public TimeSpan LastStepTime { get; private set; }

    /// <inheritdoc/>
    public ReplicaState? Replica => null;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Environment => new SortedDictionary<string, string>(
        RankEnvironment.Describe(setup.Spec, device, ParameterCount).ToDictionary(), StringComparer.Ordinal) { ["backbone"] = $"{backbone.Properties.Backbone} {backbone.Properties.WeightsXxh128}" };

    /// <inheritdoc/>
    public IEnumerable<string> Description
        => [$"on {device.type}, {backbone.Properties.Backbone} of weights {backbone.Properties.WeightsXxh128}; {table.GroupCount:N0} row groups of {table.RowCount:N0} rows to '{setup.Spec.Extract!.Output}'"];

    /// <inheritdoc/>
    public Agreement Agree(ICollective collective, ITrainingPort port)
    {
        var begin = time.GetTimestamp();
        collective.Barrier();
        return new Agreement(Step, CatchUp.Nothing, time.GetElapsedTime(begin), TimeSpan.Zero);
    }

    /// <inheritdoc/>
    public TrainingEnd Run(FormGeneration form, ICollective collective, ITrainingPort port)
    {
        if (form.Stop)
            return TrainingEnd.Stopped;
        if (collective.Rank == 0)
            folder.RemoveLeftovers(collective.Generation);
        var progress = new ExtractionProgress(table, collective, port, time);
        var missing = new Queue<long>();
        var done = default(ExtractionRound);
        foreach (var group in OwnGroups(collective))
        {
            if (folder.Has(group))
                done = done with { Groups = done.Groups + 1, Rows = done.Rows + table.Locate(group).RowCount };
            else
                missing.Enqueue(group);
        }

        while (true)
        {
            var begin = time.GetTimestamp();
            port.EnterPhase("forward", Step);
            while (missing.TryPeek(out var group) && !IsRoundOver(begin, port))
            {
                if (!ExtractRow(group))
                    continue;
                folder.Write(group, extracted, collective.Generation);
                done = done with { Groups = done.Groups + 1, Rows = done.Rows + extracted.Count };
                Forget();
                missing.Dequeue();
            }

            var compute = time.GetElapsedTime(begin);
            port.EnterPhase("reduce", Step);
            var atHand = missing.TryPeek(out var next) && next == extractedGroup ? extracted.Count : 0;
            var sum = (done with { Rows = done.Rows + atHand, BadRows = badRows, Stops = port.StopRequested ? 1 : 0, Parts = port.PartRequested ? 1 : 0 }).SumOver(collective);
            Step = sum.Groups;
            _ = port.TakeDonation(); // a joiner needs nothing of anybody
            progress.Report(sum, compute, time.GetElapsedTime(begin));
            if (sum.Groups == table.GroupCount)
                return TrainingEnd.Completed;
            if (sum.Stops > 0 || (setup.StopAfterStep > 0 && sum.Groups >= setup.StopAfterStep))
                return TrainingEnd.Stopped;
            if (sum.Parts > 0)
                return TrainingEnd.Parted;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        backbone.Dispose();
        reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private IEnumerable<long> OwnGroups(ICollective collective)
    {
        var virtualRanks = setup.Spec.Training.VirtualRanks;
        var hosted = VirtualRankRange.Of(collective.Rank, collective.WorldSize, virtualRanks);
        for (long group = 0; group < table.GroupCount; group++)
        {
            var owner = (int)(group % virtualRanks);
            if (owner >= hosted.First && owner < hosted.End)
                yield return group;
        }
    }

    /// <summary>A round is a moment: ranks hear of each other, and people of them, however long a row group takes.</summary>
    private bool IsRoundOver(long begin, ITrainingPort port)
        => port.StopRequested || port.PartRequested || time.GetElapsedTime(begin) >= ExtractionProgress.RoundTime;

    /// <summary>Extracts one more row of a group; true when it was the last.</summary>
    private bool ExtractRow(long group)
    {
        var begin = time.GetTimestamp();
        if (extractedGroup != group)
            Forget();
        extractedGroup = group;
        var rows = Task.Run(() => reader.ReadAsync(group).AsTask()).GetAwaiter().GetResult().Rows;
        if (extracted.Count < rows.Count)
        {
            var row = backbone.Extract(rows[extracted.Count]);
            badRows += row.Vectors is null ? 1 : 0;
            extracted.Add(row);
        }

        LastStepTime = time.GetElapsedTime(begin);
        return extracted.Count == rows.Count;
    }

    private void Forget()
    {
        extracted.Clear();
        extractedGroup = -1;
    }
}
