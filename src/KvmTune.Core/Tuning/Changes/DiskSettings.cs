// Shared by all changes of disks: the address of a disk in the domain XML, and the error for a missing disk.
using KvmTune.Topology;

namespace KvmTune.Tuning.Changes;

/// <summary>Finds disks.</summary>
internal static class DiskSettings
{
    /// <summary>The disk's element.</summary>
    public static SettingPath Path(string disk) => SettingPath.Of(
        new SettingElement("devices"), new SettingElement("disk", "target", "dev", disk));

    /// <summary>The disk with this name; null if there is none.</summary>
    public static DiskConfiguration? Find(VMConfiguration vm, string disk) =>
        vm.Disks.FirstOrDefault(candidate => string.Equals(candidate.Target, disk, StringComparison.OrdinalIgnoreCase));

    /// <summary>The disk with this name.</summary>
    /// <exception cref="KvmTuneException">There is none (<c>DiskNotFound</c>).</exception>
    public static DiskConfiguration Require(VMConfiguration vm, string disk) => Find(vm, disk) ?? throw new KvmTuneException(
        "DiskNotFound", KvmTuneErrorCategory.ObjectNotFound,
        $"The VM '{vm.Name}' has no disk '{disk}'. It has: {string.Join(", ", vm.Disks.Select(candidate => candidate.Target))}.");
}
