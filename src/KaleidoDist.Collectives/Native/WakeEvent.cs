using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KaleidoDist.Collectives;

/// <summary>Wakes a thread that waits in poll (an eventfd). Signals that nobody waited for are kept, and merge into one.</summary>
internal sealed class WakeEvent : SafeHandleMinusOneIsInvalid
{
    /// <summary>Creates the event.</summary>
    /// <exception cref="Win32Exception">The process is out of descriptors.</exception>
    public WakeEvent()
        : base(ownsHandle: true)
    {
        SetHandle(Libc.EventFd());
        if (IsInvalid)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>The descriptor to poll for <see cref="Libc.PollIn"/>.</summary>
    public int Descriptor => (int)handle;

    /// <summary>Makes the descriptor readable. May be called from any thread, also after disposal.</summary>
    public void Signal()
    {
        var added = false;
        try
        {
            DangerousAddRef(ref added);
            // It can only fail when the counter is full, and then the descriptor is readable already.
            _ = Libc.EventFdWrite(Descriptor, 1);
        }
        catch (ObjectDisposedException)
        {
            // Whoever waited here is gone: there is nobody to wake.
        }
        finally
        {
            if (added)
                DangerousRelease();
        }
    }

    /// <summary>Takes the signals seen so far.</summary>
    public void Clear() => _ = Libc.EventFdRead(Descriptor, out _);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}
