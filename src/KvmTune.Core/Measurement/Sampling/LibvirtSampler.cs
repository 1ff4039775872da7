// libvirt's bulk statistics of the measured VM: processor time, waits, disks, NICs.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Libvirt;

namespace KvmTune.Measurement.Sampling;

/// <summary>One bulk call for the VM's processors, disks and NICs (some 5 ms).</summary>
internal sealed class LibvirtSampler(DomainAccess domain) : IRunSampler
{
    private const DomainStatsGroups Groups =
        DomainStatsGroups.CpuTotal | DomainStatsGroups.Vcpu | DomainStatsGroups.Block | DomainStatsGroups.Interface;

    private static readonly (string Libvirt, string Name)[] DiskCounters =
    [
        ("rd.reqs", "ReadRequests"),
        ("rd.bytes", "ReadBytes"),
        ("rd.times", "ReadNanoseconds"),
        ("wr.reqs", "WriteRequests"),
        ("wr.bytes", "WriteBytes"),
        ("wr.times", "WriteNanoseconds"),
        ("fl.reqs", "FlushRequests"),
        ("fl.times", "FlushNanoseconds"),
        ("physical", "AllocatedBytes"),
    ];

    private static readonly (string Libvirt, string Name)[] NicCounters =
    [
        ("rx.bytes", "ReceivedBytes"),
        ("rx.pkts", "ReceivedPackets"),
        ("rx.drop", "ReceiveDropsPackets"),
        ("tx.bytes", "SentBytes"),
        ("tx.pkts", "SentPackets"),
        ("tx.drop", "SendDropsPackets"),
    ];

    public CounterReading Read()
    {
        var statistics = domain.Call(vm => vm.Connection.GetAllDomainStatistics([vm], Groups, DomainStatsScope.NoWait));
        return statistics is [var own] ? Read(own) : CounterReading.Empty;
    }

    internal static CounterReading Read(DomainStatistics statistics)
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        void Add(string libvirtName, string name)
        {
            if (statistics.GetDouble(libvirtName) is { } value)
            {
                counters[name] = counters.GetValueOrDefault(name) + value;
            }
        }

        Add("cpu.time", "GuestCpuNanoseconds");
        var wait = 0.0;
        for (var i = 0UL; i < (statistics.GetUInt64("vcpu.maximum") ?? 0); i++)
        {
            var vcpu = string.Create(CultureInfo.InvariantCulture, $"vcpu.{i}.");
            Add(vcpu + "time", "VcpuTimeNanoseconds");
            Add(vcpu + "delay", "VcpuDelayNanoseconds");
            Add(vcpu + "time", string.Create(CultureInfo.InvariantCulture, $"Vcpu.{i}.TimeNanoseconds"));
            Add(vcpu + "delay", string.Create(CultureInfo.InvariantCulture, $"Vcpu.{i}.DelayNanoseconds"));
            wait += statistics.GetDouble(vcpu + "wait") ?? 0;
        }

        // Without the kernel's schedstats the wait is always 0: then it is not known, and not none.
        if (wait > 0)
        {
            counters["VcpuWaitNanoseconds"] = wait;
        }

        for (var i = 0UL; i < (statistics.GetUInt64("block.count") ?? 0); i++)
        {
            var block = string.Create(CultureInfo.InvariantCulture, $"block.{i}.");
            if (statistics.GetString(block + "name") is { } target)
            {
                foreach (var (libvirtName, name) in DiskCounters)
                {
                    Add(block + libvirtName, $"Disk.{target}.{name}");
                }
            }
        }

        for (var i = 0UL; i < (statistics.GetUInt64("net.count") ?? 0); i++)
        {
            foreach (var (libvirtName, name) in NicCounters)
            {
                Add(string.Create(CultureInfo.InvariantCulture, $"net.{i}.{libvirtName}"), string.Create(CultureInfo.InvariantCulture, $"Nic.{i}.{name}"));
            }
        }

        return new CounterReading(counters);
    }
}
