// Reads VMs for the path of changes: the documents of one.
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
    /// <param name="domain">The VM.</param>
    /// <param name="scope">Where a change is to be made.</param>
    /// <param name="before">What was read of it before: a document that is still the same is taken from there, as far as it is taken apart already.</param>
    public static VMSnapshot Snapshot(LibvirtDomain domain, ChangeScope scope = ChangeScope.Auto, VMSnapshot? before = null)
    {
        var running = Running(domain, before?.Running);
        var isEnough = running is not null && scope is ChangeScope.Live;
        return new VMSnapshot(running, !isEnough && domain.IsPersistent ? Persistent(domain, before?.Persistent) : null)
        {
            HasManagedSave = running is null && domain.HasManagedSave,
        };
    }

    /// <summary>The running document of a VM; null when it does not run. One question: only a running VM's document has an id.</summary>
    public static DomainDocument? Running(LibvirtDomain domain, DomainDocument? before = null)
    {
        var xml = domain.GetXml(DomainXmlFlags.Secure);
        return xml.AsSpan(0, xml.IndexOf('>', StringComparison.Ordinal) + 1).Contains(" id='", StringComparison.Ordinal) ? Of(xml, before) : null;
    }

    /// <summary>The persistent document of a VM, with security information.</summary>
    public static DomainDocument Persistent(LibvirtDomain domain, DomainDocument? before = null) => Of(domain.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure), before);

    private static DomainDocument Of(string xml, DomainDocument? before) => before?.IsFrom(xml) == true ? before : DomainDocument.FromLibvirt(xml);
}
