// libvirt's bulk statistics of the measured VM: processor time, waits, disks, NICs.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Libvirt;

namespace KvmTune.Measurement.Sampling;

/// <summary>One bulk call for the VM's processors, disks and NICs (about 5 ms).</summary>
internal sealed class LibvirtSampler(DomainAccess domain) : IRunSampler
{
    /// <summary>When the guest's balloon driver last reported, in seconds. While this does not change, its other values are old.</summary>
    public const string BalloonUpdates = "Balloon.LastUpdateSeconds";

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
        ("rx.errs", "ReceiveErrorsPackets"),
        ("tx.bytes", "SentBytes"),
        ("tx.pkts", "SentPackets"),
        ("tx.drop", "SendDropsPackets"),
        ("tx.errs", "SendErrorsPackets"),
    ];

    private static readonly (string Libvirt, string Name)[] BalloonCounters =
    [
        ("swap_in", "Balloon.SwapInKiB"),
        ("swap_out", "Balloon.SwapOutKiB"),
        ("major_fault", "Balloon.MajorFaults"),
        ("last-update", BalloonUpdates),
    ];

    private static readonly (string Libvirt, string Name)[] BalloonGauges =
    [
        ("current", "Balloon.CurrentKiB"),
        ("maximum", "Balloon.MaximumKiB"),
        ("available", "Balloon.AvailableKiB"),
        ("usable", "Balloon.UsableKiB"),
    ];

    public CounterReading Read()
    {
        var statistics = domain.Call(vm => vm.Connection.GetAllDomainStatistics([vm], Groups, DomainStatsScope.NoWait));
        return statistics is [var own] ? Read(own) : CounterReading.Empty;
    }

    internal static CounterReading Read(DomainStatistics statistics)
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        var gauges = new Dictionary<string, double>(StringComparer.Ordinal);
        void Add(string libvirtName, string name)
        {
            if (statistics.GetDouble(libvirtName) is { } value)
            {
                counters[name] = counters.GetValueOrDefault(name) + value;
            }
        }

        void Tell(string libvirtName, string name)
        {
            if (statistics.GetDouble(libvirtName) is { } value)
            {
                gauges[name] = value;
            }
        }

        Tell("state.state", "State");
        Tell("state.reason", "StateReason");
        Add("cpu.time", "GuestCpuNanoseconds");
        Add("cpu.haltpoll.success.time", "HaltPollNanoseconds");
        Add("cpu.haltpoll.fail.time", "HaltPollNanoseconds");
        var wait = 0.0;
        for (var i = 0UL; i < (statistics.GetUInt64("vcpu.maximum") ?? 0); i++)
        {
            var vcpu = string.Create(CultureInfo.InvariantCulture, $"vcpu.{i}.");
            Add(vcpu + "time", "VcpuTimeNanoseconds");
            Add(vcpu + "delay", "VcpuDelayNanoseconds");
            Add(vcpu + "time", string.Create(CultureInfo.InvariantCulture, $"Vcpu.{i}.TimeNanoseconds"));
            Add(vcpu + "delay", string.Create(CultureInfo.InvariantCulture, $"Vcpu.{i}.DelayNanoseconds"));
            // KVM's own statistics, by vCPU (libvirt 8.9).
            Add(vcpu + "halt_poll_success_ns.sum", string.Create(CultureInfo.InvariantCulture, $"Vcpu.{i}.HaltPollNanoseconds"));
            Add(vcpu + "halt_poll_fail_ns.sum", string.Create(CultureInfo.InvariantCulture, $"Vcpu.{i}.HaltPollNanoseconds"));
            wait += statistics.GetDouble(vcpu + "wait") ?? 0;
        }

        // Without the kernel's schedstats the wait is always 0, which means unknown and not none.
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

        foreach (var (libvirtName, name) in BalloonCounters)
        {
            Add("balloon." + libvirtName, name);
        }

        foreach (var (libvirtName, name) in BalloonGauges)
        {
            Tell("balloon." + libvirtName, name);
        }

        return new CounterReading(counters, gauges);
    }
}
