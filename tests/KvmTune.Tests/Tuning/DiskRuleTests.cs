// For each rule of disk driver options, a test that breaks it and one that just keeps it.
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class DiskRuleTests
{
    [Fact]
    public void Native_io_needs_a_cache_mode_that_is_set_and_direct()
    {
        new RuleScene { Change = Disk("writeback", "native") }.Breaks(DiskRules.NativeNeedsDirectCache, "writeback");
        new RuleScene { Change = Disk(null, "native") }.Breaks(DiskRules.NativeNeedsDirectCache, "no cache mode set");
        new RuleScene { Change = Disk("none", "native") }.Keeps(DiskRules.NativeNeedsDirectCache);
        new RuleScene { Change = Disk("directsync", "native") }.Keeps(DiskRules.NativeNeedsDirectCache);
    }

    [Fact]
    public void A_shareable_disk_must_not_be_cached()
    {
        var shared = RuleScene.Vm().Replace("<target dev='vdb'", "<shareable/><target dev='vdb'", StringComparison.Ordinal);
        new RuleScene { Change = Disk("writethrough", null), Xml = shared }.Breaks(DiskRules.ShareableNeedsNoCache, "vdb");
        new RuleScene { Change = Disk("none", null), Xml = shared }.Keeps(DiskRules.ShareableNeedsNoCache);
    }

    [Fact]
    public void An_io_mode_is_refused_on_a_network_disk()
    {
        var network = RuleScene.Vm().Replace("type='file' device='disk'", "type='network' device='disk'", StringComparison.Ordinal);
        new RuleScene { Change = Disk("none", "native"), Xml = network }.Breaks(DiskRules.IOModeNeedsLocalImage, "vdb", "native");
        new RuleScene { Change = Disk("none", "threads"), Xml = network }.Breaks(DiskRules.IOModeNeedsLocalImage, "threads");
        new RuleScene { Change = Disk("none", null), Xml = network }.IsSilent(DiskRules.IOModeNeedsLocalImage);
        new RuleScene { Change = Disk("none", "native") }.Keeps(DiskRules.IOModeNeedsLocalImage);
    }

    [Theory]
    [InlineData("cdrom", "discard", "unmap")]
    [InlineData("cdrom", "detect_zeroes", "on")]
    [InlineData("floppy", "discard", "ignore")]
    public void Discard_and_detection_of_zeroes_are_refused_on_drives_that_have_none(string device, string option, string value)
    {
        var drive = RuleScene.Vm().Replace("device='disk'", $"device='{device}'", StringComparison.Ordinal);
        var change = Disk("none", null) with { Options = new Dictionary<string, string?> { [option] = value } };
        new RuleScene { Change = change, Xml = drive }.Breaks(DiskRules.DiscardNeedsWritableDevice, device);
        new RuleScene { Change = change }.Keeps(DiskRules.DiscardNeedsWritableDevice);
        new RuleScene { Change = Disk("none", null), Xml = drive }.IsSilent(DiskRules.DiscardNeedsWritableDevice);
    }

    [Fact]
    public void Modes_that_can_lose_data_ask_and_only_when_they_are_turned_on()
    {
        var unsafely = RuleScene.Vm().Replace("type='raw'", "type='raw' cache='unsafe'", StringComparison.Ordinal);
        new RuleScene { Change = Disk("unsafe", null) }.Breaks(DiskRules.UnsafeLosesData, "flushes");
        new RuleScene { Change = Disk("unsafe", null), Xml = unsafely }.IsSilent(DiskRules.UnsafeLosesData);
        new RuleScene { Change = Disk("writeback", null) }.Breaks(DiskRules.WritebackHoldsData, "loses power");
        new RuleScene { Change = Disk("none", null) }.IsSilent(DiskRules.WritebackHoldsData);

        // Restoring a checkpoint can set them too.
        new RuleScene { Change = Checkpoint("unsafe") }.Breaks(DiskRules.UnsafeLosesData, "vdb");
        new RuleScene { Change = Checkpoint("writeback") }.Breaks(DiskRules.WritebackHoldsData, "vdb");
        new RuleScene { Change = Checkpoint("unsafe"), Xml = unsafely }.IsSilent(DiskRules.UnsafeLosesData);
        new RuleScene { Change = Checkpoint("none"), Xml = unsafely }.IsSilent(DiskRules.UnsafeLosesData);
    }

    [Fact]
    public void Caches_that_hinder_live_migration_are_warned_about()
    {
        new RuleScene { Change = Disk("writethrough", null) }.Breaks(DiskRules.CacheBlocksMigration, "migration");
        new RuleScene { Change = Disk("none", null) }.Keeps(DiskRules.CacheBlocksMigration);
    }

    [Fact]
    public void What_needs_o_direct_is_refused_where_a_probe_says_that_it_is_not_taken()
    {
        var refused = new HostAbilities { ProbeDirectIO = disk => new DirectIOProbe(false, $"an aligned read of {disk.Source} was refused") };
        var taken = new HostAbilities { ProbeDirectIO = _ => new DirectIOProbe(true, "an aligned read succeeded") };
        var unknown = new HostAbilities();
        new RuleScene { Change = Disk("none", null), Abilities = refused }.Breaks(DiskRules.DirectNeedsODirect, "/d was refused", "vdb");
        new RuleScene { Change = Disk("directsync", "native"), Abilities = refused }.Breaks(DiskRules.DirectNeedsODirect);
        new RuleScene { Change = Disk("none", "native"), Abilities = taken }.Keeps(DiskRules.DirectNeedsODirect);
        new RuleScene { Change = Disk("none", "native"), Abilities = unknown }.Keeps(DiskRules.DirectNeedsODirect);
        new RuleScene { Change = Disk("writeback", null), Abilities = refused }.IsSilent(DiskRules.DirectNeedsODirect);
    }

    [Fact]
    public void An_image_that_is_no_file_is_not_probed()
    {
        var abilities = new HostAbilities { ProbeDirectIO = disk => throw new InvalidOperationException($"{disk.Source} was probed") };
        var network = RuleScene.Vm().Replace("<disk type='file'", "<disk type='network'", StringComparison.Ordinal).Replace("file='/d'", "protocol='nbd' name='x'", StringComparison.Ordinal);
        new RuleScene { Change = Disk("none", null), Xml = network, Abilities = abilities }.Keeps(DiskRules.DirectNeedsODirect);
    }

    [Theory]
    [InlineData("6.2", "5.0", "5.1", "libvirt 6.2 is older than 6.3")]
    [InlineData("6.3", "4.2", "5.1", "QEMU 4.2 is older than 5.0")]
    [InlineData("6.3", "5.0", "5.0", "Linux 5.0 is older than 5.1")]
    public void Io_uring_is_refused_where_one_of_its_parts_is_too_old(string libvirt, string qemu, string kernel, string evidence) =>
        new RuleScene { Change = Disk("none", "io_uring"), Abilities = Versions(libvirt, qemu, kernel) }.Breaks(DiskRules.IoUringNeedsVersions, evidence);

    [Fact]
    public void Io_uring_is_taken_from_the_first_versions_that_have_it_on_and_its_fallback_is_warned_about()
    {
        new RuleScene { Change = Disk("none", "io_uring"), Abilities = Versions("6.3", "5.0", "5.1") }.Keeps(DiskRules.IoUringNeedsVersions);
        new RuleScene { Change = Disk("none", "io_uring") }.Keeps(DiskRules.IoUringNeedsVersions);
        new RuleScene { Change = Disk("none", "native"), Abilities = Versions("6.2", "4.2", "4.0") }.IsSilent(DiskRules.IoUringNeedsVersions);
        new RuleScene { Change = Disk("none", "io_uring") }.Breaks(DiskRules.IoUringCanFallBack, "falling back", "db01.log");
        new RuleScene { Change = Disk("none", "native") }.IsSilent(DiskRules.IoUringCanFallBack);
    }

    [Fact]
    public void A_cache_mode_that_is_taken_away_is_said_to_be_writeback()
    {
        new RuleScene { Change = Disk(null, null) }.Breaks(DiskRules.UnsetCacheIsWriteback, "writeback", "vdb");
        new RuleScene { Change = Disk("writethrough", null) }.Keeps(DiskRules.UnsetCacheIsWriteback);
    }

    [Fact]
    public void A_return_to_a_checkpoint_names_every_disk_that_it_puts_at_risk()
    {
        var two = RuleScene.Vm(devices: "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/e'/><target dev='vdc' bus='virtio'/></disk>");
        var none = two.Replace("type='raw'", "type='raw' cache='none'", StringComparison.Ordinal);
        new RuleScene { Change = Checkpoint("unsafe", "vdb", "vdc"), Xml = none }.Breaks(DiskRules.UnsafeLosesData, "disks 'vdb', 'vdc' ignore the");
        new RuleScene { Change = Checkpoint("writeback", "vdb", "vdc"), Xml = none }.Breaks(DiskRules.WritebackHoldsData, "disks 'vdb', 'vdc' acknowledge writes");
        new RuleScene { Change = Checkpoint(null, "vdb", "vdc"), Xml = none }.Breaks(DiskRules.UnsetCacheIsWriteback, "disks 'vdb', 'vdc' acknowledge");
        new RuleScene { Change = Checkpoint(null, "vdc"), Xml = none }.Breaks(DiskRules.UnsetCacheIsWriteback, "disk 'vdc' acknowledges");
        new RuleScene { Change = Checkpoint("none", "vdb"), Xml = two }.IsSilent(DiskRules.UnsetCacheIsWriteback);
    }

    private static TuningStateChange Checkpoint(string? cache) => Checkpoint(cache, "vdb");

    private static TuningStateChange Checkpoint(string? cache, params string[] disks) => new()
    {
        Label = "checkpoint 'before'",
        Values = [.. disks.Select(disk => new SettingValue(DiskSettings.Path(disk).Child("driver").At("cache"), cache))],
    };

    private static HostAbilities Versions(string libvirt, string qemu, string kernel) =>
        new() { Libvirt = Version.Parse(libvirt), Qemu = Version.Parse(qemu), Kernel = Version.Parse(kernel) };

    private static DiskDriverChange Disk(string? cache, string? io) => new()
    {
        Disk = "vdb",
        Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = cache, ["io"] = io },
    };
}
