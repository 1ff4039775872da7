// Reads a host's running VMs for a command that judges many VMs in turn: once, and again where something may have changed.
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Hosts;

/// <summary>
/// The running VMs of a host while a command works on it. A VM that this process changes is read again before another one is judged beside it.
/// Others may change VMs too, so all are read again from time to time.
/// </summary>
/// <param name="host">The host.</param>
/// <param name="time">The clock; null for the system's.</param>
public sealed class RunningVMReading(HostConnection host, TimeProvider? time = null)
{
    private readonly object _gate = new();
    private readonly KeptReading<RunningVMs> _vms = new(time ?? TimeProvider.System);

    // What is not known as it is now: what this process changed, and the VM that the others were read for.
    private readonly HashSet<Guid> _unread = [];
    private int _changesSeen;

    /// <summary>The running VMs beside one, which is not read itself.</summary>
    /// <exception cref="LibvirtException">libvirt refuses or the daemon is lost.</exception>
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

    // A VM that was undefined or stopped since it was listed is not a neighbour any more.
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
