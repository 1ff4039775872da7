// A user's request for a disk's I/O thread, and the change that it needs in a VM with its present configuration.
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Changes;

/// <summary>A request for I/O threads and queues of a disk.</summary>
/// <param name="Disk">The disk's target name.</param>
public sealed record DiskIOThreadRequest(string Disk)
{
    /// <summary>
    /// The I/O threads; those that do not exist are added. Null takes the disk's present thread, otherwise one that serves nothing yet,
    /// otherwise a new one.
    /// </summary>
    public IReadOnlyList<int>? IOThreads { get; init; }

    /// <summary>The number of queues; null leaves it as it is.</summary>
    public int? Queues { get; init; }

    /// <summary>Removes the I/O thread from the disk, and from the VM too unless another disk uses it or <see cref="KeepThread"/> is set.</summary>
    public bool IsRelease { get; init; }

    /// <summary>With a removal: keeps the VM's I/O thread.</summary>
    public bool KeepThread { get; init; }

    /// <summary>With a removal: keeps the number of queues.</summary>
    public bool KeepQueues { get; init; }

    /// <summary>The change for this request.</summary>
    /// <param name="document">The VM's persistent configuration.</param>
    /// <exception cref="KvmTuneException">The disk does not exist.</exception>
    public DiskIOThreadChange ToChange(DomainDocument document)
    {
        var vm = document.ToConfiguration();
        var disk = DiskSettings.Require(vm, Disk);
        var controller = disk.Bus == "scsi" ? vm.Controllers.FirstOrDefault(candidate => candidate.Type == "scsi" && candidate.Index == (disk.Controller ?? 0)) : null;
        IReadOnlyList<int> present = controller is null
            ? disk.IOThread is { } own ? [own] : disk.IOThreads
            : controller.IOThread is { } shared ? [shared] : [];
        IReadOnlyList<int> wanted = IsRelease ? [] : IOThreads is { } given ? [.. given.Distinct()] : present.Count > 0 ? present : [FreeThread(vm)];

        var options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["iothread"] = wanted.Count == 1 ? Text(wanted[0]) : null };
        if (IsRelease ? !KeepQueues : Queues is not null)
        {
            options["queues"] = Queues is { } queues ? Text(queues) : null;
        }

        IReadOnlyList<int> unused = IsRelease && !KeepThread ? [.. present.Where(id => IsLeftUnused(document, vm, disk, controller, id))] : [];
        return new DiskIOThreadChange
        {
            Disk = disk.Target,
            Controller = controller?.Index,
            Options = options,
            SharedBy = disk.IOThreads.Union(wanted.Count > 1 ? wanted : []).ToDictionary(id => id, id => wanted.Count > 1 && wanted.Contains(id)),
            Threads = wanted.Except(vm.IOThreadIds).Concat(unused).ToDictionary(id => id, id => !unused.Contains(id)),
        };
    }

    // The first I/O thread that serves nothing, otherwise the lowest free id.
    private static int FreeThread(VMConfiguration vm)
    {
        var used = vm.Disks.SelectMany(Serving).Concat(vm.Controllers.Select(controller => controller.IOThread).OfType<int>()).ToHashSet();
        var idle = vm.IOThreadIds.Where(id => !used.Contains(id)).Order().ToList();
        return idle.Count > 0 ? idle[0] : Enumerable.Range(1, vm.IOThreadIds.Count + 1).First(id => !vm.IOThreadIds.Contains(id));
    }

    private static bool IsLeftUnused(
        DomainDocument document, VMConfiguration vm, DiskConfiguration disk, ControllerConfiguration? controller, int id) =>
        vm.IOThreadIds.Contains(id)
        && !vm.Disks.Where(other => controller is not null || other != disk).SelectMany(Serving).Contains(id)
        && !vm.Controllers.Any(other => other != controller && other.IOThread == id)
        && !vm.IOThreadPins.ContainsKey(id)
        && document.Domain.Element("cputune")?.Element("iothreadsched") is null
        && document.Find(IOThreadElements.PathOf(id)) is not ({ HasElements: true } or { LastAttribute.Name.LocalName: not "id" });

    private static IEnumerable<int> Serving(DiskConfiguration disk) => disk.IOThread is { } id ? disk.IOThreads.Append(id) : disk.IOThreads;
}
