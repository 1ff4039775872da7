// Random hosts with VMs to place, seeded: 1 to 8 nodes, SMT 1, 2 or 4, split caches, several kinds of core, memory-only nodes, offline, isolated
// and reserved CPUs, 1 to 200 VMs, pinned or not.
using KvmTune.Placement;
using KvmTune.Topology;

namespace KvmTune.Tests.Placement;

/// <summary>Draws placement requests.</summary>
public sealed class PlacementCases(int seed)
{
    private const long GiB = 1024 * 1024;
    private readonly Random _random = new(seed);

    // A separate generator for unusual features, so that the other random values stay the same.
    private readonly Random _odd = new(~seed);

    /// <summary>A request on a random host.</summary>
    public PlacementRequest Draw() => Draw(DrawHost());

    /// <summary>
    /// A request on a host that may have two kinds of core or a memory-only node. Some of its VMs are already pinned, well or badly.
    /// </summary>
    public PlacementRequest DrawOdd()
    {
        var host = DrawHost();
        host = _odd.NextDouble() < 0.3 ? WithEfficiencyCores(host) : host;
        var request = Draw(_odd.NextDouble() < 0.3 ? WithMemoryNode(host) : host);
        var online = request.Host.OnlineCpus.Numbers;
        return request with
        {
            VMs = [.. request.VMs.Select(vm => _odd.NextDouble() < 0.5 ? vm : vm with
        {
            CurrentPins = Enumerable.Range(0, vm.Vcpus).ToDictionary(vcpu => vcpu, _ => online[_odd.Next(online.Count)]),
            CurrentServiceCpus = _odd.NextDouble() < 0.5 ? new CpuSet(online[_odd.Next(online.Count)]) : null,
        })]
        };
    }

    /// <summary>A request on a host.</summary>
    public PlacementRequest Draw(VMHostTopology host)
    {
        var online = host.OnlineCpus.Numbers;
        var isolated = Chance(0.2) ? Some(online, 0.3) : CpuSet.Empty;
        var reserved = Chance(0.4) ? Some(online, 0.15) : CpuSet.Empty;
        var vms = Chance(0.01) ? _random.Next(50, 201) : Chance(0.1) ? _random.Next(10, 40) : _random.Next(1, 8);
        var largest = Math.Max(1, Chance(0.3) ? online.Count : online.Count / Math.Max(1, vms / 2));
        return new PlacementRequest
        {
            Host = host with { IsolatedCpus = isolated },
            ReservedCpus = reserved,
            ThreadPolicy = (ThreadPolicy)_random.Next(3),
            UseIsolatedCpus = !isolated.IsEmpty && Chance(0.3),
            AllowOvercommit = Chance(0.2),
            Neighbours = [.. Enumerable.Range(0, Chance(0.5) ? _random.Next(1, 4) : 0).Select(number => Neighbour(number, online))],
            VMs = [.. Enumerable.Range(0, vms).Select(number => DrawVM(number, largest))],
        };
    }

    /// <summary>A request that an exhaustive search can answer: a host of up to 8 cores, up to three VMs, no overcommit.</summary>
    /// <param name="hasMemoryNode">Whether the host also has a memory-only node.</param>
    public PlacementRequest DrawSmall(bool hasMemoryNode = false)
    {
        var (nodes, cachesPerNode, coresPerCache) = Pick((1, 1, 4), (1, 1, 6), (1, 2, 2), (1, 2, 3), (1, 2, 4), (1, 4, 1), (2, 1, 2), (2, 1, 4), (2, 2, 2), (2, 2, 1));
        var host = DrawHost(nodes, Pick(1, 2, 2), coresPerCache, cachesPerNode);
        if (nodes == 1 && cachesPerNode == 2 && Chance(0.4))
        {
            // Two kinds of core: the cores of the first cache are faster.
            host = host with { Nodes = [.. host.Nodes.Select(node => node with { Cpus = [.. node.Cpus.Select(cpu => cpu with { Speed = cpu.Core < coresPerCache ? 1024 : 600 })] })] };
        }

        host = hasMemoryNode ? WithMemoryNode(host) : host;
        var request = Draw(host) with { AllowOvercommit = false, CoreKind = _odd.NextDouble() < 0.3 ? CoreKindChoice.Efficient : CoreKindChoice.Fast };
        var vms = request.VMs.Take(3).Select(vm => vm with
        {
            Vcpus = 1 + (vm.Vcpus % Math.Max(1, host.OnlineCpus.Count / 2)),
            Cells = [],
            UnpluggedVcpus = CpuSet.Empty,
            IsRealTime = false,
        });
        return request with { VMs = [.. vms], Neighbours = [.. request.Neighbours.Select(neighbour => neighbour with { IsRealTime = false, UnpluggedCpus = CpuSet.Empty })] };
    }

