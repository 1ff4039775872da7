// Reads a host's running VMs for a command that judges many VMs in turn: once, and again after possible changes.
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Hosts;

/// <summary>
/// The running VMs of a host while a command works on it. A VM that this process changed is read again before the next VM is judged. Other programs
/// may also change VMs, so all are read again from time to time.
/// </summary>
/// <param name="host">The host.</param>
/// <param name="time">The clock; null for the system clock.</param>
public sealed class RunningVMReading(HostConnection host, TimeProvider? time = null)
{
    private readonly object _gate = new();
    private readonly KeptReading<RunningVMs> _vms = new(time ?? TimeProvider.System);

    // The VMs without a current reading: those that this process changed, and the one that the others were read for.
    private readonly HashSet<Guid> _unread = [];
    private int _changesSeen;

    /// <summary>The running VMs beside one VM, which is not read itself.</summary>
    /// <exception cref="LibvirtException">libvirt refuses, or the connection to the daemon is lost.</exception>
    public VMNeighbours Beside(Guid vm)
    {
        lock (_gate)
        {
            _unread.UnionWith(host.VMsChangedSince(ref _changesSeen));
            var vms = _vms.Get(() => new RunningVMs(ReadAllBut(vm)), out var isNew);
            if (isNew)
            {
                _unread.Clear();
                _unread.Add(vm);
            }

            foreach (var id in _unread.Where(id => id != vm))
            {
                using var domain = host.Read().TryLookupByUuid(id);
                vms.Renew(id, domain is { IsActive: true } ? TryRead(domain) : null);
            }

            _unread.RemoveWhere(id => id != vm);
            return vms.Beside(vm);
        }
    }

    private List<VMConfiguration> ReadAllBut(Guid vm)
    {
        var configurations = new List<VMConfiguration>();
        foreach (var domain in host.Read().ListDomains(DomainListFlags.Active))
        {
            using (domain)
            {
                if (domain.Id != vm && TryRead(domain) is { } configuration)
                {
                    configurations.Add(configuration);
                }
            }
        }

        return configurations;
    }

    // A VM that was undefined or stopped after the listing is no longer a neighbour.
    private static VMConfiguration? TryRead(LibvirtDomain domain)
    {
        try
        {
            using var xml = domain.GetXmlUtf8();
            return DomainXmlReader.Read(xml.Span);
        }
        catch (LibvirtException exception) when (exception.ErrorCode == LibvirtErrorCode.NoDomain)
        {
            return null;
        }
    }
}
