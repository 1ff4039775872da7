// The bench `placement`: the time for a plan, from one VM on 16 host CPUs to 200 VMs on 512, and its quality.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Placement;
using KvmTune.Topology;

namespace KvmTune.Bench.Placements;

/// <summary>Times the placement engine on synthetic hosts.</summary>
internal static class PlacementBench
{
    private const int Seed = 20240612;
    private const int Threads = 2;
    private const int CoresPerCache = 8;
    private const int CachesPerNode = 4;
    private const long GiB = 1024 * 1024;

    /// <summary>Runs the bench.</summary>
    /// <param name="rounds">The number of plans for one figure.</param>
    public static IReadOnlyList<BenchFigure> Run(int rounds)
    {
        var figures = new List<BenchFigure>();
        foreach (var (name, nodes, vms, largest, policy) in new[]
        {
            ("1 VM", 1, 1, 4, ThreadPolicy.Prefer),
            ("20 VMs", 2, 20, 6, ThreadPolicy.Prefer),
            ("200 VMs that fit", 8, 200, 3, ThreadPolicy.Prefer),
            ("200 VMs on whole cores", 8, 200, 3, ThreadPolicy.Require),
            ("200 VMs, too many", 8, 200, 8, ThreadPolicy.Prefer),
        })
        {
            var request = new PlacementRequest { Host = Host(nodes), VMs = VMs(vms, largest), ThreadPolicy = policy };
            var placement = PlacementPlanner.Plan(request);
            var times = new List<double>();
            for (var round = 0; round < rounds; round++)
            {
                var watch = Stopwatch.StartNew();
                PlacementPlanner.Plan(request);
                times.Add(watch.Elapsed.TotalMilliseconds);
            }

            times.Sort();
            figures.Add(new(
                string.Create(CultureInfo.InvariantCulture, $"{name} on {request.Host.OnlineCpus.Count} host CPUs"),
                Math.Round(times[times.Count / 2], 1),
                "ms",
                string.Create(CultureInfo.InvariantCulture, $"{placement.Refusals.Count} refused, {placement.VMs.Count(vm => vm.CrossesNodes)} across nodes, {placement.VMs.Count(vm => vm.CrossesCaches)} across caches; slowest {times[^1]:0.0} ms")));
        }

        return figures;
    }

    private static List<PlacementVM> VMs(int count, int largest)
    {
        var random = new Random(Seed);
        return [.. Enumerable.Range(0, count).Select(number => new PlacementVM
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"vm{number}"),
            Vcpus = random.Next(1, largest + 1),
            MemoryKiB = random.Next(1, 5) * GiB,
        })];
    }

    private static VMHostTopology Host(int nodes)
    {
        const int PerNode = CachesPerNode * CoresPerCache * Threads;
        var all = Enumerable.Range(0, nodes).Select(node => new HostNode
        {
            Id = node,
            MemoryKiB = 256 * GiB,
            FreeMemoryKiB = 240 * GiB,
            Cpus =
            [
                .. Enumerable.Range(node * PerNode, PerNode).Select(cpu => new HostCpu(
                    cpu, node, node, 0, cpu / Threads, CpuSet.Of(Enumerable.Range(cpu / Threads * Threads, Threads)))),
            ],
        }).ToList();
        return new VMHostTopology
        {
            ConnectionUri = "qemu:///system",
            HostName = "bench",
            Nodes = all,
            Caches =
            [
                .. Enumerable.Range(0, nodes * CachesPerNode).Select(cache => new HostCache(
                    cache, 3, "both", 32 * 1024, CpuSet.Of(Enumerable.Range(cache * CoresPerCache * Threads, CoresPerCache * Threads)))),
            ],
            OnlineCpus = CpuSet.Of(Enumerable.Range(0, nodes * PerNode)),
            IsolatedCpus = CpuSet.Empty,
        };
    }
}
