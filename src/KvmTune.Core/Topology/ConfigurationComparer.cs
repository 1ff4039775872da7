// Says in which tunable settings a running VM differs from its persistent configuration: what a restart would change.
using System.Globalization;
using System.Runtime.InteropServices;

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
        // Nearly always both have the same settings in the same order: then they are compared in step, and nothing is named.
        var differences = new List<ConfigurationDifference>();
        var isCpuExpanded = configured.Cpu.Mode is "host-model" or "maximum" && running.Cpu.Mode is "custom" && hostCpus is not null;
        using var after = Settings(configured, hostCpus, isCpuExpanded).GetEnumerator();
        foreach (var setting in Settings(running, hostCpus, isCpuExpanded))
        {
            if (!after.MoveNext() || !setting.IsNamedAs(after.Current))
            {
                return CompareByName(Settings(running, hostCpus, isCpuExpanded), Settings(configured, hostCpus, isCpuExpanded));
            }

            if (!setting.HasValueOf(after.Current))
            {
                differences.Add(new ConfigurationDifference(setting.Name, setting.Value, after.Current.Value));
            }
        }

        return after.MoveNext() ? CompareByName(Settings(running, hostCpus, isCpuExpanded), Settings(configured, hostCpus, isCpuExpanded)) : differences;
    }

    private static List<ConfigurationDifference> CompareByName(IEnumerable<Setting> running, IEnumerable<Setting> configured)
    {
        var differences = new List<ConfigurationDifference>();
        var after = ByName(configured);
        foreach (var (name, value) in ByName(running))
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
    private static Dictionary<string, string?> ByName(IEnumerable<Setting> settings)
    {
        var named = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var setting in settings)
        {
            named.TryAdd(setting.Name, setting.Value);
        }

        return named;
    }

    private static void Add(List<ConfigurationDifference> differences, string name, string? running, string? configured)
    {
        if (!string.Equals(running, configured, StringComparison.Ordinal))
        {
            differences.Add(new ConfigurationDifference(name, running, configured));
        }
    }

    // Every tunable setting of a configuration by a name in words; only these are compared.
    private static IEnumerable<Setting> Settings(VMConfiguration vm, CpuSet? hostCpus, bool isCpuExpanded)
    {
        yield return new("vCPUs", null, vm.CurrentVcpus);
        yield return new("vCPU cpuset", null, vm.VcpuCpuSet);
        foreach (var (vcpu, cpus) in vm.VcpuPins)
        {
            yield return new("vCPU * pin", Text(vcpu), Pin(cpus, hostCpus));
        }

        yield return new("emulator pin", null, Pin(vm.EmulatorPin, hostCpus));
        yield return new("I/O threads", null, List(vm.IOThreadIds));
        foreach (var (thread, cpus) in vm.IOThreadPins)
        {
            yield return new("I/O thread * pin", Text(thread), Pin(cpus, hostCpus));
        }

        // libvirt writes host-model out as the custom model that it became when the VM started: between running and configured that is no difference.
        if (!isCpuExpanded)
        {
            yield return new("CPU mode", null, vm.Cpu.Mode);
            yield return new("CPU model", null, vm.Cpu.Model);
        }

        yield return new("CPU topology", null, vm.Cpu.Topology?.ToString());
        yield return new("memory", null, vm.Memory.MaximumKiB);
        yield return new("huge pages", null, vm.Memory.UsesHugePages
            ? string.Join(", ", vm.Memory.HugePages.Select(page =>
                (page.PageSizeKiB is { } size ? $"{Text(size)} KiB" : "default") + (page.GuestNodes is { } nodes ? $" for guest nodes {nodes}" : null))) is { Length: > 0 } sizes
                ? sizes
                : "default"
            : null);
        yield return new("memory locked", null, vm.Memory.Locked ? "yes" : null);
        yield return new("memory nosharepages", null, vm.Memory.NoSharePages ? "yes" : null);
        yield return new("NUMA mode", null, vm.Memory.NumaMode);
        yield return new("NUMA nodes", null, vm.Memory.NumaNodes);
        foreach (var disk in vm.Disks)
        {
            yield return new("disk * source", disk.Target, disk.Source);
            yield return new("disk * cache", disk.Target, disk.Cache);
            yield return new("disk * io", disk.Target, disk.IO);
            yield return new("disk * discard", disk.Target, disk.Discard);
            yield return new("disk * detect_zeroes", disk.Target, disk.DetectZeroes);
            yield return new("disk * iothread", disk.Target, Text(disk.IOThread) ?? List(disk.IOThreads));
            yield return new("disk * queues", disk.Target, disk.Queues);
            foreach (var (limit, value) in disk.Throttle.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            {
                yield return new($"disk * {limit}", disk.Target, (long)value);
            }

            yield return new("disk * throttle group", disk.Target, disk.ThrottleGroup);
        }

        foreach (var controller in vm.Controllers)
        {
            if (controller.Type != "scsi")
            {
                continue;
            }

            yield return new("SCSI controller * iothread", Text(controller.Index), controller.IOThread);
            yield return new("SCSI controller * queues", Text(controller.Index), controller.Queues);
        }

        foreach (var nic in vm.Nics)
        {
            yield return new("NIC * backend", nic.Mac, nic.Backend);
            yield return new("NIC * queues", nic.Mac, nic.Queues);
            yield return new("NIC * rx_queue_size", nic.Mac, nic.RxQueueSize);
            yield return new("NIC * tx_queue_size", nic.Mac, nic.TxQueueSize);
        }
    }

    private static CpuSet? Pin(CpuSet? cpus, CpuSet? hostCpus) =>
        cpus is null || (hostCpus is not null && hostCpus.IsSubsetOf(cpus)) ? null : cpus;

    private static string? List(IReadOnlyList<int> numbers) => numbers.Count == 0 ? null : string.Join(',', numbers);

    private static string? Text(long? number) => number?.ToString(CultureInfo.InvariantCulture);

    // A setting whose name and value become text only when somebody shall read them. At most one of the values is there.
    [StructLayout(LayoutKind.Auto)]
    private readonly struct Setting
    {
        private readonly string _name;
        private readonly string? _key;
        private readonly string? _text;
        private readonly long? _number;
        private readonly CpuSet? _cpus;

        // The name has a * where the key stands, which tells the device or vCPU.
        public Setting(string name, string? key, string? value) => (_name, _key, _text) = (name, key, value);

        public Setting(string name, string? key, long? value) => (_name, _key, _number) = (name, key, value);

        public Setting(string name, string? key, CpuSet? value) => (_name, _key, _cpus) = (name, key, value);

        public string Name => _key is null ? _name : _name.Replace("*", _key, StringComparison.Ordinal);

        public string? Value => _text ?? _cpus?.ToString() ?? Text(_number);

        public bool IsNamedAs(in Setting other) =>
            string.Equals(_name, other._name, StringComparison.Ordinal) && string.Equals(_key, other._key, StringComparison.Ordinal);

        public bool HasValueOf(in Setting other) =>
            string.Equals(_text, other._text, StringComparison.Ordinal) && _number == other._number && _cpus == other._cpus;
    }
}
