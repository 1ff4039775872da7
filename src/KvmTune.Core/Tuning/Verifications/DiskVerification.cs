// Compares the options of a disk on QEMU's command line with the configuration.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning;

/// <summary>Reads a disk's options from the command line of the VM's process (the flags of each cache mode: QEMU manual, cache).</summary>
internal static class DiskVerification
{
    private const string NotSet = "not set";

    /// <summary>The driver options of a disk.</summary>
    /// <param name="running">The running domain XML.</param>
    /// <param name="disk">The disk in it.</param>
    /// <param name="options">The options to check, by libvirt's names.</param>
    /// <param name="process">The VM's process.</param>
    public static IReadOnlyList<Verification> OfDriver(
        DomainDocument running, DiskConfiguration disk, IReadOnlySet<string> options, QemuProcess process)
    {
        var verifications = OfDriver(running, disk, options, new QemuCommandLine(process.CommandLine()));
        return options.Contains("io") && disk.IO == "io_uring" && process.OpenFiles() is { } files
            ?
            [
                .. verifications,
                new Verification(
                    $"disk {disk.Target} io_uring in use", VerifiedBy.Kernel, string.Create(CultureInfo.InvariantCulture, $"kernel: /proc/{process.ProcessId}/fd"),
                    "yes", files.Any(file => file.Contains("io_uring", StringComparison.Ordinal)) ? "yes" : "no, QEMU fell back to threads"),
            ]
            : verifications;
    }

    /// <summary>The driver options of a disk on a given command line.</summary>
    public static IReadOnlyList<Verification> OfDriver(
        DomainDocument running, DiskConfiguration disk, IReadOnlySet<string> options, QemuCommandLine commandLine)
    {
        var element = running.Find(DiskSettings.Path(disk.Target));
        var index = (string?)element?.Element("source")?.Attribute("index");
        var storage = commandLine.BlockNode($"libvirt-{index}-storage");
        var format = commandLine.BlockNode($"libvirt-{index}-format");
        var device = commandLine.Device((string?)element?.Element("alias")?.Attribute("name") ?? string.Empty);
        if (storage is null)
        {
            return [new Verification($"disk {disk.Target}", VerifiedBy.Qemu, Source($"-blockdev libvirt-{index}-storage"), "on the command line", "not found")];
        }

        var verifications = new List<Verification>();
        if (options.Contains("cache"))
        {
            var actual = storage.TryGetValue("cache.direct", out var direct)
                ? $"direct={direct}, no-flush={storage.GetValueOrDefault("cache.no-flush", "false")}, write-cache={device?.GetValueOrDefault("write-cache", NotSet) ?? NotSet}"
                : NotSet;
            verifications.Add(new Verification($"disk {disk.Target} cache", VerifiedBy.Qemu, Source($"-blockdev {storage["node-name"]}"), CacheFlags(disk.Cache, device), actual));
        }

        if (options.Contains("io"))
        {
            verifications.Add(new Verification(
                $"disk {disk.Target} aio", VerifiedBy.Qemu, Source($"-blockdev {storage["node-name"]}"), disk.IO ?? NotSet, storage.GetValueOrDefault("aio", NotSet)));
        }

        // The node of the format has these options. libvirt from 10 on has no such node for raw images, but then always writes discard.
        var top = format ?? storage;
        if (options.Contains("discard") && (format is not null || disk.Discard is not null))
        {
            verifications.Add(new Verification(
                $"disk {disk.Target} discard", VerifiedBy.Qemu, Source($"-blockdev {top["node-name"]}"), disk.Discard ?? NotSet, top.GetValueOrDefault("discard", NotSet)));
        }

        if (options.Contains("detect_zeroes"))
        {
            // libvirt replaces unmap by on if the disk does not pass discards on (virDomainDiskGetDetectZeroesMode).
            var expected = disk is { DetectZeroes: "unmap", Discard: not "unmap" } ? "on" : disk.DetectZeroes;
            verifications.Add(new Verification(
                $"disk {disk.Target} detect-zeroes", VerifiedBy.Qemu, Source($"-blockdev {top["node-name"]}"), OnOff(expected) ?? NotSet, top.GetValueOrDefault("detect-zeroes", NotSet)));
        }

        return verifications;
    }

    /// <summary>The I/O threads and queues of a disk or of its controller.</summary>
    /// <param name="running">The running domain XML.</param>
    /// <param name="owner">The address of the disk or controller.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="change">The change that was made.</param>
    /// <param name="process">The VM's process.</param>
    public static IReadOnlyList<Verification> OfIOThread(
        DomainDocument running, SettingPath owner, DiskConfiguration disk, DiskIOThreadChange change, QemuProcess process)
    {
        var id = (string?)running.Find(owner)?.Element("alias")?.Attribute("name") ?? string.Empty;
        var verifications = OfIOThread(id, disk, change, new QemuCommandLine(process.CommandLine()));
        var threads = process.IOThreads();
        return
        [
            .. verifications,
            .. change.Options.GetValueOrDefault("iothread") is { } thread
                ?
                [
                    new Verification(
                        $"I/O thread {thread}", VerifiedBy.Kernel, string.Create(CultureInfo.InvariantCulture, $"kernel: /proc/{process.ProcessId}/task"), "runs",
                        threads.Keys.Any(number => number.ToString(CultureInfo.InvariantCulture) == thread) ? "runs" : "not found"),
                ]
                : Array.Empty<Verification>(),
        ];
    }

    /// <summary>The I/O threads and queues of a device on a given command line.</summary>
    public static IReadOnlyList<Verification> OfIOThread(string id, DiskConfiguration disk, DiskIOThreadChange change, QemuCommandLine commandLine)
    {
        if (commandLine.Device(id) is not { } device)
        {
            return [new Verification($"disk {disk.Target}", VerifiedBy.Qemu, Source($"-device {id}"), "on the command line", "not found")];
        }

        var verifications = new List<Verification>();
        if (change.Options.TryGetValue("iothread", out var thread) && !change.SharedBy.Any(shared => shared.Value))
        {
            verifications.Add(new Verification(
                $"disk {disk.Target} I/O thread", VerifiedBy.Qemu, Source($"-device {id}"), thread is null ? NotSet : $"iothread{thread}", device.GetValueOrDefault("iothread", NotSet)));
        }

        if (change.Options.TryGetValue("queues", out var queues))
        {
            verifications.Add(new Verification(
                $"disk {disk.Target} queues", VerifiedBy.Qemu, Source($"-device {id}"), queues ?? NotSet, device.GetValueOrDefault("num-queues", device.GetValueOrDefault("num_queues", NotSet))));
        }

        return verifications;
    }

    private static string CacheFlags(string? cache, IReadOnlyDictionary<string, string>? device)
    {
        // An emulated CD-ROM or floppy drive has no write-cache option.
        var (direct, noFlush, writeCache) = cache switch
        {
            "none" => ("true", "false", "true"),
            "writeback" => ("false", "false", "true"),
            "writethrough" => ("false", "false", "false"),
            "directsync" => ("true", "false", "false"),
            "unsafe" => ("false", "true", "true"),
            _ => (string.Empty, string.Empty, string.Empty),
        };
        return direct.Length == 0 ? NotSet : $"direct={direct}, no-flush={noFlush}, write-cache={(device?.ContainsKey("write-cache") == true ? writeCache : NotSet)}";
    }

    private static string? OnOff(string? value) => value switch { "on" => "true", "off" => "false", _ => value };

    private static string Source(string option) => $"QEMU command line: {option}";
}
