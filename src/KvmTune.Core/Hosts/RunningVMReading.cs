// Reads a host's running VMs for those who judge many VMs one after the other: once, and again where something may have changed.
using System.Diagnostics;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Hosts;

/// <summary>
/// The running VMs of a host while a command works on it. A VM that this process changes is read again at once. Others may change VMs too, so all
/// are read again from time to time: as seldom as makes the reading a small part of the work.
/// </summary>
/// <param name="host">The host.</param>
public sealed class RunningVMReading(HostConnection host)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private RunningVMs? _vms;
    private long _readAt;
    private TimeSpan _keep;
    private int _changesSeen;

    /// <summary>The running VMs beside one.</summary>
    /// <exception cref="LibvirtException">libvirt refuses or the daemon is lost.</exception>
    public VMNeighbours Beside(Guid vm)
    {
        lock (_gate)
        {
            var changed = host.VMsChangedSince(ref _changesSeen);
            if (_vms is null || Stopwatch.GetElapsedTime(_readAt) > _keep)
            {
                _readAt = Stopwatch.GetTimestamp();
                _vms = new RunningVMs(ReadAll());
                _keep = Fresh + (10 * Stopwatch.GetElapsedTime(_readAt));
            }
            else
            {
                foreach (var id in changed.Distinct())
                {
                    using var domain = host.Read().TryLookupByUuid(id);
                    _vms.Renew(id, domain is { IsActive: true } ? TryRead(domain) : null);
                }
            }

            return _vms.Beside(vm);
        }
    }

    private List<VMConfiguration> ReadAll()
    {
        var configurations = new List<VMConfiguration>();
        foreach (var domain in host.Read().ListDomains(DomainListFlags.Active))
        {
            using (domain)
            {
                if (TryRead(domain) is { } configuration)
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
