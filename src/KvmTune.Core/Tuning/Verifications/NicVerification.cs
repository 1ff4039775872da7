// Compares a NIC's queues in QEMU and in the host's kernel with the configuration.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning;

/// <summary>Checks the host's side of a NIC.</summary>
internal static class NicVerification
{
    private const string NotSet = "not set";
    private static readonly string[] Rings = ["rx_queue_size", "tx_queue_size"];

    /// <summary>The options of a NIC on the command line of the VM's process.</summary>
    public static IReadOnlyList<Verification> OfHost(NicConfiguration nic, IReadOnlyDictionary<string, string?> options, QemuProcess process) =>
        OfHost(nic, options, new QemuCommandLine(process.CommandLine()));

    /// <summary>The options of a NIC on a given command line.</summary>
    public static IReadOnlyList<Verification> OfHost(NicConfiguration nic, IReadOnlyDictionary<string, string?> options, QemuCommandLine commandLine)
    {
        if (commandLine.Nic(nic.Mac) is not { } device || commandLine.Netdev(device.GetValueOrDefault("netdev", string.Empty)) is not { } netdev)
        {
            return [new Verification($"NIC {nic.Mac}", VerifiedBy.Qemu, "QEMU command line: -device", "on the command line", "not found")];
        }

        var netdevSource = $"QEMU command line: -netdev {netdev["id"]}";
        var deviceSource = $"QEMU command line: -device {device.GetValueOrDefault("id", "of the NIC")}";
        var verifications = new List<Verification>();
        if (options.ContainsKey("queues"))
        {
            verifications.Add(new Verification($"NIC {nic.Mac} queues", VerifiedBy.Qemu, netdevSource, Text(nic.Queues ?? 1), Text(QueuesOf(netdev))));
        }

        if (options.TryGetValue("name", out var backend) && backend is not null)
        {
            verifications.Add(new Verification(
                $"NIC {nic.Mac} backend", VerifiedBy.Qemu, netdevSource, backend, netdev.GetValueOrDefault("vhost") == "true" || netdev.GetValueOrDefault("type") is "vhost-user" or "vhost-vdpa" ? "vhost" : "qemu"));
        }

        foreach (var ring in Rings.Where(options.ContainsKey))
        {
            verifications.Add(new Verification($"NIC {nic.Mac} {ring}", VerifiedBy.Qemu, deviceSource, options[ring] ?? NotSet, device.GetValueOrDefault(ring, NotSet)));
        }

        return verifications;
    }

    /// <summary>The queues of the NIC's tap device that are in use: QEMU attaches the number that the guest has enabled (tun: TUNSETQUEUE).</summary>
    public static IReadOnlyList<Verification> OfTap(NicConfiguration nic, int expected)
    {
        var folder = $"/sys/class/net/{nic.HostDevice}/queues";
        return nic.HostDevice is { Length: > 0 } && Directory.Exists(folder)
            ? [new Verification($"{nic.HostDevice} queues in use", VerifiedBy.Kernel, $"kernel: {folder}", Text(expected), Text(Directory.GetDirectories(folder, "rx-*").Length))]
            : [];
    }

    // A tap device with one queue has "fd"; one with several has "fds", separated by colons. vhost-user and user-mode networks have a number.
    private static int QueuesOf(IReadOnlyDictionary<string, string> netdev) =>
        netdev.TryGetValue("fds", out var descriptors)
            ? descriptors.Split(':').Length
            : int.TryParse(netdev.GetValueOrDefault("queues"), NumberStyles.None, CultureInfo.InvariantCulture, out var queues) ? queues : 1;
}
