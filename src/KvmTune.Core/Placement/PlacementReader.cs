// Makes the VMs of a placement request: the VMs to place, and the other VMs of the host.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning.HugePages;

namespace KvmTune.Placement;

/// <summary>Makes the VMs of a placement request from libvirt's and the local kernel's data.</summary>
public static class PlacementReader
{
    /// <summary>A VM to place.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="host">Its host.</param>
    /// <param name="kernel">The local kernel's memory settings, which give the page size where the VM's huge pages name none; null for another machine.</param>
    /// <param name="keepsMemory">Whether its memory stays where it is, so that only its threads are placed.</param>
    /// <param name="heldKiB">The memory that it holds now by node and page size (null for ordinary pages); empty where that is not known.</param>
    public static PlacementVM ToVM(VMTopology vm, VMHostTopology host, HostMemoryFacts? kernel, bool keepsMemory, IReadOnlyList<HeldMemory> heldKiB)
    {
        ArgumentNullException.ThrowIfNull(vm);
        ArgumentNullException.ThrowIfNull(host);
        var configuration = vm.Configured ?? vm.Current;
        var pageSize = PageSizeOf(configuration, host, kernel);
        var policy = vm.Running?.Memory.NumaNodes ?? configuration.Memory.NumaNodes;
        return new PlacementVM
        {
            Name = vm.VMName,
            Id = vm.VMId,
            Vcpus = configuration.MaxVcpus,
            UnpluggedVcpus = Unplugged(vm, configuration.MaxVcpus),
            IsRealTime = !configuration.Limits.RealTimeVcpus.IsEmpty,
            CurrentPins = configuration.VcpuPins.Where(pin => pin.Value.Count == 1).ToDictionary(pin => pin.Key, pin => pin.Value.Numbers[0]),
            CurrentServiceCpus = ServiceCpusOf(configuration),
            MemoryKiB = configuration.Memory.MaximumKiB,
            PageSizeKiB = pageSize,
            GuestThreads = Math.Max(1, configuration.Cpu.Topology?.Threads ?? 1),
            Cells = configuration.Cpu.NumaCells,
            CurrentNodes = policy ?? HomeOf(heldKiB),
            RequiredNodes = keepsMemory ? NodesBeside(policy, host) : null,
            HeldMemoryKiB = heldKiB.Where(held => held.PageSizeKiB is null).ToDictionary(held => held.Node, held => held.MemoryKiB),
            HeldPages = heldKiB.Where(held => held.PageSizeKiB == pageSize && pageSize is not null).ToDictionary(held => held.Node, held => held.MemoryKiB / pageSize!.Value),
        };
    }

    /// <summary>A VM that is not placed. Its pins in force and its configured pins both count: those wait for a restart.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="onlineCpus">The host's online CPUs: a pin to all of them does not count as a pin.</param>
    public static PlacementNeighbour ToNeighbour(VMTopology vm, CpuSet onlineCpus)
    {
        ArgumentNullException.ThrowIfNull(vm);
        var vcpus = new Dictionary<int, CpuSet>();
        var services = new Dictionary<string, CpuSet>(StringComparer.Ordinal);
        var unplugged = Unplugged(vm, Math.Max(vm.Running?.MaxVcpus ?? 0, vm.Configured?.MaxVcpus ?? 0));
        var waiting = CpuSet.Empty;
        foreach (var configuration in new[] { vm.Running, vm.Configured }.OfType<VMConfiguration>())
        {
            foreach (var (vcpu, pin) in configuration.VcpuPins.Where(pin => pin.Key < configuration.MaxVcpus && IsReal(pin.Value)))
            {
                if (unplugged.Contains(vcpu))
                {
                    waiting = waiting.Union(pin);
                    continue;
                }

                vcpus[vcpu] = vcpus.TryGetValue(vcpu, out var known) ? known.Union(pin) : pin;
            }

            // <vcpu cpuset> holds the vCPUs that have no pin of their own (libvirt formatdomain).
            foreach (var vcpu in configuration.VcpuCpuSet is { IsEmpty: false } cpus && IsReal(cpus) ? Enumerable.Range(0, configuration.MaxVcpus).Except(configuration.VcpuPins.Keys).Except(unplugged.Numbers) : [])
            {
                vcpus[vcpu] = vcpus.TryGetValue(vcpu, out var known) ? known.Union(configuration.VcpuCpuSet!) : configuration.VcpuCpuSet!;
            }

            if (configuration.EmulatorPin is { } emulator && IsReal(emulator))
            {
                Add("emulator", emulator);
            }

            foreach (var (thread, pin) in configuration.IOThreadPins.Where(pin => IsReal(pin.Value)))
            {
                Add(string.Create(CultureInfo.InvariantCulture, $"I/O thread {thread}"), pin);
            }
        }

        return new PlacementNeighbour
        {
            Name = vm.VMName,
            IsRunning = vm.Running is not null,
            Vcpus = vm.VcpuCount,
            VcpuPins = vcpus,
            ServicePins = services,
            UnpluggedCpus = waiting,
            IsRealTime = !vm.Current.Limits.RealTimeVcpus.IsEmpty,
        };

        void Add(string thread, CpuSet pin) => services[thread] = services.TryGetValue(thread, out var known) ? known.Union(pin) : pin;

        bool IsReal(CpuSet pin) => !onlineCpus.IsSubsetOf(pin);
    }

