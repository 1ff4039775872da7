// Which VM is meant, and on which host: a plan has it beside its change, which only says what.
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Tuning;

/// <summary>A VM on a host.</summary>
/// <param name="Name">The VM's name.</param>
/// <param name="Id">The VM's UUID: what really names it, since a name can be given to another VM later.</param>
/// <param name="ConnectionUri">The libvirt connection that it is reached by.</param>
public sealed record VMIdentity(string Name, Guid Id, string ConnectionUri)
{
    /// <summary>The word that names the VM to virsh.</summary>
    internal string VirshName => VirshText.Domain(Name, Id);

    /// <summary>The VM that a domain of a host is.</summary>
    public static VMIdentity Of(HostConnection host, LibvirtDomain domain)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(domain);
        return new VMIdentity(domain.Name, domain.Id, host.Uri);
    }
}
