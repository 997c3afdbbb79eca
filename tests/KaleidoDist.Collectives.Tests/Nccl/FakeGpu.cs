using System.Collections.Concurrent;

namespace KaleidoDist.Collectives.Tests;

/// <summary>
/// A rank's GPU as a test plays it: host memory for device memory, and a thread that carries out what is put on the stream, in order and
/// later than it was put there. Memory is kept until the device goes, as libtorch's allocator does: what was put on the stream before an
/// abort may still be carried out. Arithmetic outside <see cref="Enter"/> happens at once, as on a computing stream that is never behind.
/// </summary>
internal sealed class FakeGpu : IFloatMemory, IDeviceStream, IDisposable
{
    private static readonly ConcurrentDictionary<nint, FakeGpu> Streams = new();
    private static int lastHandle = 0x1000;

    private readonly List<NativeBuffer> memory = [];
    private readonly List<FloatRange> ranges = [];
    private readonly BlockingCollection<Action> work = [];
    private readonly Thread thread;
    private readonly byte[] deviceId;
    private int pending;
    private bool isEntered;

    public FakeGpu(int device)
    {
        deviceId = [.. Enumerable.Repeat((byte)device, 16)];
        Handle = Interlocked.Increment(ref lastHandle);
        Streams[Handle] = this;
        thread = new Thread(Loop) { Name = $"gpu {device}", IsBackground = true };
        thread.Start();
    }

    /// <summary>While reset, the stream does nothing.</summary>
    public ManualResetEventSlim Runs { get; } = new(initialState: true);

    public ReadOnlySpan<byte> DeviceId => deviceId;

    public nint Handle { get; }

    public bool IsIdle => Volatile.Read(ref pending) == 0;

    /// <summary>How often the stream was told to wait for the computing one.</summary>
    public int Followed { get; private set; }

    public static FakeGpu OfStream(nint handle) => Streams[handle];

    /// <summary>Puts something on the stream.</summary>
    public void Post(Action action)
    {
        Interlocked.Increment(ref pending);
        work.Add(action);
    }

    public void FollowComputation() => Followed++;

    public IDisposable Enter()
    {
        isEntered = true;
        return new Exit(this);
    }

    public IDisposable Allocate(long count, out FloatRange values)
    {
        var buffer = NativeBuffer.OfFloats(count);
        memory.Add(buffer);
        values = buffer.Floats;
        ranges.Add(values);
        return new Allocation(this, values);
    }

    public bool Contains(FloatRange range)
        => ranges.Exists(known => range.Address >= known.Address && range.Address + (nint)range.ByteCount <= known.Address + (nint)known.ByteCount);

    public void Add(FloatRange left, FloatRange right, FloatRange destination) => Do(() => FloatRange.Add(left, right, destination));

    public void Copy(FloatRange source, FloatRange destination) => Do(() => source.CopyTo(destination));

    public void Dispose()
    {
        Runs.Set();
        work.CompleteAdding();
        thread.Join();
        memory.ForEach(buffer => buffer.Dispose());
        Streams.TryRemove(Handle, out _);
    }

    private void Do(Action arithmetic)
    {
        if (isEntered)
            Post(arithmetic);
        else
            arithmetic();
    }

    private void Loop()
    {
        foreach (var action in work.GetConsumingEnumerable())
        {
            Runs.Wait();
            action();
            Interlocked.Decrement(ref pending);
        }
    }

    private sealed class Allocation(FakeGpu gpu, FloatRange values) : IDisposable
    {
        public void Dispose() => gpu.ranges.Remove(values);
    }

    private sealed class Exit(FakeGpu gpu) : IDisposable
    {
        public void Dispose() => gpu.isEntered = false;
    }
}
