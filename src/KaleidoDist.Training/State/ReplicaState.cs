using System.IO.Hashing;
using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>
/// Everything that a step changes: weights, moments, counters, in flat buffers on one device. All replicas of a generation are equal,
/// bit for bit, after every step. Created on the rank thread, outside any dispose scope.
/// </summary>
public sealed class ReplicaState : IDisposable
{
    /// <summary><see cref="Step"/> of a replica without a state.</summary>
    public const long Nothing = -1;

    private const string OptimizerKey = "optimizer";

    // Checkpoints that do not name their optimizer are older than the choice.
    private const string FirstOptimizer = "adamw";

    private readonly Tensor? staging;
    private readonly Tensor[] frozen;
    private readonly JobSpec spec;
    private readonly Dictionary<Tensor, Tensor> hostCopies = [];

    private ReplicaState(JobSpec spec, Device device)
    {
        if (spec.Training.Precision == Precision.Bf16 && device.type == DeviceType.CPU)
            BfloatProcessor.Require();
        this.spec = spec;
        Device = device;
        Parameters = new KaleidoParameters(spec.Model, device);
        Model = new KaleidoBert(Parameters, spec.Training.Precision);
        var isFrozen = TrainedRange.FrozenBy(spec);
        Optimizer = FlatOptimizer.Create(spec.Training.Optimizer, Parameters.Weights, Parameters.Gradients, Parameters.Layout, isFrozen);
        frozen = [.. TrainedRange.Frozen(Parameters.Layout, isFrozen).Select(range => Parameters.Gradients.narrow(0, range.Start, range.Length).DetachFromDisposeScope())];
        staging = device.type == DeviceType.CPU ? null : zeros(Parameters.Layout.Length, dtype: ScalarType.Float32).DetachFromDisposeScope();
        HostGradients = RangeOf(staging ?? Parameters.Gradients);
        GpuMemory = device.type == DeviceType.CUDA ? new CudaMemory(device) : null;
    }

    /// <summary>Where tensors live.</summary>
    public Device Device { get; }

    /// <summary>Weights and gradients.</summary>
    public KaleidoParameters Parameters { get; }

    /// <summary>The model over the weights.</summary>
    public KaleidoBert Model { get; }

    /// <summary>The optimizer with its moments.</summary>
    public FlatOptimizer Optimizer { get; }

    /// <summary>Steps applied, over all epochs: the number of the last one; <see cref="Nothing"/> before a joiner got its state.</summary>
    public long Step { get; set; }

    /// <summary>The newest step this rank knows to be in a committed checkpoint; -1 for none.</summary>
    public long CommittedStep { get; set; } = -1;

    /// <summary>The step whose reduced gradient is whole in <see cref="HostGradients"/> and not applied; 0 when there is none.</summary>
    public long ReducedStep { get; set; }

    /// <summary>The figures of step <see cref="Step"/>, with which a peer that only has its gradient can apply it; null when it was loaded.</summary>
    public StepFigures? LastApplied { get; set; }

    /// <summary>What else steps count.</summary>
    public ReplicaCounters Counters { get; set; }

    /// <summary>What later steps and evaluations depend on besides.</summary>
    public ReplicaHistory History { get; set; } = ReplicaHistory.None;

    /// <summary>Times this replica was found to differ from its peers' and was replaced by theirs.</summary>
    internal int Heals { get; set; }

    /// <summary>The flat gradients in host memory, where they are reduced: the buffer itself on a CPU, a copy of it otherwise.</summary>
    public FloatRange HostGradients { get; }

    /// <summary>The thread that copies and writes checkpoints of this replica, and its memory.</summary>
    internal CheckpointLane Checkpoints { get; } = new();

    /// <summary>The memory of the GPU that this rank computes on; null on a CPU.</summary>
    public CudaMemory? GpuMemory { get; }

    /// <summary>What came of the weights that the job starts from; null when it starts from its seed alone, or not here.</summary>
    public WeightsReport? InitialWeights { get; private set; }

    /// <summary>New weights from the job's seed and what it starts from, or those of the checkpoint to resume.</summary>
    /// <exception cref="KaleidoException">The checkpoint or the file is damaged or of another model, or the device is missing.</exception>
    public static ReplicaState Create(TrainerSetup setup)
    {
        if (setup.ResumeSeq == 0)
            return Create(setup.Spec);
        var state = new ReplicaState(setup.Spec, SelectDevice(setup.Spec.Workers.Device));
        state.Load(setup);
        return state;
    }

