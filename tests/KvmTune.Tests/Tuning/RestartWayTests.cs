// The choice between suspend and reboot: it depends on changes that the guest can see, pending settings, and states that cannot be saved; the
// reason is reported.
using System.Xml.Linq;
using KvmTune.Hosts;
using KvmTune.Tests.Journal;
using KvmTune.Tests.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class RestartWayTests
{
    private static readonly CpuSet HostCpus = new("0-3");

    [Theory]
    [InlineData("none", null, null)]
    [InlineData("unsafe", "none", null)]
    [InlineData("directsync", "writethrough", null)]
    [InlineData("writethrough", null, "disk vdb cache")]
    [InlineData("none", "directsync", "disk vdb cache")]
    public void A_cache_mode_is_seen_where_the_write_cache_comes_or_goes(string cache, string? before, string? seen)
    {
        var running = Document(before is null ? string.Empty : $" cache='{before}'", string.Empty);
        Assert.Equal(seen is null ? [] : [seen], SavedState.SeenOf(TuningChild.Cache(cache), new VMSnapshot(running, running)));
    }

    [Fact]
    public void What_waits_is_put_in_force_as_far_as_the_guest_cannot_see_it_and_a_running_vm_cannot_take_it_anyway()
    {
        var running = Document(" cache='none' queues='1'", string.Empty);
        var configured = Document(" cache='none' io='native' queues='2'", "<cputune><vcpupin vcpu='0' cpuset='1'/></cputune><memoryBacking><hugepages/></memoryBacking><iothreads>1</iothreads>");

        var saved = running.Copy();
        SavedState.Set(saved, SavedState.Waiting(running, configured, HostCpus));

        Assert.Equal(["disk vdb queues"], SavedState.Seen(running, configured, HostCpus));
        var disk = saved.ToConfiguration().Disks.Single();
        Assert.Equal(("none", "native", 1), (disk.Cache, disk.IO, disk.Queues));
        Assert.True(saved.ToConfiguration().Memory.UsesHugePages);
        Assert.Equal([1], saved.ToConfiguration().IOThreadIds);
        Assert.Empty(saved.ToConfiguration().VcpuPins);
    }

    [Fact]
    public void What_waits_of_a_disk_that_only_one_document_has_is_left_alone()
    {
        const string More = "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none' io='native'/><source file='/y'/><target dev='vdX' bus='virtio'/></disk>";
        var running = Document(string.Empty, string.Empty, More.Replace("vdX", "vdd", StringComparison.Ordinal));
        var configured = Document(" io='threads'", string.Empty, More.Replace("vdX", "vdc", StringComparison.Ordinal));

        var saved = running.Copy();
        SavedState.Set(saved, SavedState.Waiting(running, configured, HostCpus));

        Assert.Equal("vdb threads, vdd none native", string.Join(", ", saved.ToConfiguration().Disks.Select(disk => string.Join(' ', new[] { disk.Target, disk.Cache, disk.IO }.OfType<string>()))));
    }

    [Theory]
    [InlineData("<hostdev mode='subsystem' type='pci'/>", "a host device (pci)")]
    [InlineData("<hostdev mode='subsystem' type='usb'/>", "a host device (usb)")]
    [InlineData("<interface type='hostdev'><mac address='52:54:00:00:00:01'/></interface>", "NIC 52:54:00:00:00:01")]
    [InlineData("<disk type='nvme'><target dev='vdc'/></disk>", "disk vdc")]
    [InlineData("<interface type='bridge'><mac address='52:54:00:00:00:01'/></interface>", null)]
    public void A_device_that_is_passed_through_is_named(string device, string? named) =>
        Assert.Equal(named, RestartPlanner.PassedThrough(XElement.Parse($"<domain><devices>{device}</devices></domain>")));

    [Theory]
    [InlineData(1000L, 200L, false, 11.5)]
    [InlineData(1000L, 1032L, true, 11.5)]
    [InlineData(0L, 1032L, true, 1.5)]
    [InlineData(1000L, null, true, 11.5)]
    public void A_suspend_is_foretold_by_the_memory_in_use_and_the_speed_of_the_disk(long memoryMiB, long? freeMiB, bool hasRoom, double seconds)
    {
        var forecast = new SuspendForecast { MemoryInUseBytes = memoryMiB << 20, FreeBytes = freeMiB << 20, WriteBytesPerSecond = 200 << 20 };
        Assert.Equal(hasRoom, forecast.HasRoom);
        Assert.Equal(seconds, forecast.Pause.TotalSeconds, 3);
        Assert.Contains($"{memoryMiB} MiB at an assumed 200 MiB/s", forecast.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qemu:///system", "/var/lib/libvirt/qemu/save")]
    [InlineData("qemu+unix:///system?socket=/run/x", "/var/lib/libvirt/qemu/save")]
    public void The_folder_of_saved_states_is_libvirts(string uri, string folder) => Assert.Equal(folder, SuspendForecast.FolderOf(uri));

    [Fact]
    public async Task A_driver_that_is_not_qemus_reboots_and_says_so_and_refuses_a_suspend_before_anything_is_touched()
    {
        using var node = new NodeFile([NodeFile.Domain("db01", content: XElement.Parse("<devices><disk type='file'><source file='/nowhere'/><target dev='vdb' bus='virtio'/></disk></devices>"))]);
        using var host = new HostConnection(node.Uri);
        using var folder = new JournalFolder();
        using var vm = host.Write().LookupByName("db01");
        using var planner = new VMPlanner(host, vm);
        var plan = planner.Plan(TuningChild.Cache("none"));

        var way = planner.WayOf(plan, new RestartOptions { By = RestartBy.Auto });
        Assert.Equal(RestartBy.Reboot, way.By);
        Assert.Contains("is not QEMU's", way.Reason, StringComparison.Ordinal);

        var refused = await Assert.ThrowsAsync<KvmTuneException>(() => new VMTuner(planner, TimeProvider.System, folder.Journal).ApplyAsync(
            plan, new ApplyOptions { Restart = true, RestartOptions = new RestartOptions { By = RestartBy.Suspend } }, CancellationToken.None));
        Assert.Equal(RestartPlanner.CannotSuspend, refused.ErrorId);
        Assert.DoesNotContain("cache=", vm.GetXml(KvmTune.Libvirt.DomainXmlFlags.Inactive), StringComparison.Ordinal);
        Assert.Empty(folder.Journal.Entries(new KvmTune.Journal.JournalFilter()));
    }

    private static DomainDocument Document(string driver, string more, string devices = "") => DomainDocument.Parse(
        $"<domain type='kvm'><name>db01</name><memory unit='MiB'>64</memory>{more}<vcpu>2</vcpu><devices><disk type='file' device='disk'><driver name='qemu' type='raw'{driver}/><source file='/x'/><target dev='vdb' bus='virtio'/></disk>{devices}</devices></domain>");
}