    /// <summary>A host.</summary>
    public VMHostTopology DrawHost() => DrawHost(Pick(1, 1, 2, 2, 4, 8), Pick(1, 2, 2, 4), Pick(1, 2, 3, 4, 8), Pick(1, 1, 2, 4));

    // The later half of each node's cores is slower and has no second threads, like on hybrid processors.
    private static VMHostTopology WithEfficiencyCores(VMHostTopology host)
    {
        var nodes = host.Nodes.Select(node =>
        {
            var half = (node.Cpus.Max(cpu => cpu.Core!.Value) + 1) / 2;
            return node with
            {
                Cpus = [.. node.Cpus.Where(cpu => cpu.Core < half || cpu.Id == cpu.Siblings.Numbers[0])
                    .Select(cpu => cpu.Core < half ? cpu with { Speed = 1024 } : cpu with { Speed = 600, Siblings = new CpuSet(cpu.Id) })],
            };
        }).ToList();
        var there = CpuSet.Of(nodes.SelectMany(node => node.Cpus).Select(cpu => cpu.Id));
        return host.OnlineCpus.Overlaps(there) ? host with
        {
            Nodes = nodes,
            Caches = [.. host.Caches.Select(cache => cache with { Cpus = cache.Cpus.Intersect(there) })],
            OnlineCpus = host.OnlineCpus.Intersect(there),
            OfflineCpus = host.OfflineCpus.Intersect(there),
        }
        : host;
    }

    // A memory-only node, such as a CXL device.
    private VMHostTopology WithMemoryNode(VMHostTopology host)
    {
        var id = host.Nodes.Count;
        var nodes = host.Nodes.Select(node => node with { Distances = node.Distances.Append(new(id, 50)).ToDictionary() }).ToList();
        return host with
        {
            Nodes = [.. nodes, new HostNode
            {
                Id = id,
                MemoryKiB = 64 * GiB,
                FreeMemoryKiB = _odd.Next(0, 64) * GiB,
                Cpus = [],
                PagePools = [new PagePool(id, 4, 1000, null), new PagePool(id, 2048, 0, 0)],
                Distances = Enumerable.Range(0, id + 1).ToDictionary(other => other, other => other == id ? 10 : 50),
            }],
        };
    }

