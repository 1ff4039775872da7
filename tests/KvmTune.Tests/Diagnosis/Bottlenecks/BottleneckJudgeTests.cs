// The judge: every threshold with values just above it and values just below it, and the traps of the counters.
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;
using static KvmTune.Tests.Diagnosis.Bottlenecks.BottleneckScene;

namespace KvmTune.Tests.Diagnosis.Bottlenecks;

public sealed class BottleneckJudgeTests
{
    private const double NaN = double.NaN;

    // Two pending requests on average, 10 ms each.
    private static VMObservation OnIOThread { get; } = (Healthy with
    {
        Configuration = Healthy.Configuration with
        {
            IOThreadIds = [1],
            Disks = [.. Healthy.Configuration.Disks.Select(disk => disk.Target == "vdb" ? disk with { IOThread = 1 } : disk)],
        },
    }).With(("Disk.vdb.WriteRequests", 2000), ("Disk.vdb.WriteNanoseconds", 20e9));

    public static TheoryData<string, VMObservation, VMObservation, BottleneckCause> Lines()
    {
        var data = new TheoryData<string, VMObservation, VMObservation, BottleneckCause>();
        void Add(string threshold, Func<double, VMObservation> scene, double shows, double doesNot, BottleneckCause cause) =>
            data.Add(threshold, scene(shows), scene(doesNot), cause);

        Add(nameof(BottleneckThresholds.VcpuDemandPercent),
            run => Healthy.With(("Vcpu.0.TimeNanoseconds", run), ("Vcpu.0.DelayNanoseconds", 1.5e9)), 1.5e9, 1.49e9, BottleneckCause.VcpuDelay);
        Add(nameof(BottleneckThresholds.VcpuDelayPercent),
            delay => Healthy.With(("Vcpu.0.DelayNanoseconds", delay)), 1e9, 0.99e9, BottleneckCause.VcpuDelay);
        Add(nameof(BottleneckThresholds.EmulatorDelayPercent),
            delay => Healthy.With(("MainLoop.RunNanoseconds", 1e9), ("MainLoop.RunQueueDelayNanoseconds", delay)), 1e9, 0.99e9, BottleneckCause.EmulatorDelay);
        Add(nameof(BottleneckThresholds.EmulatorDemandPercent),
            run => Healthy.With(("MainLoop.RunNanoseconds", run), ("MainLoop.RunQueueDelayNanoseconds", 5e9)), 3e8, 2.9e8, BottleneckCause.EmulatorDelay);
        Add(nameof(BottleneckThresholds.CpuThrottledPercent),
            time => Healthy.With(("Vcpu.0.ThrottledNanoseconds", time), ("Vcpu.0.ThrottledPeriods", 90)), 1e9, 0.99e9, BottleneckCause.CpuQuota);
        Add(nameof(BottleneckThresholds.VcpuBusyPercent),
            run => Healthy.With(("Vcpu.0.TimeNanoseconds", 9.8e9), ("Vcpu.1.TimeNanoseconds", run)), 8e9, 7.9e9, BottleneckCause.VcpusUsedUp);
        Add(nameof(BottleneckThresholds.GuestStealPercent),
            ticks => Healthy.WithGuest(("CpuStealTicks", ticks)), 200, 199, BottleneckCause.VcpuDelay);
        Add(nameof(BottleneckThresholds.DiskQueueLength),
            time => Healthy.With(("Disk.vdb.WriteRequests", 300), ("Disk.vdb.WriteNanoseconds", time)), 10e9, 9.9e9, BottleneckCause.DiskQueue);
        Add(nameof(BottleneckThresholds.DiskLatencyMilliseconds),
            requests => Healthy.With(("Disk.vdb.WriteRequests", requests), ("Disk.vdb.WriteNanoseconds", 20e9)), 1000, 1001, BottleneckCause.DiskQueue);
        Add(nameof(BottleneckThresholds.DiskFlushPercent),
            time => Healthy.With(("Disk.vdb.FlushRequests", 100), ("Disk.vdb.FlushNanoseconds", time)), 2e9, 1.99e9, BottleneckCause.DiskFlushes);
        Add(nameof(BottleneckThresholds.DiskLimitPercent),
            requests => Healthy.Throttled(("total_iops_sec", 200)).With(("Disk.vdb.WriteRequests", requests), ("Disk.vdb.WriteNanoseconds", 9e9)),
            1600, 1599, BottleneckCause.DiskLimit);
        Add(nameof(BottleneckThresholds.DiskBusyPercent),
            time => Healthy.Throttled(("write_iops_sec", 200)).With(("Disk.vdb.WriteRequests", 2000), ("Disk.vdb.WriteNanoseconds", time)),
            5e9, 4.99e9, BottleneckCause.DiskLimit);
        Add(nameof(BottleneckThresholds.IOThreadBusyPercent),
            run => OnIOThread.With(("IOThread.1.RunNanoseconds", run), ("IOThread.1.RunQueueDelayNanoseconds", 2e9)), 7e9, 6.99e9, BottleneckCause.IOThreadSaturated);
        Add(nameof(BottleneckThresholds.GuestSwapKiBPerSecond),
            pages => Healthy.WithGuest(("SwapInPages", pages), ("SwapOutPages", 320)), 320, 319, BottleneckCause.GuestMemory);
        Add(nameof(BottleneckThresholds.GuestMemoryPressurePercent),
            time => Healthy.WithGuest(("PressureMemorySomeMicroseconds", time)), 1e6, 0.99e6, BottleneckCause.GuestMemory);
        Add(nameof(BottleneckThresholds.GuestMemoryUsedPercent),
            left => Healthy.WithGuest(("MemoryAvailableKiB", left), ("MajorFaults", 1000)), 50000, 50100, BottleneckCause.GuestMemory);
        Add(nameof(BottleneckThresholds.GuestMajorFaultsPerSecond),
            faults => Healthy.WithGuest(("MemoryAvailableKiB", 20000), ("MajorFaults", faults)), 500, 499, BottleneckCause.GuestMemory);
        Add(nameof(BottleneckThresholds.HostFaultsPerSecond),
            faults => Healthy.With(("QemuMajorFaults", faults)), 100, 99, BottleneckCause.HostMemory);
        Add(nameof(BottleneckThresholds.NicLimitPercent),
            bytes => Healthy.With(("Nic.0.SentBytes", bytes)), 500 * 1024 * 8.5, 500 * 1024 * 8.49, BottleneckCause.NicLimit);
        Add(nameof(BottleneckThresholds.NicDropsPerSecond),
            packets => Healthy.With(("Nic.0.ReceiveDropsPackets", packets)), 100, 99, BottleneckCause.NicDrops);
        Add(nameof(BottleneckThresholds.NicErrorsPerSecond),
            packets => Healthy.With(("Nic.0.SendErrorsPackets", packets)), 10, 9, BottleneckCause.NicDrops);
        Add(nameof(BottleneckThresholds.TcpRetransmitPercent),
            segments => Healthy.WithGuest(("RetransmittedSegments", segments)), 10, 9, BottleneckCause.TcpRetransmits);
        return data;
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_threshold_has_a_VM_that_shows_it_and_one_that_just_does_not(
        string threshold, VMObservation shows, VMObservation doesNot, BottleneckCause cause)
    {
        var report = shows.Judged();
        var line = BottleneckThresholds.All.Single(entry => entry.Name == threshold);

        Assert.Equal(line.Area, report.Area);
        Assert.Equal(cause, report.Cause);
        Assert.Contains(report.Exceeded, evidence => evidence.ThresholdName == threshold && evidence.ThresholdSource == line.Source);
        Assert.Null(doesNot.Judged().Area);
        Assert.Equal(VMBottleneckReport.NoBottleneck, doesNot.Judged().Verdict);
    }

    [Fact]
    public void Every_threshold_has_its_pair_of_VMs_but_the_one_that_is_only_shown() =>
        Assert.Equal(
            BottleneckThresholds.All.Select(line => line.Name).Except([nameof(BottleneckThresholds.RemoteMemoryPercent)]).Order(StringComparer.Ordinal),
            Lines().Select(row => (string)row[0]).Order(StringComparer.Ordinal));

    [Fact]
    public void A_healthy_VM_is_left_alone()
    {
        var report = Healthy.Judged();

        Assert.Null(report.Area);
        Assert.Equal(VMBottleneckReport.NoBottleneck, report.Verdict);
        Assert.Equal([TuningArea.Cpu, TuningArea.Disk, TuningArea.Memory, TuningArea.Network], report.Areas.Select(area => area.Area));
        Assert.All(report.Areas, area => Assert.Equal("not saturated", area.Verdict));
        Assert.Equal(25, report.Of(TuningArea.Cpu).UtilisationPercent);
        Assert.Empty(report.Notes);
    }

    [Fact]
    public void Halt_polling_is_no_work_by_vCPU_and_as_a_sum()
    {
        var busy = Healthy.With(("Vcpu.0.TimeNanoseconds", 9.9e9), ("Vcpu.1.TimeNanoseconds", 9.9e9));

        Assert.Equal(BottleneckCause.VcpusUsedUp, busy.Judged().Cause);
        Assert.Null(busy.With(("HaltPollNanoseconds", 18e9)).Judged().Area);
        var single = busy.With(("Vcpu.0.HaltPollNanoseconds", 9e9), ("Vcpu.1.HaltPollNanoseconds", 9e9)).Judged();
        Assert.Null(single.Area);
        Assert.Equal(9, single.Of(TuningArea.Cpu).UtilisationPercent!.Value, 6);
    }

    [Fact]
    public void The_wait_and_the_delay_are_never_added()
    {
        var report = Healthy.With(("Vcpu.0.DelayNanoseconds", 0.6e9), ("VcpuWaitNanoseconds", 6e9)).Judged();

        Assert.Null(report.Area);
        Assert.Contains(report.Of(TuningArea.Cpu).Evidence, evidence => evidence.Counter.StartsWith("wait", StringComparison.Ordinal) && evidence.Value == 60);
    }

    [Fact]
    public void The_kernels_delay_takes_the_place_of_libvirts_and_is_not_added_to_it()
    {
        var report = Healthy.With(
            ("Vcpu.0.DelayNanoseconds", 0.6e9), ("Vcpu.0.RunQueueDelayNanoseconds", 0.6e9), ("Vcpu.0.RunNanoseconds", 4e9), ("VcpuRunQueueDelayNanoseconds", 0.6e9)).Judged();

        Assert.Null(report.Area);
        Assert.Contains(report.Of(TuningArea.Cpu).Saturation, evidence => evidence is { Subject: "vCPU 0", Value: 6, Source: "/proc/PID/task/TID/schedstat" });
    }

    [Fact]
    public void The_mean_latency_is_the_growth_of_the_times_by_that_of_the_requests()
    {
        var disk = Healthy.With(("Disk.vdb.ReadRequests", 100), ("Disk.vdb.ReadNanoseconds", 1e9), ("Disk.vdb.WriteRequests", 300), ("Disk.vdb.WriteNanoseconds", 1e9))
            .Judged().Of(TuningArea.Disk);

        Assert.Contains(disk.Evidence, evidence => evidence is { Subject: "disk vdb", Counter: "mean latency", Value: 5, Unit: "ms" });
        Assert.Contains(disk.Evidence, evidence => evidence is { Subject: "disk vdb", Counter: "requests under way", Value: 0.2 });
    }

    [Fact]
    public void Flushes_that_take_less_than_the_transfers_are_not_to_blame()
    {
        var report = Healthy.With(
            ("Disk.vdb.WriteRequests", 10000), ("Disk.vdb.WriteNanoseconds", 5e9), ("Disk.vdb.FlushRequests", 100), ("Disk.vdb.FlushNanoseconds", 4e9)).Judged();

        Assert.Null(report.Area);
    }

    [Fact]
    public void A_sync_bound_guest_is_called_so()
    {
        var report = Healthy.With(
            ("Disk.vdb.WriteRequests", 1000), ("Disk.vdb.WriteNanoseconds", 1e9), ("Disk.vdb.FlushRequests", 1000), ("Disk.vdb.FlushNanoseconds", 8e9)).Judged();

        Assert.Equal(
            "the guest is sync-bound on disk vdb: flushes took 80 % of the time (100 a second, 8 ms each); more depth or bandwidth does not help, fewer or quicker flushes do",
            report.Verdict);
        Assert.Equal(90, report.Of(TuningArea.Disk).WaitingPercent!.Value, 6);
    }

    [Fact]
    public void How_long_the_guest_waited_for_a_disk_is_what_the_guest_saw_where_that_is_more()
    {
        var flushing = Healthy.With(
            ("Disk.vdb.WriteRequests", 1000), ("Disk.vdb.WriteNanoseconds", 1e8), ("Disk.vdb.FlushRequests", 1000), ("Disk.vdb.FlushNanoseconds", 2.5e9),
            ("Vcpu.0.DelayNanoseconds", 4e9));

        Assert.Equal(TuningArea.Cpu, flushing.Judged().Area);
        var seen = flushing.WithGuest(("Disk.sda.BusyMilliseconds", 7500), ("Disk.sda.QueueMilliseconds", 9000)).Judged();
        Assert.Equal(TuningArea.Disk, seen.Area);
        Assert.Equal(75, seen.Of(TuningArea.Disk).WaitingPercent);
    }

    [Theory]
    [InlineData("read_bytes_sec")]
    [InlineData("write_bytes_sec")]
    [InlineData("total_bytes_sec")]
    [InlineData("read_iops_sec")]
    [InlineData("write_iops_sec")]
    [InlineData("total_iops_sec")]
    public void A_disk_at_any_of_its_limits_is_saturated_though_its_queue_and_latency_are_ordinary(string limit)
    {
        var value = limit.Contains("bytes", StringComparison.Ordinal) ? 409600UL : 100UL;
        var busy = Healthy.Throttled((limit, value)).With(
            ("Disk.vdb.ReadRequests", 1000), ("Disk.vdb.ReadBytes", 4096000), ("Disk.vdb.ReadNanoseconds", 5e9),
            ("Disk.vdb.WriteRequests", 1000), ("Disk.vdb.WriteBytes", 4096000), ("Disk.vdb.WriteNanoseconds", 2e9));

        var report = busy.Judged();

        Assert.Equal(BottleneckCause.DiskLimit, report.Cause);
        Assert.Equal("disk vdb", report.Subject);
        Assert.Contains($"{DiskLimitNames.Of(limit)}={value}", report.Verdict, StringComparison.Ordinal);
        Assert.Null(busy.Throttled((limit, 10 * value)).Judged().Area);
        Assert.Null(busy.Throttled((limit + "_max", value)).Judged().Area);
    }

    [Fact]
    public void Disks_of_one_throttle_group_share_its_limit()
    {
        var vm = Healthy.Throttled(("total_iops_sec", 200));
        vm = vm with
        {
            Configuration = vm.Configuration with
            {
                Disks = [.. vm.Configuration.Disks.Select(disk => disk with { ThrottleGroup = "slow", Throttle = vm.Configuration.Disks[1].Throttle })],
            },
        };

        var report = vm.With(("Disk.vdb.WriteRequests", 900), ("Disk.vdb.WriteNanoseconds", 9e9)).Judged();
        Assert.Equal((BottleneckCause.DiskLimit, "disk vdb"), (report.Cause!.Value, report.Subject));
        Assert.Contains("the limit of throttle group 'slow', which it shares with disk vda, which made 53 % of the requests, TotalIops=200", report.Verdict, StringComparison.Ordinal);
    }

    [Fact]
    public void A_large_request_counts_as_several_where_the_limit_says_so()
    {
        var vm = Healthy.With(("Disk.vdb.WriteRequests", 1000), ("Disk.vdb.WriteBytes", 1000 * 16384), ("Disk.vdb.WriteNanoseconds", 9e9));

        Assert.Null(vm.Throttled(("total_iops_sec", 400)).Judged().Area);
        Assert.Equal(BottleneckCause.DiskLimit, vm.Throttled(("total_iops_sec", 400), ("size_iops_sec", 4096)).Judged().Cause);
    }

    [Fact]
    public void Without_the_guest_the_balloon_tells_and_its_silence_is_unknown()
    {
        var silent = Healthy.Silent();

        Assert.Equal(BottleneckCause.GuestMemory, silent.With(("Balloon.SwapInKiB", 2000), ("Balloon.SwapOutKiB", 600), ("Balloon.CurrentKiB", 524288)).Judged().Cause);
        Assert.Contains("the balloon leaves it 512 of 1024 MiB", silent.With(("Balloon.SwapInKiB", 9000), ("Balloon.CurrentKiB", 524288)).Judged().Verdict, StringComparison.Ordinal);
        // Values that did not change because the driver did not report are unknown, like a missing counter.
        var stale = silent.With(("Balloon.LastUpdateSeconds", 0));
        Assert.Contains(stale.Judged().Of(TuningArea.Memory).Saturation, evidence => evidence is { Counter: "swapping", Value: null, IsExceeded: false });
        Assert.Equal("The guest's own counters are not known: the agent does not answer", Assert.Single(stale.Judged().Notes));
    }

    [Fact]
    public void A_guest_that_swaps_explains_its_busy_disk_and_a_limit_comes_before_a_share_of_time()
    {
        var busy = Healthy.With(("Disk.vdb.WriteRequests", 1000), ("Disk.vdb.WriteNanoseconds", 50e9), ("Vcpu.0.DelayNanoseconds", 9.9e9));

        Assert.Equal(TuningArea.Disk, busy.Judged().Area);
        Assert.EndsWith(". Also saturated: CPU", busy.Judged().Verdict, StringComparison.Ordinal);
        Assert.Equal(TuningArea.Memory, busy.WithGuest(("SwapInPages", 9000), ("PressureMemorySomeMicroseconds", 3e6)).Judged().Area);
        Assert.Equal(TuningArea.Cpu, busy.With(("Disk.vdb.WriteNanoseconds", NaN), ("Vcpu.0.DelayNanoseconds", 5e9)).Judged().Area);
        Assert.Equal(TuningArea.Network, busy.With(("Nic.0.ReceivedBytes", 1000 * 1024 * 9.5)).Judged().Area);
    }

    [Fact]
    public void A_VM_that_was_paused_for_a_failed_disk_says_so()
    {
        var report = Healthy.With(("State", 3), ("StateReason", 5)).Judged();

        Assert.Equal(BottleneckCause.DiskError, report.Cause);
        Assert.Null(Healthy.With(("State", 3), ("StateReason", 1)).Judged().Area);
    }

    [Fact]
    public void What_is_not_counted_is_unknown_and_not_healthy()
    {
        var nothing = (Healthy with { Counters = new Dictionary<string, double>() }).Silent().Judged();

        Assert.Equal("unknown: none of the counters is kept for this VM", nothing.Verdict);
        Assert.All(nothing.Areas, area => Assert.False(area.IsKnown));
        Assert.All(nothing.Areas.SelectMany(area => area.Saturation), evidence => Assert.Null(evidence.Value));
        var disks = Healthy.Counters.Keys.Where(name => name.StartsWith("Disk.", StringComparison.Ordinal)).Select(name => (name, NaN)).ToArray();
        Assert.Equal("no bottleneck: leave it alone (unknown, since no counter is kept: disk)", Healthy.With([.. disks, ("State", NaN)]).Judged().Verdict);
    }

    [Fact]
    public void Memory_on_far_nodes_is_shown_and_is_no_bottleneck_by_itself()
    {
        var vm = Healthy.With(("Vcpu.0.HostCpu", 0), ("Vcpu.1.HostCpu", 1), ("QemuOnNode.0.KiB", 700), ("QemuOnNode.1.KiB", 300)) with
        {
            NodeOfHostCpu = new Dictionary<int, int> { [0] = 0, [1] = 0, [2] = 1, [3] = 1 },
        };

        Assert.Null(vm.Judged().Area);
        Assert.Contains(vm.Judged().Of(TuningArea.Memory).Evidence, evidence => evidence is { ThresholdName: "RemoteMemoryPercent", Value: 30, IsExceeded: true });
        Assert.DoesNotContain(
            vm.With(("Vcpu.1.HostCpu", 2)).Judged().Exceeded, evidence => evidence.ThresholdName == "RemoteMemoryPercent");
    }

    [Fact]
    public void A_threshold_can_be_given_another_value_and_a_name_that_is_none_is_refused_with_those_that_are()
    {
        var thresholds = BottleneckThresholds.With(new Dictionary<string, double> { ["vcpudelaypercent"] = 0.5 });

        Assert.Equal(BottleneckCause.VcpuDelay, BottleneckJudge.Judge(Healthy, thresholds).Cause);
        var unknown = Assert.Throws<KvmTuneException>(() => BottleneckThresholds.With(new Dictionary<string, double> { ["Speed"] = 1 }));
        Assert.Equal("UnknownThreshold", unknown.ErrorId);
        Assert.All(BottleneckThresholds.All, line => Assert.Contains(line.Name, unknown.Message, StringComparison.Ordinal));
        Assert.Equal(
            "InvalidThreshold",
            Assert.Throws<KvmTuneException>(() => BottleneckThresholds.With(new Dictionary<string, double> { ["VcpuDelayPercent"] = -1 })).ErrorId);
    }

    [Fact]
    public void A_quota_that_is_reached_is_the_cause_with_its_numbers_and_not_others()
    {
        var limited = Healthy with { Configuration = Healthy.Configuration with { Limits = new() { Vcpu = new(100_000, 20_000), Global = new(100_000, 40_000) } } };
        var report = limited.With(("Vcpu.0.DelayNanoseconds", 9.5e9), ("Vcpu.0.ThrottledNanoseconds", 7.8e9), ("Vcpu.0.ThrottledPeriods", 98)).Judged();
        Assert.Equal(BottleneckCause.CpuQuota, report.Cause);
        Assert.Contains("20000 of 100000 µs (0.2 host CPUs)) in 98 periods (nr_throttled) and stood still for 7800000 µs, 78 % of the time", report.Verdict, StringComparison.Ordinal);
        Assert.DoesNotContain("others", report.Verdict, StringComparison.Ordinal);
        var whole = limited.With(("Vcpu.0.DelayNanoseconds", 9.5e9), ("VM.ThrottledNanoseconds", 12e9), ("VM.ThrottledPeriods", 95)).Judged();
        Assert.Equal(BottleneckCause.CpuQuota, whole.Cause);
        Assert.Contains("the VM used up its CPU quota (40000 of 100000 µs", whole.Verdict, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Emulator.", "emulator", "QEMU's emulator threads used up their CPU quota")]
    [InlineData("IOThread.1.", "I/O thread 1", "I/O thread 1 used up its CPU quota")]
    [InlineData("AboveVM.2.", "VM", "a control group that the VM is in, 2 above its own, used up its CPU quota")]
    public void A_quota_of_other_threads_and_of_groups_above_the_vm_is_found_too(string prefix, string subject, string sentence)
    {
        var report = OnIOThread.With((prefix + "QuotaPeriods", 100), (prefix + "ThrottledPeriods", 60), (prefix + "ThrottledNanoseconds", 30e9)).Judged();
        Assert.Equal((BottleneckCause.CpuQuota, subject), (report.Cause!.Value, report.Subject));
        Assert.StartsWith(sentence, report.Verdict, StringComparison.Ordinal);
        Assert.Contains("in 60 of 100 periods (nr_throttled) and stood still for 30000000 µs, 60 % of the time", report.Verdict, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vm_that_its_own_limit_keeps_in_swap_is_not_blamed_on_the_host()
    {
        var swapped = Healthy.With(("QemuMajorFaults", 1000));
        Assert.Contains("it promised more memory than it has", swapped.Judged().Verdict, StringComparison.Ordinal);
        Assert.Contains("it promised more", Limited(2 * 1024 * 1024).Verdict, StringComparison.Ordinal);
        Assert.Contains("QEMU may have 200 MiB (hard_limit), which is less than the VM's 1024 MiB", Limited(200 * 1024).Verdict, StringComparison.Ordinal);

        VMBottleneckReport Limited(long kibibytes) =>
            (swapped with { Configuration = swapped.Configuration with { Memory = swapped.Configuration.Memory with { HardLimitKiB = kibibytes } } }).Judged();
    }

    [Fact]
    public void A_group_of_many_threads_that_rarely_stands_still_is_not_held_back_by_its_quota() =>
        Assert.Null(Healthy.With(("VM.QuotaPeriods", 100), ("VM.ThrottledPeriods", 5), ("VM.ThrottledNanoseconds", 8e9)).Judged().Area);

    [Fact]
    public void A_group_above_an_idle_vm_stands_still_for_others() =>
        Assert.Null(Healthy.With(
            ("Vcpu.0.TimeNanoseconds", 1e8), ("Vcpu.1.TimeNanoseconds", 1e8),
            ("AboveVM.1.QuotaPeriods", 100), ("AboveVM.1.ThrottledPeriods", 90), ("AboveVM.1.ThrottledNanoseconds", 8e9)).Judged().Area);

    [Fact]
    public void An_emulator_thread_that_its_own_vcpus_keep_waiting_is_called_that()
    {
        var pinned = Healthy with
        {
            Configuration = Healthy.Configuration with
            {
                VcpuPins = new Dictionary<int, CpuSet> { [0] = new(0), [1] = new(1) },
                EmulatorPin = new(1),
            },
        };
        var starved = pinned.With(
            ("Vcpu.1.TimeNanoseconds", 6e9), ("Vcpu.1.DelayNanoseconds", 3e9), ("MainLoop.RunNanoseconds", 3e9), ("MainLoop.RunQueueDelayNanoseconds", 2e9)).Judged();
        Assert.Equal((BottleneckCause.EmulatorDelay, "emulator"), (starved.Cause!.Value, starved.Subject));
        Assert.Contains("waited 20 % of the time for host CPU 1, which it shares with vCPU 1 of the same VM", starved.Verdict, StringComparison.Ordinal);
        var byOthers = pinned.With(("Vcpu.1.TimeNanoseconds", 0.1e9), ("MainLoop.RunNanoseconds", 3e9), ("MainLoop.RunQueueDelayNanoseconds", 2e9)).Judged();
        Assert.Contains("that others used", byOthers.Verdict, StringComparison.Ordinal);
        var everywhere = (pinned with { Configuration = pinned.Configuration with { EmulatorPin = new("0-1") }, OnlineHostCpus = new("0-1") }).With(
            ("Vcpu.1.DelayNanoseconds", 3e9), ("MainLoop.RunNanoseconds", 3e9), ("MainLoop.RunQueueDelayNanoseconds", 2e9)).Judged();
        Assert.Equal(BottleneckCause.VcpuDelay, everywhere.Cause);
    }

    [Fact]
    public void A_busy_io_thread_whose_disk_does_not_queue_is_only_busy() =>
        Assert.Null(OnIOThread.With(("IOThread.1.RunNanoseconds", 9.9e9), ("Disk.vdb.WriteNanoseconds", 9e9)).Judged().Area);

    [Fact]
    public void Own_vcpus_on_one_host_cpu_are_called_that_and_others_only_where_they_had_the_time()
    {
        var pinned = Healthy with { Configuration = Healthy.Configuration with { VcpuPins = new Dictionary<int, CpuSet> { [0] = new(1), [1] = new(1) } } };
        var shared = pinned.With(("Vcpu.0.TimeNanoseconds", 5e9), ("Vcpu.0.DelayNanoseconds", 4.8e9), ("Vcpu.1.TimeNanoseconds", 4.9e9), ("Vcpu.1.DelayNanoseconds", 4.7e9)).Judged();
        Assert.Equal(BottleneckCause.VcpusShareHostCpu, shared.Cause);
        Assert.Contains("which it shares with vCPU 1 of the same VM", shared.Verdict, StringComparison.Ordinal);
        var hog = pinned.With(("Vcpu.0.TimeNanoseconds", 5e9), ("Vcpu.0.DelayNanoseconds", 4.8e9), ("Vcpu.1.TimeNanoseconds", 0.1e9), ("Vcpu.1.DelayNanoseconds", 0.1e9)).Judged();
        Assert.Equal(BottleneckCause.VcpuDelay, hog.Cause);
    }

    [Fact]
    public void A_delay_is_a_share_of_one_vcpus_time()
    {
        var sample = VMPerformanceSample.Of("db01", Guid.Empty, "qemu:///system", DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(1), new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["Vcpu.0.TimeNanoseconds"] = 1e8,
            ["Vcpu.0.DelayNanoseconds"] = 1.22e9,
        });
        Assert.Equal(100, sample.DelayPercent);
    }
}
