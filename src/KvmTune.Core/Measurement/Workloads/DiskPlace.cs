// Chooses the folder and the size of a disk workload's file in the guest, and finds the VM's disk below it.
using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using KvmTune.Guest;

namespace KvmTune.Measurement.Workloads;

/// <summary>The place of a test file.</summary>
/// <param name="FileSystem">The file system, with the folder on it.</param>
/// <param name="FileSizeMiB">The size of the file.</param>
/// <param name="DiskTarget">The target name of the VM's disk under it (<c>vdb</c>); null if there are several or it is unknown.</param>
/// <param name="GuestKernel">The guest's kernel release.</param>
/// <param name="Notes">Facts about the place that a reader needs.</param>
internal sealed partial record DiskPlace(
    GuestFileSystem FileSystem, int FileSizeMiB, string? DiskTarget, string GuestKernel, IReadOnlyList<string> Notes)
{
    public const int SmallestFileMiB = 64;

    public const int DefaultFileMiB = 1024;

    /// <summary>Finds the place.</summary>
    /// <exception cref="MeasurementException">The guest has no suitable place.</exception>
    /// <exception cref="GuestChannelException">The guest did not answer.</exception>
    public static async Task<DiskPlace> FindAsync(WorkloadContext context, CancellationToken cancellationToken)
    {
        var survey = await GuestSurvey.TakeAsync(context.RequiredChannel, context.Request.GuestPath, cancellationToken);
        var fileSystem = context.Request.GuestPath is { } path
            ? await NamedAsync(context, survey, path, cancellationToken)
            : await LargestAsync(context, survey, cancellationToken);
        var notes = new List<string>();
        if (fileSystem.Mount.IsMemory)
        {
            notes.Add($"{fileSystem.Folder} is {fileSystem.Mount.Type}: it lies in the guest's memory, so no disk was measured.");
        }

        if (fileSystem.Mount.IsNetwork)
        {
            notes.Add($"{fileSystem.Folder} is {fileSystem.Mount.Type}: it lies on another machine, so the network was measured with it.");
        }

        var target = DiskTargetOf(fileSystem.DevicePaths, context.RunningXml);
        return new DiskPlace(fileSystem, ChooseSize(context, fileSystem), target, survey.KernelRelease, notes);
    }

    internal static int ChooseSize(WorkloadContext context, GuestFileSystem fileSystem)
    {
        // A hundredth of the file system and 4 MiB stay free, for the file system's metadata and the logs.
        var usable = (int)Math.Min(int.MaxValue, (fileSystem.FreeKiB / 1024 * 99 / 100) - 4);
        var size = context.Request.FileSizeMiB ?? DefaultSize(fileSystem.FreeKiB / 1024);
        if (size > usable || size < SmallestFileMiB)
        {
            var needed = context.Request.FileSizeMiB ?? (2 * SmallestFileMiB);
            throw new MeasurementException(
                MeasurementReason.GuestDiskFull,
                string.Create(CultureInfo.InvariantCulture, $"{fileSystem.Folder} in {context.VMName} has {fileSystem.FreeKiB / 1024} MiB free, ")
                + (context.Request.FileSizeMiB is null
                    ? $"and the test file needs {SmallestFileMiB} MiB with as much left free. "
                    : $"and a test file of {needed} MiB was asked for. ")
                + "Free some space, name a smaller file (-FileSizeMiB), or name a folder on another file system (-GuestPath).");
        }

        return size;
    }

    // At most half of the free space, by halving, so that a repetition with slightly less free space gets the same size.
    private static int DefaultSize(long freeMiB)
    {
        var size = DefaultFileMiB;
        while (size > freeMiB / 2 && size > 0)
        {
            size /= 2;
        }

        return size;
    }

    /// <summary>The target of the one disk with these device paths, found by its PCI or drive address in the running XML.</summary>
    internal static string? DiskTargetOf(IReadOnlyList<string> devicePaths, string runningXml)
    {
        if (devicePaths.Count == 0)
        {
            return null;
        }

        var devices = XDocument.Parse(runningXml).Root?.Element("devices");
        var targets = devicePaths.Select(path => DiskTargetOf(path, devices)).Distinct(StringComparer.Ordinal).ToList();
        return targets is [{ } only] ? only : null;
    }

    private static string? DiskTargetOf(string devicePath, XElement? devices)
    {
        // "/sys/devices/pci0000:00/0000:00:02.3/0000:04:00.0/virtio2/block/vda/vda1": the last PCI address is the disk's or its controller's.
        var pci = PciAddress().Matches(devicePath).LastOrDefault();
        if (devices is null || pci is null)
        {
            return null;
        }

        bool IsThere(XElement device) => device.Elements("address").Any(address =>
            (string?)address.Attribute("type") is "pci"
            && Number(address, "domain") == Hex(pci, "domain")
            && Number(address, "bus") == Hex(pci, "bus")
            && Number(address, "slot") == Hex(pci, "slot")
            && Number(address, "function") == Hex(pci, "function"));

        var disks = devices.Elements("disk").ToList();
        var disk = disks.FirstOrDefault(IsThere);
        if (disk is null && ScsiAddress().Match(devicePath) is { Success: true } scsi
            && devices.Elements("controller").FirstOrDefault(IsThere) is { } controller)
        {
            // Linux numbers SCSI disks host:channel:target:lun; libvirt's virtio-scsi disks have controller, bus, target, unit.
            disk = disks.FirstOrDefault(candidate => candidate.Elements("address").Any(address =>
                (string?)address.Attribute("type") is "drive"
                && Same(address, "controller", (string?)controller.Attribute("index"))
                && Same(address, "target", scsi.Groups["target"].Value)
                && Same(address, "unit", scsi.Groups["unit"].Value)));
        }

        return (string?)disk?.Element("target")?.Attribute("dev");
    }

    private static int Hex(Match match, string group) =>
        int.Parse(match.Groups[group].Value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static bool Same(XElement address, string name, string? value) =>
        string.Equals((string?)address.Attribute(name), value, StringComparison.Ordinal);

    private static int? Number(XElement address, string name)
    {
        var text = ((string?)address.Attribute(name))?.Replace("0x", "", StringComparison.OrdinalIgnoreCase);
        return int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;
    }

    private static async Task<GuestFileSystem> NamedAsync(
        WorkloadContext context, GuestSurvey survey, string path, CancellationToken cancellationToken)
    {
        if (survey.AskedDevice is { } contents)
        {
            throw new MeasurementException(
                MeasurementReason.GuestPathIsDevice,
                $"{path} in {context.VMName} is a block device{(contents.Count == 0 ? string.Empty : $" with {string.Join(", ", contents)}")}, and a measurement never "
                + "writes to a device: the data on it would be lost. Name a folder on a file system instead (-GuestPath).");
        }

        if (survey.AskedFolder is not { } folder)
        {
            throw new MeasurementException(
                MeasurementReason.GuestPathNotFound, $"There is no folder {path} in {context.VMName}. Name one that exists there.");
        }

        var mount = survey.MountOf(folder);
        var found = mount is null ? null : (await GuestFileSystem.LookAsync(context.RequiredChannel, [(mount, folder)], cancellationToken))[0];
        var holdsFiles = found is { Mount.IsOnDisk: true } or { Mount.IsMemory: true } or { Mount.IsNetwork: true } or { FreeKiB: > 0 };
        if (found is not { Mount.IsReadOnly: false, IsWritable: true } || !holdsFiles)
        {
            throw new MeasurementException(
                MeasurementReason.GuestPathNotWritable,
                $"Nothing can be written in {folder} in {context.VMName}"
                + (mount is { IsReadOnly: true } ? $": its file system ({mount.Source}) is mounted read-only." : ".")
                + " Name another folder (-GuestPath).");
        }

        return found;
    }

    private static async Task<GuestFileSystem> LargestAsync(WorkloadContext context, GuestSurvey survey, CancellationToken cancellationToken)
    {
        var found = await GuestFileSystem.FindWritableAsync(context.RequiredChannel, survey, cancellationToken);
        return found.Count > 0
            ? found[0]
            : throw new MeasurementException(
                MeasurementReason.NoWritableFileSystem,
                $"The guest {context.VMName} has no writable file system on its disks (memory, network, overlay and read-only ones do "
                + "not count). Mount one, or name a folder (-GuestPath).");
    }

    [GeneratedRegex(
        "/(?<domain>[0-9a-f]{4,7}):(?<bus>[0-9a-f]{2}):(?<slot>[0-9a-f]{2})\\.(?<function>[0-7])(?=/)",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        1000)]
    private static partial Regex PciAddress();

    [GeneratedRegex(
        "/[0-9]+:[0-9]+:(?<target>[0-9]+):(?<unit>[0-9]+)/block/", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ScsiAddress();
}
