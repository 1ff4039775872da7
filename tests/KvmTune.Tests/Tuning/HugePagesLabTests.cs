// Huge pages on the lab's libvirt and QEMU: the test's own guest without a disk, verified in the kernel, and the printed virsh commands.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tests.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.HugePages;
using Xunit;

namespace KvmTune.Tests.Tuning;

[Trait("Category", "Lab")]
[Collection(Alone.Name)]
public sealed class HugePagesLabTests : IDisposable
{
    private const string Pool = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/";

    private readonly List<LibvirtDomain> _guests = [];
    private readonly HostConnection _host;
    private readonly IReadOnlyList<HugePagePool> _before;

    public HugePagesLabTests()
    {
        var uri = Environment.GetEnvironmentVariable("KVMTUNE_LAB_URI");
        Skip.If(string.IsNullOrEmpty(uri), "KVMTUNE_LAB_URI is not set: there is no lab.");
        _host = new HostConnection(uri);
        Skip.If(HostMemoryFacts.Read().Mounts.Count == 0, "No hugetlbfs is mounted.");
        _before = new HugePagePools(_host).Read();
    }

    private VMTuner Tuner(LibvirtDomain guest) => new(new VMPlanner(_host, guest), TimeProvider.System, new NoJournal());

    [SkippableFact]
    public async Task A_guest_starts_on_reserved_pages_and_leaves_them_when_it_is_taken_back()
    {
        var guest = Define("kvmtune huge pages");
        var total = Count("nr_hugepages");
        var free = Count("free_hugepages");

        var enabled = await ApplyAsync(guest, Change() with { Reserve = true });
        Assert.Equal(TuningOutcome.Applied, enabled.Outcome);
        Assert.Equal(total + Math.Max(16 - free, 0), Count("nr_hugepages"));

        guest.Start();
        var process = QemuProcess.Find(guest.Name, guest.Id)!;
        Assert.Contains(new MappedHugePages(2048, 32 * 1024), GuestPages.FromSmaps(process.MemoryMaps()!));
        Assert.Equal(Count("nr_hugepages") - 16, Count("free_hugepages"));
        var seen = await Change().VerifyRestartedAsync(
            new RestartedTarget(guest, DomainXmlReader.Read(guest.GetXml()), process), CancellationToken.None);
        Assert.All(seen, verification => Assert.True(verification.IsMet, verification.ToString()));
        Assert.Contains(seen, verification => verification.What == "guest memory on 2 MiB pages" && verification.Actual == "32768 KiB");

        // A VM that uses small pages although huge ones are configured fails the verification.
        guest.Destroy();
        foreach (var inverse in enabled.Inverse)
        {
            await ApplyAsync(guest, inverse);
        }

        guest.Start();
        process = QemuProcess.Find(guest.Name, guest.Id)!;
        Assert.Empty(GuestPages.FromSmaps(process.MemoryMaps()!));
        var configured = DomainDocument.Parse(guest.GetXml());
        Change().Edit(configured);
        seen = await Change().VerifyRestartedAsync(new RestartedTarget(guest, configured.ToConfiguration(), process), CancellationToken.None);
        Assert.Contains(seen, verification => !verification.IsMet && verification.Actual == "0 KiB");
    }

    [SkippableFact]
    public async Task A_reservation_is_taken_back_when_the_change_fails()
    {
        var guest = Define("kvmtune huge pages failing", memoryMiB: 2 * (Count("free_hugepages") + 1));
        var total = Count("nr_hugepages");
        var plan = Tuner(guest).Planner.Plan(Change() with { Reserve = true, Pages = HugePagesChange.PagesWith([], 2048, null) });
        Assert.NotNull(plan.Preparation);

        // libvirt refuses a change that no rule checks: a document with an invalid element.
        await Assert.ThrowsAnyAsync<KvmTuneException>(() => Tuner(guest).ApplyAsync(plan with { Change = new BrokenChange((HugePagesChange)plan.Change) }, new ApplyOptions(), CancellationToken.None));

        Assert.Equal(total, Count("nr_hugepages"));
    }

    [SkippableFact]
    public async Task Too_few_free_pages_refuse_a_vm_that_would_not_start()
    {
        var guest = Define("kvmtune huge pages short", memoryMiB: 2 * (Count("free_hugepages") + 1));

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => ApplyAsync(guest, Change()));

