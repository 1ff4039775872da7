// The persistent configuration of a VM as a document, for changes that depend on the present settings.
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>Reads persistent configurations.</summary>
internal static class PersistentDocument
{
    /// <summary>The persistent configuration; the running one of a transient VM.</summary>
    public static DomainDocument Of(VMTarget vm) =>
        DomainDocument.Parse(vm.Domain.GetXml(vm.Domain.IsPersistent ? DomainXmlFlags.Inactive : DomainXmlFlags.None));
}
