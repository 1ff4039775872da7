// Reads the counters of several VMs of one host at one moment: with one call to libvirt, and from the kernel if the host is this machine.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement.Sampling;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>The counters of all VMs at one moment.</summary>
/// <param name="Timestamp">The clock's time stamp of libvirt's answer.</param>
/// <param name="VMs">The readings of each VM, from each of its sources in a fixed order.</param>
internal sealed record HostReadings(long Timestamp, IReadOnlyDictionary<Guid, IReadOnlyList<CounterReading>> VMs);

/// <summary>The counters to read from the local kernel.</summary>
internal enum KernelCounters
{
    /// <summary>The host's processors and pressure: a few short files for any number of VMs.</summary>
    OfHost,

    /// <summary>Also the threads and memory of each QEMU process.</summary>
    OfHostAndVMs,
}

/// <summary>Reads the counters of VMs.</summary>
/// <param name="host">The host.</param>
/// <param name="time">The clock.</param>
/// <param name="kernel">The counters to read from the local kernel, if the host is this machine.</param>
internal sealed class HostObserver(HostConnection host, TimeProvider time, KernelCounters kernel)
{
    private const DomainStatsGroups Groups = DomainStatsGroups.State | DomainStatsGroups.CpuTotal | DomainStatsGroups.Balloon
        | DomainStatsGroups.Vcpu | DomainStatsGroups.Interface | DomainStatsGroups.Block;

    private readonly Dictionary<Guid, IReadOnlyList<IRunSampler>> _kernel = [];
    private readonly HostSampler _hostSampler = new();

    /// <summary>Reads all VMs of a list.</summary>
    /// <exception cref="LibvirtException">libvirt refuses or the daemon is lost.</exception>
    public HostReadings Read(IReadOnlyList<LibvirtDomain> domains) =>
        Read(() => domains.Count == 0 ? [] : domains[0].Connection.GetAllDomainStatistics(domains, Groups, DomainStatsScope.NoWait));

    /// <summary>Reads all running VMs and their names, also VMs that were started since the last reading.</summary>
    /// <exception cref="LibvirtException">libvirt refuses or the daemon is lost.</exception>
    public (HostReadings Readings, IReadOnlyList<DomainStatistics> Statistics) ReadAllRunning()
    {
        IReadOnlyList<DomainStatistics> statistics = [];
        return (Read(() => statistics = host.Read().GetAllDomainStatistics(Groups, DomainStatsScope.Active | DomainStatsScope.NoWait)), statistics);
    }

    /// <summary>Whether libvirt reports the VM as off: it ended while it was watched.</summary>
    public static bool IsOff(IReadOnlyList<CounterReading> readings) => readings.Any(reading =>
        reading.Gauges.TryGetValue("State", out var state) && (DomainState)(int)state is DomainState.ShutOff or DomainState.Crashed);

    private HostReadings Read(Func<IReadOnlyList<DomainStatistics>> ask)
    {
        var statistics = ask();
        var timestamp = time.GetTimestamp();
        var ofHost = host.IsLocalQemu ? _hostSampler.Read() : CounterReading.Empty;
        var isDeep = host.IsLocalQemu && kernel == KernelCounters.OfHostAndVMs;
        var pools = isDeep ? HugePages() : CounterReading.Empty;
        return new HostReadings(timestamp, statistics.ToDictionary(
            own => own.DomainId,
            own => (IReadOnlyList<CounterReading>)
            [
                LibvirtSampler.Read(own), ofHost, pools,
                .. isDeep ? KernelOf(own).Select(sampler => sampler.Read()) : [],
            ]));
    }

    private static CounterReading HugePages()
    {
        var pools = HostMemoryFacts.Read().Pools;
        return new CounterReading(
            new Dictionary<string, double>(StringComparer.Ordinal),
            pools.Sum(pool => pool.Total * pool.PageSizeKiB) is var total and > 0
                ? new Dictionary<string, double>(StringComparer.Ordinal)
                {
                    ["HostHugePagesKiB"] = total,
                    ["HostHugePagesFreeKiB"] = pools.Sum(pool => pool.Free * pool.PageSizeKiB),
                }
                : new Dictionary<string, double>(StringComparer.Ordinal));
    }

    private IReadOnlyList<IRunSampler> KernelOf(DomainStatistics own)
    {
        if (!_kernel.TryGetValue(own.DomainId, out var samplers))
        {
            List<IRunSampler> found = [];
            if (QemuProcess.Find(own.DomainName, own.DomainId) is { } process)
            {
                if (ThreadSampler.Create(process) is { } threads)
                {
                    found.Add(threads);
                }

                if (CpuQuotaSampler.Create(process) is { } quota)
                {
                    found.Add(quota);
                }

                found.Add(new QemuMemorySampler(process, host.Hardware().Nodes.Count > 1));
            }

            _kernel[own.DomainId] = samplers = found;
        }

        return samplers;
    }
}
