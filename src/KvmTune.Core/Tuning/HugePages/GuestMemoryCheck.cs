// Checks with the kernel's own counters whether a running VM's memory is on huge pages.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;

namespace KvmTune.Tuning.HugePages;

/// <summary>Compares a configuration with the memory that QEMU has mapped.</summary>
internal static class GuestMemoryCheck
{
    /// <summary>The results: how much memory is on huge pages, on which nodes, and what the pools report.</summary>
    /// <param name="running">The running configuration.</param>
    /// <param name="process">The VM's process.</param>
    /// <param name="mapped">The huge pages that the process has mapped.</param>
    /// <param name="kernel">The local kernel's facts.</param>
    public static IReadOnlyList<Verification> Of(
        VMConfiguration running, QemuProcess process, IReadOnlyList<MappedHugePages> mapped, HostMemoryFacts kernel)
    {
        var smaps = string.Create(CultureInfo.InvariantCulture, $"kernel: /proc/{process.ProcessId}/smaps");
        if (!running.Memory.UsesHugePages)
        {
            return [new Verification("guest memory on huge pages", VerifiedBy.Kernel, smaps, KiB(0), KiB(mapped.Sum(pages => pages.MappedKiB)))];
        }

        var verifications = new List<Verification>();
        foreach (var demands in HugePageDemand.Of(running, kernel.DefaultPageSizeKiB).GroupBy(demand => demand.PageSizeKiB))
        {
            var size = demands.Key;
            var expected = demands.Sum(demand => demand.Pages) * size;
            var actual = mapped.FirstOrDefault(pages => pages.PageSizeKiB == size)?.MappedKiB ?? 0;
            verifications.Add(new Verification($"guest memory on {PageSize.Text(size)} pages", VerifiedBy.Kernel, smaps, KiB(expected), KiB(actual)));

            // Other VMs share the pool, so the check can only say that at least this VM's pages are taken from it.
            var pools = kernel.Pools.Where(pool => pool.PageSizeKiB == size).ToList();
            var used = pools.Sum(pool => pool.Total - pool.Free);
            var needed = expected / size;
            verifications.Add(new Verification(
                $"{PageSize.Text(size)} pages taken from the pool",
                VerifiedBy.Kernel, "kernel: /sys/devices/system/node/*/hugepages/*/free_hugepages",
                AtLeast(needed), used >= needed ? AtLeast(needed) : used.ToString(CultureInfo.InvariantCulture)));

            if (demands.All(demand => demand.HostNodes is not null) && process.NumaMaps() is { } numaMaps)
            {
                var bound = demands.Aggregate(CpuSet.Empty, (all, demand) => all.Union(demand.HostNodes!));
                var nodes = GuestPages.NodesFromNumaMaps(numaMaps, size);
                verifications.Add(new Verification(
                    $"nodes of the {PageSize.Text(size)} pages",
                    VerifiedBy.Kernel, string.Create(CultureInfo.InvariantCulture, $"kernel: /proc/{process.ProcessId}/numa_maps"),
                    bound.ToString(), nodes.IsSubsetOf(bound) ? bound.ToString() : nodes.ToString()));
            }
        }

        return verifications;
    }

    private static string KiB(long kibibytes) => string.Create(CultureInfo.InvariantCulture, $"{kibibytes} KiB");

    private static string AtLeast(long pages) => string.Create(CultureInfo.InvariantCulture, $"{pages} or more");
}
