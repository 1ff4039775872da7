// The output of Connect-VMHost: a host that answers, with its versions.
namespace KvmTune.Cmdlets.Host;

/// <summary>An open host.</summary>
/// <param name="ConnectionUri">The libvirt URI.</param>
/// <param name="HostName">The host's name.</param>
/// <param name="Hypervisor">The hypervisor's name, for example QEMU.</param>
/// <param name="HypervisorVersion">Its version; null if libvirt does not report it.</param>
/// <param name="LibvirtVersion">The version of libvirt on the host.</param>
/// <param name="IsDefault">Whether this is the default host of cmdlets without a URI.</param>
public sealed record VMHostConnection(
    string ConnectionUri, string HostName, string Hypervisor, string? HypervisorVersion, string LibvirtVersion, bool IsDefault)
{
    /// <summary>For example <c>qemu:///system: QEMU 9.0.0 on host1</c>.</summary>
    public override string ToString() => $"{ConnectionUri}: {Hypervisor} {HypervisorVersion} on {HostName}";
}
