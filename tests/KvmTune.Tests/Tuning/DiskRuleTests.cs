// One test that breaks each rule of disk driver options and one that just keeps it.
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
    public void Modes_that_can_lose_data_ask_and_only_when_they_are_turned_on()
    {
        var unsafely = RuleScene.Vm().Replace("type='raw'", "type='raw' cache='unsafe'", StringComparison.Ordinal);
        new RuleScene { Change = Disk("unsafe", null) }.Breaks(DiskRules.UnsafeLosesData, "flushes");
        new RuleScene { Change = Disk("unsafe", null), Xml = unsafely }.IsSilent(DiskRules.UnsafeLosesData);
        new RuleScene { Change = Disk("writeback", null) }.Breaks(DiskRules.WritebackHoldsData, "loses power");
        new RuleScene { Change = Disk("none", null) }.IsSilent(DiskRules.WritebackHoldsData);
    }

    [Fact]
    public void Caches_that_hinder_live_migration_are_warned_about()
    {
        new RuleScene { Change = Disk("writethrough", null) }.Breaks(DiskRules.CacheBlocksMigration, "migration");
        new RuleScene { Change = Disk("none", null) }.Keeps(DiskRules.CacheBlocksMigration);
    }

    private static DiskDriverChange Disk(string? cache, string? io) => new()
    {
        VMName = "db01",
        VMId = Guid.Empty,
        ConnectionUri = "qemu:///system",
        Disk = "vdb",
        Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = cache, ["io"] = io },
    };
}