    /// <summary>
    /// The memory that a running VM holds on each node, as the kernel counts it, if the host is this machine. Elsewhere it is
    /// estimated (<see cref="Estimate"/>).
    /// </summary>
    /// <exception cref="LibvirtException">The daemon is lost.</exception>
    public static IReadOnlyList<HeldMemory> ReadHeld(HostConnection connection, VMTopology vm, VMHostTopology host, HostMemoryFacts? kernel)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(vm);
        ArgumentNullException.ThrowIfNull(host);
        if (vm.Running is not { } running)
        {
            return [];
        }

        if (connection.IsLocalQemu && QemuProcess.Find(vm.VMName, vm.VMId)?.NumaMaps() is { Length: > 0 } maps)
        {
            return HeldMemory.FromNumaMaps(maps);
        }

        return Estimate(running, host, kernel);
    }

    /// <summary>
    /// The memory of a VM by node where the kernel's count is not at hand: divided over the nodes of its policy in proportion to the memory
    /// in use there. No node holds more than is in use there, and all together hold no more than the VM has. Pools of huge pages are no
    /// ordinary memory that is in use.
    /// </summary>
    internal static IReadOnlyList<HeldMemory> Estimate(VMConfiguration running, VMHostTopology host, HostMemoryFacts? kernel)
    {
        var size = PageSizeOf(running, host, kernel);
        var used = host.Nodes.Where(node => running.Memory.NumaNodes?.Contains(node.Id) != false)
            .Select(node => (node.Id, Used: Math.Max(0, size is null
                ? node.MemoryKiB - (node.FreeMemoryKiB ?? 0) - node.PagePools.OrderBy(pool => pool.PageSizeKiB).Skip(1).Sum(pool => pool.Total * pool.PageSizeKiB)
                : node.PagePools.Where(pool => pool.PageSizeKiB == size).Sum(pool => (pool.Total - (pool.Free ?? 0)) * size.Value)))).ToList();
        var all = used.Sum(node => node.Used);
        var held = Math.Min(running.Memory.MaximumKiB, all);
        return all == 0 ? [] : [.. used.Select(node => new HeldMemory(node.Id, size, (long)((double)held * node.Used / all)))];
    }

    // A running VM reports which vCPUs are plugged in; a VM that is off will start with the first ones.
    private static CpuSet Unplugged(VMTopology vm, int maximum) => vm.Vcpus.Any(vcpu => vcpu.IsOnline)
        ? CpuSet.Of(Enumerable.Range(0, maximum).Except(vm.Vcpus.Where(vcpu => vcpu.IsOnline).Select(vcpu => vcpu.Number)))
        : CpuSet.Of(Enumerable.Range(0, maximum).Skip((vm.Configured ?? vm.Current).CurrentVcpus));

    private static CpuSet? ServiceCpusOf(VMConfiguration configuration) =>
        configuration.EmulatorPin is { } emulator && configuration.IOThreadIds.All(configuration.IOThreadPins.ContainsKey)
            ? configuration.IOThreadIds.Aggregate(emulator, (all, thread) => all.Union(configuration.IOThreadPins[thread])) : null;

    // The node with more than half of the memory; null where no node has so much.
    private static CpuSet? HomeOf(IReadOnlyList<HeldMemory> held)
    {
        var byNode = held.GroupBy(entry => entry.Node).Select(group => (Node: group.Key, MemoryKiB: group.Sum(entry => entry.MemoryKiB))).ToList();
        return byNode.Where(entry => entry.MemoryKiB > byNode.Sum(other => other.MemoryKiB) / 2).Select(entry => new CpuSet(entry.Node)).FirstOrDefault();
    }

    private static long? PageSizeOf(VMConfiguration vm, VMHostTopology host, HostMemoryFacts? kernel) => !vm.Memory.UsesHugePages
        ? null
        : vm.Memory.HugePages.Select(page => page.PageSizeKiB).FirstOrDefault(size => size is not null) ?? HugePageSupply.DefaultSize(kernel, host);

    // The nodes for the threads of a VM whose memory stays: those of its policy, or the nearest ones where these have no CPUs (HBM, CXL); any
    // without a policy. Null on a host that reports no nodes.
    private static CpuSet? NodesBeside(CpuSet? policy, VMHostTopology host)
    {
        var all = CpuSet.Of(host.Nodes.Select(node => node.Id));
        if (policy?.Overlaps(all) != true)
        {
            return all.IsEmpty ? null : all;
        }

        var memory = host.Nodes.Where(node => policy.Contains(node.Id)).ToList();
        var withCpus = host.Nodes.Where(node => node.CpuSet.Overlaps(host.OnlineCpus)).ToList();
        return withCpus.Count == 0 || withCpus.Exists(memory.Contains)
            ? policy
            : CpuSet.Of(withCpus.GroupBy(node => memory.Min(home => home.Distances.GetValueOrDefault(node.Id, 20))).MinBy(group => group.Key)!.Select(node => node.Id));
    }
}

