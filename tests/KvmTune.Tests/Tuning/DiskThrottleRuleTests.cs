// For each rule of limits, a test that breaks it and one that just keeps it; and libvirt's categories.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class DiskThrottleRuleTests
{
    [Fact]
    public void A_total_excludes_its_parts()
    {
        new RuleScene { Change = Limit(("total_iops_sec", 100), ("read_iops_sec", 50)) }
            .Breaks(DiskThrottleRules.ThrottleTotalExcludesParts, "-TotalIops and -ReadIops of");
        new RuleScene { Change = Limit(("total_iops_sec", 100), ("read_bytes_sec", 50), ("write_bytes_sec", 60)) }.Keeps(DiskThrottleRules.ThrottleTotalExcludesParts);
    }

    [Fact]
    public void A_burst_needs_its_limit_and_is_not_below_it_and_a_length_needs_its_burst()
    {
        new RuleScene { Change = Limit(("total_iops_sec_max", 200)) }.Breaks(DiskThrottleRules.ThrottleBurstNeedsLimit, "-TotalIopsMax without -TotalIops");
        new RuleScene { Change = Limit(("total_iops_sec", 100), ("total_iops_sec_max", 99)) }.Breaks(DiskThrottleRules.ThrottleBurstNeedsLimit, "-TotalIopsMax 99 is below -TotalIops 100");
        new RuleScene { Change = Limit(("total_iops_sec", 100), ("total_iops_sec_max_length", 5)) }.Breaks(DiskThrottleRules.ThrottleBurstNeedsLimit, "-BurstLength without -TotalIopsMax");
        new RuleScene { Change = Limit(("total_iops_sec", 100), ("total_iops_sec_max", 100), ("total_iops_sec_max_length", 5)) }.Keeps(DiskThrottleRules.ThrottleBurstNeedsLimit);
    }

    [Fact]
    public void Limits_stay_within_what_qemu_takes()
    {
        new RuleScene { Change = Limit(("read_bytes_sec", DiskThrottleRules.MostOfLimit + 1)) }.Breaks(DiskThrottleRules.ThrottleInRange, "-ReadBytesPerSecond 1000000000000001");
        new RuleScene { Change = Limit(("read_bytes_sec", DiskThrottleRules.MostOfLimit)) }.Keeps(DiskThrottleRules.ThrottleInRange);
    }

    [Fact]
    public void Setting_one_limit_takes_the_others_of_its_category_away_and_says_so()
    {
        var xml = With("<iotune><write_iops_sec>70</write_iops_sec><total_bytes_sec>9</total_bytes_sec></iotune>");
        new RuleScene { Xml = xml, Change = Limit(("read_iops_sec", 50)) }.Breaks(DiskThrottleRules.ThrottleResetsCategory, "WriteIops=70 of disk");
        new RuleScene { Xml = xml, Change = Limit(("read_iops_sec", 50), ("write_iops_sec", 60)) }.Keeps(DiskThrottleRules.ThrottleResetsCategory);

        var document = DomainDocument.Parse(xml);
        Limit(("read_iops_sec", 50)).Edit(document);
        Assert.Equal(["read_iops_sec=50", "total_bytes_sec=9"], document.ToConfiguration().Disks[0].Throttle.Select(limit => $"{limit.Key}={limit.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Other_disks_of_a_throttle_group_are_named()
    {
        var xml = With("<iotune><total_iops_sec>5</total_iops_sec><group_name>slow</group_name></iotune>");
        var second = xml.Replace("</disk>", "</disk><disk type='file' device='disk'><source file='/e'/><target dev='vdc' bus='virtio'/><iotune><total_iops_sec>5</total_iops_sec><group_name>slow</group_name></iotune></disk>", StringComparison.Ordinal);
        new RuleScene { Xml = second, Change = Limit(("total_iops_sec", 6)) }.Breaks(DiskThrottleRules.ThrottleGroupIsShared, "vdc", "slow");
        new RuleScene { Xml = xml, Change = Limit(("total_iops_sec", 6)) }.Keeps(DiskThrottleRules.ThrottleGroupIsShared);
        new RuleScene { Change = Limit(("total_iops_sec", 6)) }.IsSilent(DiskThrottleRules.ThrottleGroupIsShared);
    }

    [Fact]
    public void Whole_categories_are_set_and_what_depends_on_a_limit_goes_with_it()
    {
        Assert.Equal(
            ["read_iops_sec=5", "total_iops_sec=", "write_iops_sec="],
            Shown(DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?> { ["read_iops_sec"] = 5 })));
        Assert.Equal(9, DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?> { ["total_iops_sec"] = 0 }).Count);
        Assert.All(DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?> { ["total_iops_sec"] = 0 }).Values, Assert.Null);
    }

    [Fact]
    public void A_person_reads_the_names_of_the_parameters()
    {
        Assert.Equal("disk vdb: TotalIops=100, TotalIopsMax=300, BurstLength of TotalIopsMax=10", Limit(("total_iops_sec", 100), ("total_iops_sec_max", 300), ("total_iops_sec_max_length", 10)).Title);
        Assert.Equal("disk vdb: no IopsSize", Limit(("size_iops_sec", 0)).Title);
        Assert.All(SettingCatalog.DiskLimits, limit => Assert.DoesNotContain('_', DiskLimitNames.Of(limit)));
        Assert.Equal(SettingCatalog.DiskLimits.Count, SettingCatalog.DiskLimits.Select(DiskLimitNames.Of).Distinct().Count());
    }

    [Fact]
    public void The_virsh_equivalent_names_what_is_set_and_a_zero_for_what_is_taken_away()
    {
        var document = DomainDocument.Parse(RuleScene.Vm());
        Assert.Equal(
            ["virsh -c qemu:///system blkdeviotune db01 vdb --read-bytes-sec 7 --write-bytes-sec 8 --live --config"],
            Limit(("read_bytes_sec", 7), ("write_bytes_sec", 8)).VirshCommands(new VMIdentity("db01", Guid.Empty, "qemu:///system"), live: true, config: true, document, document));
        Assert.Equal(
            ["virsh -c qemu:///system blkdeviotune db01 vdb --total-bytes-sec 0 --total-bytes-sec-max 0 --total-bytes-sec-max-length 0 --config"],
            Limit(("read_bytes_sec", 0)).VirshCommands(new VMIdentity("db01", Guid.Empty, "qemu:///system"), live: false, config: true, document, document));
    }

    private static string With(string iotune) => RuleScene.Vm().Replace("</disk>", $"{iotune}</disk>", StringComparison.Ordinal);

    private static IEnumerable<string> Shown(IReadOnlyDictionary<string, ulong?> limits) => limits.Select(limit => $"{limit.Key}={limit.Value}").Order(StringComparer.Ordinal);

    private static DiskThrottleChange Limit(params (string Name, ulong Value)[] limits) => new()
    {
        Disk = "vdb",
        Limits = DiskThrottleChange.WholeCategories(limits.ToDictionary(limit => limit.Name, limit => (ulong?)limit.Value, StringComparer.Ordinal)),
    };
}
