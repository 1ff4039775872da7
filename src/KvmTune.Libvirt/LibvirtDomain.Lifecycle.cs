// A domain's state, and starting and stopping it.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtDomain
{
    /// <summary>Whether it runs, in any running state.</summary>
    public bool IsActive => Check(virDomainIsActive(Handle)) == 1;

    /// <summary>Whether it has a persistent configuration.</summary>
    public bool IsPersistent => Check(virDomainIsPersistent(Handle)) == 1;

    /// <summary>The state.</summary>
    public DomainState GetState() => GetState(out _);

    /// <summary>The state and the reason for it.</summary>
    /// <param name="reason">libvirt's number of the reason; its meaning depends on the state.</param>
    public DomainState GetState(out int reason)
    {
        Check(virDomainGetState(Handle, out var state, out reason, 0));
        return (DomainState)state;
    }

    /// <summary>Starts it from its persistent configuration; returns when it runs.</summary>
    public void Start() => Check(virDomainCreate(Handle));

    /// <summary>Asks the guest to shut down; returns at once. The end arrives as an event.</summary>
    /// <param name="mode">The way to ask.</param>
    public void Shutdown(ShutdownMode mode = ShutdownMode.Default) => Check(virDomainShutdownFlags(Handle, (uint)mode));

    /// <summary>Powers it off at once, like pulling the plug.</summary>
    public void Destroy() => Check(virDomainDestroy(Handle));

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainIsActive(DomainHandle domain);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainIsPersistent(DomainHandle domain);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainGetState(DomainHandle domain, out int state, out int reason, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainCreate(DomainHandle domain);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainShutdownFlags(DomainHandle domain, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainDestroy(DomainHandle domain);
}
