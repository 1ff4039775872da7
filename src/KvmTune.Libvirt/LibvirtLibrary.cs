// Finds libvirt's client library and prepares it, once, at first use.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

/// <summary>
/// libvirt's client library on this machine. Nothing is loaded until it is needed, so that an assembly that refers to this one can be loaded
/// on a machine without libvirt.
/// </summary>
public static unsafe partial class LibvirtLibrary
{
    /// <summary>The name of libvirt in this assembly's P/Invokes.</summary>
    internal const string Libvirt = "libvirt";

    /// <summary>The name of the library with QEMU's own functions in the P/Invokes.</summary>
    internal const string LibvirtQemu = "libvirt-qemu";

    private static readonly string[] LibvirtFiles = ["libvirt.so.0", "libvirt.so"];
    private static readonly string[] LibvirtQemuFiles = ["libvirt-qemu.so.0", "libvirt-qemu.so"];
    private static readonly object Gate = new();
    private static volatile bool _ready;
    private static bool _resolving;
    private static nint _defaultAuthentication;

    /// <summary>libvirt's default authentication (<c>virConnectAuthPtrDefault</c>): asks on the terminal where needed.</summary>
    internal static nint DefaultAuthentication => _defaultAuthentication;

    /// <summary>Loads and prepares libvirt. After a failure the next call tries again, so an installation takes effect at once.</summary>
    internal static void EnsureReady()
    {
        if (_ready)
        {
            return;
        }

        lock (Gate)
        {
            if (_ready)
            {
                return;
            }

            var library = LoadFirst(LibvirtFiles);
            if (!_resolving)
            {
                NativeLibrary.SetDllImportResolver(typeof(LibvirtLibrary).Assembly, Resolve);
                _resolving = true;
            }

            // Errors become exceptions; by default libvirt would also print every error to stderr.
            virSetErrorFunc(0, &IgnoreError);
            LibvirtError.Check(virInitialize());

            // Connections use the event loop only if it is registered before they are opened.
            LibvirtError.Check(EventLoop.virEventRegisterDefaultImpl());
            _defaultAuthentication = *(nint*)NativeLibrary.GetExport(library, "virConnectAuthPtrDefault");
            _ready = true;
        }
    }

    /// <summary>Loads the first file of a list that can be loaded.</summary>
    /// <exception cref="LibvirtUnavailableException">None of them can be loaded.</exception>
    internal static nint LoadFirst(IReadOnlyList<string> files)
    {
        foreach (var file in files)
        {
            if (NativeLibrary.TryLoad(file, out var library))
            {
                return library;
            }
        }

        throw new LibvirtUnavailableException($"{files[0]} could not be loaded. {LibvirtUnavailableException.Advice}");
    }

    /// <summary>Converts libvirt's version number: major * 1,000,000 + minor * 1,000 + release.</summary>
    internal static Version ToVersion(nuint version)
        => new((int)(version / 1_000_000), (int)(version / 1_000 % 1_000), (int)(version % 1_000));

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath) => name switch
    {
        Libvirt => LoadFirst(LibvirtFiles),
        LibvirtQemu => LoadFirst(LibvirtQemuFiles),
        _ => 0,
    };

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void IgnoreError(nint userData, nint error)
    {
    }

    [LibraryImport(Libvirt)]
    private static partial int virInitialize();

    [LibraryImport(Libvirt)]
    private static partial void virSetErrorFunc(nint userData, delegate* unmanaged[Cdecl]<nint, nint, void> handler);
}
