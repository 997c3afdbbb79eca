using KaleidoDist.Checkpoints;
using KaleidoDist.Collectives;
using KaleidoDist.Contracts;
using KaleidoDist.Data;
using KaleidoDist.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace KaleidoDist.Training;

/// <summary>The frozen network of an extraction, with what a bank's files say of it. Owned by the rank thread.</summary>
internal sealed class Backbone : IDisposable
{
    private readonly ResNet50 network;
    private readonly Device device;
    private readonly BankCutter cutter;

    private Backbone(ResNet50 network, Device device, BankProperties properties)
    {
        (this.network, this.device, Properties) = (network, device, properties);
        cutter = new BankCutter(properties.CellSide);
    }

    /// <summary>How its vectors are made.</summary>
    internal BankProperties Properties { get; }

    /// <summary>Loads the network that a job asks for.</summary>
    /// <exception cref="KaleidoException">Its weights are missing, damaged, or another network's: the tensor is named.</exception>
    internal static Backbone Load(JobSpec spec, Device device)
    {
        var extract = spec.Extract!;
        using var weights = new ResNet50Weights();
        if (extract.Weights is { } path)
            Read(path, weights);
        else
            weights.Initialize(spec.Seed);
        var start = TorchStable.DataPointer(weights.Values);
        var properties = new BankProperties
        {
            Backbone = extract.IsRandom ? $"{extract.Backbone}-random-{spec.Seed}" : extract.Backbone,
            WeightsXxh128 = WeightsHash.Compute(ResNet50Weights.Layout.Slots.Select(s => new TensorSource(s.Name, TensorType.F32, s.Shape, Address(start, s), s.Count * sizeof(float)))),
            FeatureSize = ResNet50Layout.FeatureSize,
            CellSide = extract.Side,
        };
        return new Backbone(new ResNet50(weights, device), device, properties);
    }

    /// <summary>The row with vectors in place of its picture; without either when that does not decode.</summary>
    /// <exception cref="KaleidoException">A vector is out of half precision's range.</exception>
    internal RawRow Extract(RawRow row)
    {
        if (!cutter.TryCut(row, out var positions))
            return row with { Image = default, Vectors = null };
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var pixels = from_array(cutter.Cells).reshape(BankLayout.VectorCount, 3, Properties.CellSide, Properties.CellSide).to(device);
        var features = network.Forward(pixels).to(ScalarType.Float16).cpu();
        if (!features.isfinite().all().item<bool>())
            throw KaleidoException.Usage($"The vectors that '{Properties.Backbone}' makes of sample {row.SampleIndex} are out of half precision's range; expected numbers up to 65,504. Look at 'extract.weights'.");
        return row with { Image = default, Vectors = new BankVectors(features.bytes.ToArray(), positions) };
    }

    /// <inheritdoc/>
    public void Dispose() => network.Dispose();

    private static void Read(string path, ResNet50Weights weights)
    {
        try
        {
            using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(path) ?? throw new InvalidDataException("there is no such file"));
            var found = reader.Header.Entries.ToDictionary(e => e.Name, StringComparer.Ordinal);
            foreach (var slot in ResNet50Weights.Layout.Slots)
            {
                if (!found.TryGetValue(slot.Name, out var entry))
                    throw new InvalidDataException($"it has no tensor '{slot.Name}'");
                if (entry.Type != TensorType.F32 || !entry.Shape.SequenceEqual(slot.Shape))
                    throw new InvalidDataException($"its tensor '{slot.Name}' is {TensorTypes.Describe(entry.Type, entry.Shape)}; expected {TensorTypes.Describe(TensorType.F32, slot.Shape)}");
            }

            var start = TorchStable.DataPointer(weights.Values);
            reader.ReadAll(ResNet50Weights.Layout.Slots.ToDictionary(s => s.Name, s => Address(start, s), StringComparer.Ordinal));
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw KaleidoException.Usage($"'extract.weights' is '{path}', which cannot be used: {error.Message}. Expected torchvision's ResNet-50 as a safetensors file: scripts/resnet50_to_safetensors.py makes one.", error);
        }
    }

    private static nint Address(nint start, TensorSlot slot) => start + (nint)(slot.Offset * sizeof(float));
}
