// Reads the documents of a VM for planning.
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Reads domain documents.</summary>
internal static class VMReading
{
    /// <summary>
    /// Both documents of a VM; for a change of a running VM alone only the running one. The persistent one includes security
    /// information: a define without it would lose passwords (virsh manual, dumpxml --security-info).
    /// </summary>
    /// <param name="domain">The VM.</param>
    /// <param name="scope">The place of the change.</param>
    /// <param name="before">The previous reading: an unchanged document is taken from there, with the values that were read from it.</param>
    public static VMSnapshot Snapshot(LibvirtDomain domain, ChangeScope scope = ChangeScope.Auto, VMSnapshot? before = null)
    {
        var running = Running(domain, before?.Running);
        var isEnough = running is not null && scope is ChangeScope.Live;
        return new VMSnapshot(running, !isEnough && domain.IsPersistent ? Persistent(domain, before?.Persistent) : null)
        {
            HasManagedSave = running is null && domain.HasManagedSave,
        };
    }

    /// <summary>The running document of a VM; null if it does not run. One call is enough: only a running VM's document has an id.</summary>
    public static DomainDocument? Running(LibvirtDomain domain, DomainDocument? before = null)
    {
        var xml = domain.GetXml(DomainXmlFlags.Secure);
        return xml.AsSpan(0, xml.IndexOf('>', StringComparison.Ordinal) + 1).Contains(" id='", StringComparison.Ordinal) ? Of(xml, before) : null;
    }

    /// <summary>The persistent document of a VM, with security information.</summary>
    public static DomainDocument Persistent(LibvirtDomain domain, DomainDocument? before = null) => Of(domain.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure), before);

    private static DomainDocument Of(string xml, DomainDocument? before) => before?.IsFrom(xml) == true ? before : DomainDocument.FromLibvirt(xml);
}