    /// <summary>New weights from the job's seed, and over them those of <see cref="JobSpec.ModelInit"/> by their names.</summary>
    /// <exception cref="KaleidoException">The device is missing, or the file cannot be used.</exception>
    public static ReplicaState Create(JobSpec spec)
    {
        var state = new ReplicaState(spec, SelectDevice(spec.Workers.Device));
        state.Parameters.Initialize(spec.Seed);
        return spec.ModelInit is { } path ? state.StartFrom(path) : state;
    }

    /// <summary>A replica that waits for a peer's state.</summary>
    public static ReplicaState CreateEmpty(TrainerSetup setup) => new(setup.Spec, SelectDevice(setup.Spec.Workers.Device)) { Step = Nothing };

    /// <summary>Weights, first and second moments in host memory as they are now, padding included: the buffers themselves on a CPU.</summary>
    public IReadOnlyList<FloatRange> ToHost()
    {
        // Whoever gets the ranges may write to them.
        Checkpoints.AwaitSnapshot();
        return [.. Flats.Select(flat => RangeOf(OnHostNow(flat)))];
    }

    /// <summary>Takes what was written to the ranges of <see cref="ToHost"/> as the new weights and moments.</summary>
    public void FromHost()
    {
        using var noGradients = no_grad();
        foreach (var flat in Flats)
        {
            if (flat.device_type != DeviceType.CPU)
                flat.copy_(hostCopies[flat]);
        }
    }

    /// <summary>Brings the gradients of the last backward pass to host memory.</summary>
    public FloatRange PullGradients()
    {
        staging?.copy_(Parameters.Gradients); // returns the very tensor: nothing to dispose
        return HostGradients;
    }

    /// <summary>Brings a part of the gradients, which the backward pass has finished, to host memory.</summary>
    public void PullGradients(long offset, long count)
    {
        if (staging is null)
            return;
        using Tensor source = Parameters.Gradients.narrow(0, offset, count), destination = staging.narrow(0, offset, count);
        destination.copy_(source);
    }

    /// <summary>Brings reduced gradients back to the device.</summary>
    public void PushGradients()
    {
        if (staging is not null)
            Parameters.Gradients.copy_(staging);
    }

    /// <summary>The state as tensors to save: on a CPU the very buffers, which the next update changes.</summary>
    public CheckpointSnapshot Snapshot(string jobId, long generation) => Snapshot(jobId, generation, flat => TorchStable.DataPointer(OnHostNow(flat)));

    /// <summary>The same without content: names, shapes and sizes.</summary>
    internal CheckpointSnapshot SnapshotForm(string jobId, long generation) => Snapshot(jobId, generation, _ => 0);

    /// <summary>Forgets the gradients of parameters that are not trained: they count in no norm.</summary>
    internal void DropFrozenGradients()
    {
        foreach (var gradient in frozen)
            gradient.zero_(); // returns a handle of the very tensor, which the step's scope takes
    }

    /// <summary>Hash of weights and moments: equal on all ranks after every step.</summary>
    public ulong ReplicaHash()
    {
        var hash = new XxHash3();
        foreach (var flat in Flats)
        {
            using var host = flat.cpu();
            foreach (var slot in Parameters.Layout.Slots)
            {
                using var values = host.narrow(0, slot.Offset, slot.Count);
                hash.Append(values.bytes);
            }
        }

        return hash.GetCurrentHashAsUInt64();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Checkpoints.Dispose();
        Optimizer.Dispose();
        Parameters.Dispose();
        staging?.Dispose();
        foreach (var gradient in frozen)
            gradient.Dispose();
        foreach (var copy in hostCopies.Values)
            copy.Dispose();
    }

    private Tensor[] Flats => [Parameters.Weights, Optimizer.FirstMoment, Optimizer.SecondMoment];

