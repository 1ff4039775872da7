// A VM's control groups in libvirt's layout under systemd, as a folder tree: the allowed CPUs of a thread are found in it.
using KvmTune.Hosts;
using KvmTune.Measurement.Sampling;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Hosts;

public sealed class ControlGroupTests : IDisposable
{
    private const string Scope = @"/machine.slice/machine-qemu\x2d1\x2ddb01.scope";

    private readonly string _root = Directory.CreateTempSubdirectory("kvmtune").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    // Kernel 6.12, libvirt 11.3: two vCPUs, one I/O thread; quotas of a vCPU and of the whole VM; the slice is limited to four CPUs.
    [Fact]
    public void A_tree_of_version_2_under_systemd_is_read_whole()
    {
        Group(string.Empty, ("cpuset.cpus.effective", "0-7"), ("cpuset.cpus.isolated", ""));
        Group("/machine.slice", ("cpu.max", "max 100000"), ("cpu.weight", "100"), ("cpuset.cpus", "4-7"), ("cpuset.cpus.effective", "4-7"), ("cpu.stat", Stat(0, 0, 0)));
        Group(Scope, ("cpu.max", "max 100000"), ("cpu.weight", "200"), ("cpuset.cpus.effective", "4-7"), ("memory.pressure", Pressure), ("cpu.stat", "usage_usec 81\nuser_usec 80\nsystem_usec 1\n"));
        Group(Scope + "/libvirt", ("cpu.max", "150000 100000"), ("cpuset.cpus.effective", "4-7"), ("memory.pressure", Pressure), ("cpu.stat", Stat(400, 12, 34_567)));
        Group(Scope + "/libvirt/emulator", ("cpu.max", "max 100000"), ("cpuset.cpus", "4"), ("cpuset.cpus.effective", "4"), ("cpu.stat", Stat(0, 0, 0)));
        Group(Scope + "/libvirt/vcpu0", ("cpu.max", "20000 100000"), ("cpuset.cpus", "5"), ("cpuset.cpus.effective", "5"), ("cpu.stat", Stat(400, 391, 31_234_567)));
        Group(Scope + "/libvirt/vcpu1", ("cpu.max", "20000 100000"), ("cpu.stat", Stat(400, 0, 0)));
        Group(Scope + "/libvirt/iothread1", ("cpu.max", "max 100000"), ("cpuset.cpus.effective", "4-7"), ("cpu.stat", Stat(0, 0, 0)));
        string[] threads = ["emulator", "vcpu0", "vcpu1", "iothread1"];
        var counters = CpuQuotaSampler.Create(
            threads.Select(thread => (thread + ".", Write("/threads/" + thread, $"0::{Scope}/libvirt/{thread}\n"))), _root)!.Read().Counters;
        Assert.Equal((400, 391, 31_234_567e3), (counters["vcpu0.QuotaPeriods"], counters["vcpu0.ThrottledPeriods"], counters["vcpu0.ThrottledNanoseconds"]));
        Assert.Equal((0, 0), (counters["vcpu1.ThrottledPeriods"], counters["iothread1.ThrottledPeriods"]));
        Assert.Equal((12, 34_567e3), (counters[CpuQuotaSampler.OfVM + "ThrottledPeriods"], counters[CpuQuotaSampler.OfVM + "ThrottledNanoseconds"]));
        Assert.False(counters.ContainsKey(CpuQuotaSampler.AboveVM + "1.ThrottledPeriods"));
        Assert.Equal(0, counters[CpuQuotaSampler.AboveVM + "2.ThrottledPeriods"]);
        Assert.Equal(($"{_root}{Scope}/libvirt/vcpu0/cpuset.cpus.effective", "5"), CpusOf($"0::{Scope}/libvirt/vcpu0\n"));

        // Without the controller a group has the CPUs of its parent.
        Assert.Equal(($"{_root}{Scope}/libvirt/cpuset.cpus.effective", "4-7"), CpusOf($"0::{Scope}/libvirt/vcpu1\n"));
    }

    [Fact]
    public void A_tree_of_version_1_has_a_hierarchy_for_each_controller()
    {
        const string Group1 = "/machine.slice/machine-qemu.scope/libvirt/vcpu0";
        Write($"/cpuset{Group1}/cpuset.cpus", "3\n");
        Write($"/cpu,cpuacct{Group1}/cpu.stat", "nr_periods 10\nnr_throttled 9\nthrottled_time 800000000\n");
        var groups = $"12:cpuset:{Group1}\n7:cpu,cpuacct:{Group1}\n1:name=systemd:/machine.slice/machine-qemu.scope\n0::/machine.slice/machine-qemu.scope\n";
        Assert.Equal(($"{_root}/cpuset{Group1}/cpuset.cpus", "3"), CpusOf(groups));
        Assert.Equal(8e8, CpuQuotaSampler.Create([("Vcpu.0.", Write("/threads", groups))], _root)!.Read().Counters["Vcpu.0.ThrottledNanoseconds"]);
    }

    [Fact]
    public void The_weight_of_a_group_that_sets_none_is_that_of_its_version()
    {
        Assert.Null(ControlGroups.DefaultShares(_root));
        Directory.CreateDirectory(_root + "/cpu,cpuacct");
        Assert.Equal(1024, ControlGroups.DefaultShares(_root));

        // A hybrid host mounts version 2 without this controller.
        Write("/cgroup.controllers", "cpuset io\n");
        Assert.Equal(1024, ControlGroups.DefaultShares(_root));
        Write("/cgroup.controllers", "cpuset cpu io\n");
        Assert.Equal(100, ControlGroups.DefaultShares(_root));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0::/\n")]
    [InlineData("0::/../../../etc\n")]
    [InlineData("0::relative\n")]
    [InlineData("nonsense\n::\n")]
    public void Groups_that_say_nothing_limit_nothing(string? groups) => Assert.Null(CpusOf(groups));

    [Fact]
    public void Cpus_of_isolated_partitions_count_beside_those_of_the_command_line()
    {
        Assert.Equal(new CpuSet("2-3,6-7"), HostReading.Isolated(Write("/isolated", "2-3\n"), Write("/cpuset.cpus.isolated", "6-7\n")));
        Assert.Equal(new CpuSet("2-3"), HostReading.Isolated(Write("/isolated", "2-3\n"), _root + "/none"));
        Assert.Equal(CpuSet.Empty, HostReading.Isolated(Write("/isolated", "\n"), Write("/cpuset.cpus.isolated", "\n")));
        Assert.Null(HostReading.Isolated(_root + "/none", _root + "/none"));
    }

    private const string Pressure = "some avg10=1.25 avg60=0.40 avg300=0.09 total=123456\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=2345";

    private static string Stat(int periods, int throttled, int microseconds) => FormattableString.Invariant(
        $"usage_usec 31415926\nuser_usec 31000000\nsystem_usec 415926\nnice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec {microseconds}\nnr_bursts 0\nburst_usec 0");

    private (string File, string Cpus)? CpusOf(string? groups) => ControlGroups.CpusOf(groups, file => File.Exists(file) ? File.ReadAllText(file) : null, _root);

    private void Group(string path, params (string File, string Text)[] files)
    {
        foreach (var (file, text) in files)
        {
            Write($"{path}/{file}", text + "\n");
        }
    }

    private string Write(string path, string text)
    {
        var file = _root + path;
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }
}
