// Control groups of version 1 and 2 as files, and the values read from them.
using KvmTune.Measurement.Sampling;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class CpuQuotaSamplerTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvmtune").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Version_2_has_the_times_of_each_vcpu_and_of_the_vm_above_it()
    {
        var group = "/machine.slice/machine-qemu.scope/libvirt/vcpu0";
        Write(group + "/cpu.stat", "usage_usec 5\nnr_periods 100\nnr_throttled 98\nthrottled_usec 7800000\n");
        Write("/machine.slice/machine-qemu.scope/libvirt/cpu.stat", "nr_throttled 3\nthrottled_usec 4\n");
        Write("/machine.slice/machine-qemu.scope/libvirt/emulator/cpu.stat", "nr_throttled 2\nthrottled_usec 1\n");
        Write("/machine.slice/cpu.stat", "nr_periods 9\nnr_throttled 7\nthrottled_usec 5\n");
        var counters = CpuQuotaSampler.Create(
            [("Vcpu.0.", Write("/threads", $"0::{group}\n")), ("Emulator.", Write("/main", "0::/machine.slice/machine-qemu.scope/libvirt/emulator\n"))], _root)!.Read().Counters;
        Assert.Equal((100, 2, 7), (counters["Vcpu.0.QuotaPeriods"], counters["Emulator.ThrottledPeriods"], counters["AboveVM.2.ThrottledPeriods"]));
        Assert.Equal(98, counters["Vcpu.0.ThrottledPeriods"]);
        Assert.Equal(7.8e9, counters["Vcpu.0.ThrottledNanoseconds"]);
        Assert.Equal((3, 4000), (counters["VM.ThrottledPeriods"], counters["VM.ThrottledNanoseconds"]));
    }

    // All lines of cpu.stat in the kernel document cgroup-v2, in a scope with systemd-machined's name; a group without a quota has only the first
    // three.
    [Fact]
    public void Version_2_as_newer_kernels_write_it_is_read_whole()
    {
        var scope = @"/machine.slice/machine-qemu\x2d1\x2ddb01.scope";
        Write(scope + "/libvirt/vcpu0/cpu.stat", "usage_usec 31415926\nuser_usec 31000000\nsystem_usec 415926\nnice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods 300\nnr_throttled 294\nthrottled_usec 23456789\nnr_bursts 0\nburst_usec 0\n");
        Write(scope + "/libvirt/cpu.stat", "usage_usec 31415926\nuser_usec 31000000\nsystem_usec 415926\n");
        var counters = CpuQuotaSampler.Create([("Vcpu.0.", Write("/threads", $"0::{scope}/libvirt/vcpu0\n"))], _root)!.Read().Counters;
        Assert.Equal((300, 294, 23456789e3), (counters["Vcpu.0.QuotaPeriods"], counters["Vcpu.0.ThrottledPeriods"], counters["Vcpu.0.ThrottledNanoseconds"]));
        Assert.DoesNotContain("VM.ThrottledPeriods", counters.Keys);
    }

    [Theory]
    [InlineData("cpu,cpuacct")]
    [InlineData("cpu")]
    public void Version_1_counts_nanoseconds_under_the_controllers_mount(string mount)
    {
        var group = "/machine/qemu-1-db01.libvirt-qemu/vcpu1";
        Write($"/{mount}{group}/cpu.stat", "nr_periods 100\nnr_throttled 5\nthrottled_time 250\n");
        var groups = Write("/threads", $"5:cpuset:{group}\n4:cpu,cpuacct:{group}\n0::/\n");
        var counters = CpuQuotaSampler.Create([("Vcpu.1.", groups)], _root)!.Read().Counters;
        Assert.Equal((5, 250), (counters["Vcpu.1.ThrottledPeriods"], counters["Vcpu.1.ThrottledNanoseconds"]));
    }

    // A user's own daemon (qemu:///session) creates no groups: the limits of its session are those of the VM.
    [Fact]
    public void A_quota_of_the_session_that_a_user_s_vm_runs_in_is_seen()
    {
        Write("/user.slice/user-1000.slice/cpu.stat", "usage_usec 9\nnr_periods 100\nnr_throttled 91\nthrottled_usec 6000000\n");
        Write("/user.slice/user-1000.slice/session-2.scope/cpu.stat", "usage_usec 9\nuser_usec 8\nsystem_usec 1\n");
        var counters = CpuQuotaSampler.Create([("Vcpu.0.", Write("/threads", "0::/user.slice/user-1000.slice/session-2.scope\n"))], _root)!.Read().Counters;
        Assert.Equal((91, 6e9), (counters["AboveVM.2.ThrottledPeriods"], counters["AboveVM.2.ThrottledNanoseconds"]));
        Assert.DoesNotContain(counters.Keys, name => name.StartsWith("Vcpu.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("0::/\n")]
    [InlineData("0::/../../etc/vcpu0\n")]
    [InlineData("nonsense")]
    public void A_thread_without_a_group_of_its_own_yields_nothing(string groups) =>
        Assert.Null(CpuQuotaSampler.Create([("Vcpu.0.", Write("/threads", groups))], _root));

    private string Write(string path, string text)
    {
        var file = _root + path;
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }
}