        Assert.Equal("HugePagesNeedFreePages", error.ErrorId);
    }

    [SkippableFact]
    public async Task The_printed_commands_make_of_a_second_vm_what_the_change_makes_of_the_first()
    {
        const string Cells = "<cpu><numa><cell id='0' cpus='0' memory='16' unit='MiB'/><cell id='1' cpus='1' memory='16' unit='MiB'/></numa></cpu>";
        var first = Define("kvmtune huge pages first", inside: Cells);
        var second = Define("kvmtune 'huge' pages $second", inside: Cells);
        new HugePagePools(_host).Apply(new HugePagePools(_host).Plan(new HugePagePoolRequest(2048, Count("nr_hugepages") + 16, 0)));

        foreach (var make in new Func<LibvirtDomain, HugePagesChange>[]
        {
            _ => Change() with { NoSharePages = true, Locked = true },
            guest => Change() with { Pages = HugePagesChange.PagesWith(Pages(guest), 2048, new CpuSet(1)), NoSharePages = false },
            guest => Change() with { Pages = HugePagesChange.PagesWith(Pages(guest), null, null) },
            guest => Change() with { Enabled = false, Pages = HugePagesChange.NoPages(Pages(guest)) },
            _ => Change() with { Enabled = false, Locked = false },
        })
        {
            await ApplyAsync(first, make(first));
            var plan = Tuner(second).Planner.Plan(make(second));
            Assert.True(plan.HasChanges, plan.Title);
            Bash(plan.VirshCommand);
            Assert.Equal(Bare(first), Bare(second));
        }
    }

    public void Dispose()
    {
        foreach (var guest in _guests)
        {
            if (guest.IsActive)
            {
                guest.Destroy();
            }

            guest.Undefine();
            guest.Dispose();
        }

        new HugePagePools(_host).Restore(_before);
        _host.Dispose();
    }

    private static long Count(string file) => long.Parse(File.ReadAllText(Pool + file).Trim(), CultureInfo.InvariantCulture);

    private static string Bare(LibvirtDomain guest)
    {
        var document = DomainDocument.Parse(guest.GetXml(DomainXmlFlags.Inactive));
        document.Domain.Element("name")!.Remove();
        document.Domain.Element("uuid")!.Remove();
        return document.Domain.ToString();
    }

    private static IReadOnlyList<HugePageElement> Pages(LibvirtDomain guest) =>
        HugePagesChange.PagesIn(DomainDocument.Parse(guest.GetXml(DomainXmlFlags.Inactive)));

    private static void Bash(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", command]) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{command}\n{errors}{output.Result}");
    }

    private static HugePagesChange Change() => new()
    {
        Enabled = true,
        Pages = HugePagesChange.PagesWith([], 2048, null),
    };

    private Task<VMTuningResult> ApplyAsync(LibvirtDomain guest, VMChange change) => Tuner(guest).ApplyAsync(Tuner(guest).Planner.Plan(change), new ApplyOptions(), CancellationToken.None);

    private LibvirtDomain Define(string name, long memoryMiB = 32, string inside = "")
    {
        var prefix = Environment.GetEnvironmentVariable("KVMTUNE_LAB_UUID_PREFIX");
        var id = string.Create(CultureInfo.InvariantCulture, $"{prefix}{0x7000 + _guests.Count:x12}");
        var guest = _host.Write().DefineXml(
            $"""
            <domain type='{Environment.GetEnvironmentVariable("KVMTUNE_LAB_TYPE")}'><name>{name}</name><uuid>{id}</uuid><memory unit='MiB'>{memoryMiB}</memory><vcpu>2</vcpu>
            <os><type arch='x86_64' machine='q35'>hvm</type></os>{inside}<devices><console type='pty'/></devices></domain>
            """,
            validate: true);
        _guests.Add(guest);
        return guest;
    }

    // Reserves like the change that it wraps, and then writes XML that libvirt refuses: a policy of a missing guest cell.
    private sealed record BrokenChange(HugePagesChange Inner) : VMChange
    {
        public override TuningArea Area => TuningArea.Memory;

        public override string Title => "break";

        public override bool CanBeLive => false;

        internal override IReadOnlyList<SettingValue> Settings =>
        [
            .. Inner.Settings,
            new SettingValue(SettingCatalog.Get("numatune/memnode[@cellid]/@mode").At("99"), "strict"),
            new SettingValue(SettingCatalog.Get("numatune/memnode[@cellid]/@nodeset").At("99"), "0"),
        ];

        internal override IReadOnlyList<Setting> Kinds => SettingCatalog.All;

        public override void CheckTarget(VMConfiguration configuration) => Inner.CheckTarget(configuration);

        public override HostPreparation? Preparation(KvmTune.Tuning.Rules.RuleContext context, HostConnection host) => Inner.Preparation(context, host);

        protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this;
    }
}
