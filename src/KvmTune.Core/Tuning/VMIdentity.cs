// Identifies a VM and its host: a plan has it beside its change, which names no VM.
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Tuning;

/// <summary>A VM on a host.</summary>
/// <param name="Name">The VM's name, harmless to show.</param>
/// <param name="Id">The VM's UUID, the reliable identifier: the name can be given to another VM later.</param>
/// <param name="ConnectionUri">The libvirt connection to the VM.</param>
public sealed record VMIdentity(string Name, Guid Id, string ConnectionUri)
{
    /// <summary>The argument that names the VM in virsh commands.</summary>
    internal string VirshName => VirshText.Domain(Name, Id);

    /// <summary>The identity of a domain.</summary>
    public static VMIdentity Of(HostConnection host, LibvirtDomain domain)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(domain);
        return new VMIdentity(TerminalText.Line(domain.Name), domain.Id, host.Uri);
    }
}