/// <summary>Memory that a running VM holds on one node.</summary>
/// <param name="Node">The host node.</param>
/// <param name="PageSizeKiB">The size of huge pages in KiB; null for ordinary memory.</param>
/// <param name="MemoryKiB">How much, in KiB.</param>
public sealed record HeldMemory(int Node, long? PageSizeKiB, long MemoryKiB)
{
    private const long SmallestHugePageKiB = 64;

    /// <summary>Adds up <c>/proc/PID/numa_maps</c> (proc(5)): <c>N0=12</c> are 12 pages on node 0, of the size in <c>kernelpagesize_kB</c>.</summary>
    public static IReadOnlyList<HeldMemory> FromNumaMaps(string maps)
    {
        ArgumentNullException.ThrowIfNull(maps);
        var held = new Dictionary<(int Node, long? Size), long>();
        foreach (var line in maps.Split('\n'))
        {
            var words = line.Split(' ');
            var size = words.Select(word => Value(word, "kernelpagesize_kB=")).FirstOrDefault(value => value is not null) ?? 4;
            foreach (var word in words.Where(word => word.StartsWith('N') && word.Contains('=', StringComparison.Ordinal)))
            {
                var parts = word[1..].Split('=');
                if (int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var node)
                    && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var pages))
                {
                    var key = (node, size > SmallestHugePageKiB ? size : (long?)null);
                    held[key] = held.GetValueOrDefault(key) + (pages * size);
                }
            }
        }

        return [.. held.OrderBy(entry => entry.Key).Select(entry => new HeldMemory(entry.Key.Node, entry.Key.Size, entry.Value))];
    }

    private static long? Value(string word, string name) =>
        word.StartsWith(name, StringComparison.Ordinal) && long.TryParse(word.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
