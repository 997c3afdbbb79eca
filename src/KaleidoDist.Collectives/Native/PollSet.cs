using System.ComponentModel;
using System.Runtime.InteropServices;

namespace KaleidoDist.Collectives;

/// <summary>
/// The descriptors one thread waits for: slot 0 is the <see cref="WakeEvent"/>, the others are filled before every wait. Grows to the
/// largest wait and is reused.
/// </summary>
internal sealed class PollSet(WakeEvent wake)
{
    private Libc.PollFd[] descriptors = [new() { Fd = wake.Descriptor, Events = Libc.PollIn }];
    private int count = 1;

    /// <summary>Forgets all descriptors but the wake event.</summary>
    public void Clear() => count = 1;

    /// <summary>Asks for <paramref name="events"/> of a socket.</summary>
    /// <returns>The index under which <see cref="Events"/> tells what happened.</returns>
    public int Add(int descriptor, short events)
    {
        if (count == descriptors.Length)
            Array.Resize(ref descriptors, 2 * count);
        descriptors[count] = new Libc.PollFd { Fd = descriptor, Events = events };
        return count++;
    }

    /// <summary>What happened to descriptor <paramref name="index"/> in the last wait.</summary>
    public short Events(int index) => descriptors[index].Revents;

    /// <summary>Waits until something happens, the wake event is signalled, or <paramref name="limit"/> (perhaps infinite) has passed.</summary>
    /// <returns>True when the wake event was signalled; the signal is taken.</returns>
    public bool Wait(TimeSpan limit)
    {
        var milliseconds = limit == Timeout.InfiniteTimeSpan ? -1 : (int)Math.Ceiling(Math.Clamp(limit.TotalMilliseconds, 0, int.MaxValue));
        if (Libc.Poll(descriptors.AsSpan(0, count), milliseconds) < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error != Libc.Eintr)
                throw new Win32Exception(error);
            for (var index = 0; index < count; index++)
                descriptors[index].Revents = 0;
        }

        if ((descriptors[0].Revents & Libc.PollIn) == 0)
            return false;
        wake.Clear();
        return true;
    }
}
