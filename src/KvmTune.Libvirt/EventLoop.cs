// The one thread that runs libvirt's event loop: it delivers events, answers keep-alives and notices lost daemons.
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

/// <summary>
/// libvirt's default event loop. It is registered when the library is prepared and runs from the first connection on. libvirt frees the resources
/// of a closed connection in this loop; without it, connections would leak.
/// </summary>
internal static partial class EventLoop
{
    private static int _started;

    /// <summary>Starts the thread unless it already runs. It is a background thread and ends with the process.</summary>
    public static void EnsureRunning()
    {
        if (Volatile.Read(ref _started) != 0 || Interlocked.Exchange(ref _started, 1) != 0)
        {
            return;
        }

        new Thread(Run, 256 * 1024) { IsBackground = true, Name = "libvirt events" }.Start();
    }

    private static void Run()
    {
        while (true)
        {
            if (virEventRunDefaultImpl() < 0)
            {
                // This failure is not expected. The pause keeps a permanent failure from using a whole CPU.
                Trace.TraceError(LibvirtError.Last(nameof(virEventRunDefaultImpl), null).Message);
                Thread.Sleep(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    internal static partial int virEventRegisterDefaultImpl();

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virEventRunDefaultImpl();
}
