// Reads VMs for the path of changes: the documents of one, and the running configurations of its neighbours.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Reads domain documents.</summary>
internal static class VMReading
{
    /// <summary>
    /// Both documents of a VM; for a change of the running VM alone, where it runs, only that one. The persistent one comes with security
    /// information: a define without it would lose passwords (virsh manual, dumpxml --security-info).
    /// </summary>
    public static VMSnapshot Snapshot(LibvirtDomain domain, ChangeScope scope = ChangeScope.Auto)
    {
        var running = Running(domain);
        var isEnough = running is not null && scope is ChangeScope.Live;
        return new VMSnapshot(running, !isEnough && domain.IsPersistent ? Persistent(domain) : null)
        {
            HasManagedSave = running is null && domain.HasManagedSave,
        };
    }

    /// <summary>The running document of a VM; null when it does not run. One question: only a running VM's document has an id.</summary>
    public static DomainDocument? Running(LibvirtDomain domain)
    {
        var xml = domain.GetXml(DomainXmlFlags.Secure);
        return xml.AsSpan(0, xml.IndexOf('>', StringComparison.Ordinal) + 1).Contains(" id='", StringComparison.Ordinal) ? DomainDocument.FromLibvirt(xml) : null;
    }

    /// <summary>The persistent document of a VM, with security information.</summary>
    public static DomainDocument Persistent(LibvirtDomain domain) => DomainDocument.FromLibvirt(domain.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure));

    /// <summary>The configurations of the running VMs other than the given one.</summary>
    public static IReadOnlyList<VMConfiguration> RunningConfigurations(HostConnection host, Guid except)
    {
        var configurations = new List<VMConfiguration>();
        foreach (var domain in host.Read().ListDomains(DomainListFlags.Active))
        {
            using (domain)
            {
                if (domain.Id != except && TryRead(domain) is { } configuration)
                {
                    configurations.Add(configuration);
                }
            }
        }

        return configurations;
    }

    // A VM that was undefined or stopped since it was listed is no neighbour any more.
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
