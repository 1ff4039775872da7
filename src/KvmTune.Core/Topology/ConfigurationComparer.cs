// Says in which tunable settings a running VM differs from its persistent configuration: what a restart would change.
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>Compares two configurations of one VM, setting by setting.</summary>
public static class ConfigurationComparer
{
    /// <summary>The settings that differ.</summary>
    /// <param name="running">What is in force.</param>
    /// <param name="configured">What will be in force after a restart.</param>
    /// <param name="hostCpus">
    /// All host CPUs. A running pin to all of them is what libvirt shows after a live pin was taken back, so it counts as
    /// no pin. Null when they are not known.
    /// </param>
    public static IReadOnlyList<ConfigurationDifference> Compare(VMConfiguration running, VMConfiguration configured, CpuSet? hostCpus = null)
    {
        var differences = new List<ConfigurationDifference>();
        var after = ByName(configured, hostCpus);
        foreach (var (name, value) in ByName(running, hostCpus))
        {
            after.Remove(name, out var other);
            Add(differences, name, value, other);
        }

        foreach (var (name, value) in after)
        {
            Add(differences, name, null, value);
        }

        return differences;
    }

    // Devices that share their name (two NICs with one address) cannot be told apart: the first one counts.
    private static Dictionary<string, string?> ByName(VMConfiguration vm, CpuSet? hostCpus)
    {
        var settings = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, value) in Settings(vm, hostCpus))
        {
            settings.TryAdd(name, value);
        }

        return settings;
    }

    private static void Add(List<ConfigurationDifference> differences, string name, string? running, string? configured)
    {
        if (!string.Equals(running, configured, StringComparison.Ordinal))
        {
            differences.Add(new ConfigurationDifference(name, running, configured));
        }
    }

    // Every tunable setting of a configuration by a name in words; only these are compared.
    private static IEnumerable<(string Name, string? Value)> Settings(VMConfiguration vm, CpuSet? hostCpus)
    {
        yield return ("vCPUs", Text(vm.CurrentVcpus));
        yield return ("vCPU cpuset", vm.VcpuCpuSet?.ToString());
        foreach (var (vcpu, cpus) in vm.VcpuPins)
        {
            yield return ($"vCPU {Text(vcpu)} pin", Pin(cpus, hostCpus));
        }

        yield return ("emulator pin", Pin(vm.EmulatorPin, hostCpus));
        yield return ("I/O threads", List(vm.IOThreadIds));
        foreach (var (thread, cpus) in vm.IOThreadPins)
        {
            yield return ($"I/O thread {Text(thread)} pin", Pin(cpus, hostCpus));
        }

        yield return ("CPU topology", vm.Cpu.Topology?.ToString());
        yield return ("memory", Text(vm.Memory.MaximumKiB));
        yield return ("huge pages", vm.Memory.UsesHugePages
            ? string.Join(',', vm.Memory.HugePages.Select(page => page.PageSizeKiB is { } size ? $"{Text(size)} KiB" : "default")) is { Length: > 0 } sizes
                ? sizes
                : "default"
            : null);
        yield return ("memory locked", vm.Memory.Locked ? "yes" : null);
        yield return ("memory nosharepages", vm.Memory.NoSharePages ? "yes" : null);
        yield return ("NUMA mode", vm.Memory.NumaMode);
        yield return ("NUMA nodes", vm.Memory.NumaNodes?.ToString());
        foreach (var disk in vm.Disks)
        {
            yield return ($"disk {disk.Target} source", disk.Source);
            yield return ($"disk {disk.Target} cache", disk.Cache);
            yield return ($"disk {disk.Target} io", disk.IO);
            yield return ($"disk {disk.Target} discard", disk.Discard);
            yield return ($"disk {disk.Target} detect_zeroes", disk.DetectZeroes);
            yield return ($"disk {disk.Target} iothread", Text(disk.IOThread) ?? List(disk.IOThreads));
            yield return ($"disk {disk.Target} queues", Text(disk.Queues));
            foreach (var (limit, value) in disk.Throttle.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            {
                yield return ($"disk {disk.Target} {limit}", value.ToString(CultureInfo.InvariantCulture));
            }

            yield return ($"disk {disk.Target} throttle group", disk.ThrottleGroup);
        }

        foreach (var controller in vm.Controllers.Where(controller => controller.Type == "scsi"))
        {
            yield return ($"SCSI controller {Text(controller.Index)} iothread", Text(controller.IOThread));
            yield return ($"SCSI controller {Text(controller.Index)} queues", Text(controller.Queues));
        }

        foreach (var nic in vm.Nics)
        {
            yield return ($"NIC {nic.Mac} backend", nic.Backend);
            yield return ($"NIC {nic.Mac} queues", Text(nic.Queues));
            yield return ($"NIC {nic.Mac} rx_queue_size", Text(nic.RxQueueSize));
            yield return ($"NIC {nic.Mac} tx_queue_size", Text(nic.TxQueueSize));
        }
    }

    private static string? Pin(CpuSet? cpus, CpuSet? hostCpus) =>
        cpus is null || (hostCpus is not null && hostCpus.IsSubsetOf(cpus)) ? null : cpus.ToString();

    private static string? List(IReadOnlyList<int> numbers) => numbers.Count == 0 ? null : string.Join(',', numbers);

    private static string? Text(long? number) => number?.ToString(CultureInfo.InvariantCulture);
}
