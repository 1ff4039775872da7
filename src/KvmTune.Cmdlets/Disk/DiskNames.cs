// Which disks a user means by names and wildcards.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Disk;

/// <summary>Resolves disk names.</summary>
internal static class DiskNames
{
    /// <summary>A wildcard selects the matching disks; a plain name is passed on unchecked, so that a wrong one is an error.</summary>
    public static IEnumerable<string> Of(VMTarget vm, IEnumerable<string> names) => names.SelectMany(name => WildcardPattern.ContainsWildcardCharacters(name)
        ? DomainXmlReader.Read(vm.Domain.GetXml()).Disks.Where(disk => disk.Device is "disk" or "lun").Select(disk => disk.Target)
            .Where(new WildcardPattern(name, WildcardOptions.IgnoreCase).IsMatch)
        : [name]);
}