    private void Load(TrainerSetup setup)
    {
        var manifest = new CheckpointCatalog(setup.Spec.Checkpoint.Root, TimeProvider.System).Read(setup.ResumeSeq);
        using Tensor weights = OnHost(Parameters.Weights), first = OnHost(Optimizer.FirstMoment), second = OnHost(Optimizer.SecondMoment);
        var rest = new CheckpointLoader(setup.Spec.Checkpoint.Root).Load(manifest, Destinations(weights), Destinations(first), Destinations(second));
        RequireMoments(manifest.Seq, rest);
        using (NewDisposeScope())
        using (no_grad())
        {
            Parameters.Weights.copy_(weights);
            Optimizer.FirstMoment.copy_(first);
            Optimizer.SecondMoment.copy_(second);
        }

        Optimizer.StepCount = rest.OptimizerStep;
        History = ReplicaHistory.FromValues(rest.Values, spec);
        Step = CommittedStep = manifest.Step;
    }

    /// <summary>Moments mean something to the optimizer that made them only.</summary>
    private void RequireMoments(long seq, TrainingState rest)
    {
        var name = spec.Training.Optimizer.Name;
        if (rest.Values.GetValueOrDefault(OptimizerKey, FirstOptimizer) is var maker && maker != name)
            throw KaleidoException.Usage($"Checkpoint {seq} has the moments of {maker}, and 'training.optimizer.name' is {name}; expected the same. Restore it, or begin another run from these weights alone: name the run as 'model.init' and give it another 'checkpoint.uri'.");
    }

    private ReplicaState StartFrom(string path)
    {
        using var weights = OnHost(Parameters.Weights);
        using var noGradients = no_grad();
        if (Device.type != DeviceType.CPU)
            weights.copy_(Parameters.Weights);
        InitialWeights = new WeightsImport(path).Load(Destinations(weights));
        if (Device.type != DeviceType.CPU)
            Parameters.Weights.copy_(weights);
        return this;
    }

    private CheckpointSnapshot Snapshot(string jobId, long generation, Func<Tensor, nint> addressOf) => new()
    {
        JobId = jobId,
        Generation = generation,
        Step = Step,
        Weights = Sources(addressOf(Parameters.Weights)),
        FirstMoments = Sources(addressOf(Optimizer.FirstMoment)),
        SecondMoments = Sources(addressOf(Optimizer.SecondMoment)),
        State = new TrainingState(Optimizer.StepCount)
        {
            Values = new SortedDictionary<string, string>(History.ToValues(spec).Append(new(OptimizerKey, spec.Training.Optimizer.Name)).ToDictionary(), StringComparer.Ordinal),
        },
    };

    private List<TensorSource> Sources(nint start)
        => [.. Parameters.Layout.Slots.Select(s => new TensorSource(s.Name, TensorType.F32, s.Shape, start + (nint)(s.Offset * sizeof(float)), s.Count * sizeof(float)))];

    /// <summary>The buffer itself on a CPU; else its copy in host memory, allocated once and brought up to date.</summary>
    private Tensor OnHostNow(Tensor flat)
    {
        if (flat.device_type == DeviceType.CPU)
            return flat;
        if (!hostCopies.TryGetValue(flat, out var copy))
            hostCopies.Add(flat, copy = zeros_like(flat, device: CPU).DetachFromDisposeScope());
        copy.copy_(flat);
        return copy;
    }

    private List<TensorDestination> Destinations(Tensor flat)
    {
        var start = TorchStable.DataPointer(flat);
        return [.. Parameters.Layout.Slots.Select(s => new TensorDestination(s.Name, TensorType.F32, s.Shape, start + (nint)(s.Offset * sizeof(float)), s.Count * sizeof(float)))];
    }

    private static Tensor OnHost(Tensor flat) => flat.device_type == DeviceType.CPU ? flat.alias() : zeros_like(flat, device: CPU);

    private static FloatRange RangeOf(Tensor flat) => new(TorchStable.DataPointer(flat), flat.numel());

    /// <summary>The device that a job asks for.</summary>
    internal static Device SelectDevice(DeviceKind kind) => kind switch
    {
        DeviceKind.Cuda when !cuda.is_available() => throw KaleidoException.Usage(
            "'workers.device' is cuda, but libtorch finds no CUDA device on this machine; expected a build with -p:TorchBackend=cuda and an NVIDIA driver. Set 'workers.device: cpu' or use that build."),
        DeviceKind.Cuda or DeviceKind.Auto when cuda.is_available() => CUDA,
        _ => CPU,
    };
}
