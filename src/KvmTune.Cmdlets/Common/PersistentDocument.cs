// The persistent configuration of a VM as a document, for changes that depend on the current settings.
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>Reads persistent configurations.</summary>
internal static class PersistentDocument
{
    /// <summary>The persistent configuration, as the planned changes leave it; for a transient VM the running one.</summary>
    public static DomainDocument Of(VMTarget vm)
    {
        var document = DomainDocument.Parse(vm.Domain.GetXml(vm.Domain.IsPersistent ? DomainXmlFlags.Inactive : DomainXmlFlags.None));
        foreach (var change in vm.Planned.Where(change => change.Scope is not ChangeScope.Live))
        {
            change.Edit(document);
        }

        return document;
    }
}