    private VMHostTopology DrawHost(int nodes, int threads, int coresPerCache, int cachesPerNode)
    {
        var reportsCaches = !Chance(0.15);
        var isInterleaved = Chance(0.5);
        var coresPerNode = coresPerCache * cachesPerNode;
        var cores = nodes * coresPerNode;
        var hostNodes = new List<HostNode>();
        var caches = new List<HostCache>();
        for (var node = 0; node < nodes; node++)
        {
            var cpus = new List<HostCpu>();
            for (var core = 0; core < coresPerNode; core++)
            {
                // Siblings have adjacent numbers, or all first threads come before all second ones, depending on the firmware.
                var global = (node * coresPerNode) + core;
                var siblings = CpuSet.Of(Enumerable.Range(0, threads).Select(thread => isInterleaved ? global + (thread * cores) : (global * threads) + thread));
                cpus.AddRange(siblings.Numbers.Select(cpu => new HostCpu(cpu, node, node, 0, core, siblings)));
            }

            for (var cache = 0; cache < cachesPerNode && reportsCaches; cache++)
            {
                var members = cpus.Where(cpu => cpu.Core / coresPerCache == cache).Select(cpu => cpu.Id);
                caches.Add(new HostCache((node * cachesPerNode) + cache, 3, "both", 16 * 1024, CpuSet.Of(members)));
            }

            hostNodes.Add(new HostNode
            {
                Id = node,
                MemoryKiB = 64 * GiB,
                FreeMemoryKiB = Chance(0.1) ? null : _random.Next(0, 64) * GiB,
                Cpus = cpus,
                PagePools = [new PagePool(node, 4, 1000, null), new PagePool(node, 2048, 8192, Chance(0.2) ? null : _random.Next(8192))],
                Distances = Enumerable.Range(0, nodes).ToDictionary(other => other, other => other == node ? 10 : 20 + Math.Abs(other - node)),
            });
        }

        var all = CpuSet.Of(Enumerable.Range(0, cores * threads));
        var offline = Chance(0.3) ? Some(all.Numbers, 0.2) : CpuSet.Empty;
        return new VMHostTopology
        {
            ConnectionUri = "qemu:///system",
            HostName = "host",
            Nodes = hostNodes,
            Caches = caches,
            OnlineCpus = all.Except(offline),
            OfflineCpus = offline,
            IsolatedCpus = CpuSet.Empty,
        };
    }

    /// <summary>A VM.</summary>
    public PlacementVM DrawVM(int number, int largest)
    {
        var vcpus = _random.Next(1, largest + 1);
        var memory = _random.Next(1, 24) * GiB;
        var cells = vcpus >= 4 && Chance(0.2) ? 2 : 0;
        return new PlacementVM
        {
            Name = $"vm{number}",
            Id = new Guid(number, 0, 0, new byte[8]),
            Vcpus = vcpus,
            MemoryKiB = memory,
            PageSizeKiB = Chance(0.2) ? 2048 : null,
            GuestThreads = Pick(1, 1, 1, 2),
            UnpluggedVcpus = vcpus > 1 && cells == 0 && Chance(0.15) ? CpuSet.Of(Enumerable.Range(0, vcpus).Skip(_random.Next(1, vcpus))) : CpuSet.Empty,
            IsRealTime = Chance(0.05),
            Cells = [.. Enumerable.Range(0, cells).Select(cell => new GuestNumaCell(
                cell, CpuSet.Of(Enumerable.Range(0, vcpus).Where(vcpu => vcpu * cells / vcpus == cell)), memory / cells))],
        };
    }

    private PlacementNeighbour Neighbour(int number, IReadOnlyList<int> online)
    {
        var pins = Enumerable.Range(0, Chance(0.3) ? 0 : _random.Next(1, 5)).ToDictionary(vcpu => vcpu, _ => new CpuSet(online[_random.Next(online.Count)]));
        return new PlacementNeighbour
        {
            Name = $"neighbour{number}",
            Vcpus = Math.Max(1, pins.Count),
            VcpuPins = pins,
            IsRealTime = pins.Count > 0 && Chance(0.1),
            ServicePins = Chance(0.5) ? new Dictionary<string, CpuSet> { ["emulator"] = new(online[_random.Next(online.Count)]) } : [],
        };
    }

    private CpuSet Some(IReadOnlyList<int> cpus, double share)
    {
        var some = cpus.Where(_ => Chance(share)).ToList();
        return some.Count == cpus.Count ? CpuSet.Empty : CpuSet.Of(some);
    }

    private bool Chance(double probability) => _random.NextDouble() < probability;

    private T Pick<T>(params T[] values) => values[_random.Next(values.Length)];
}
