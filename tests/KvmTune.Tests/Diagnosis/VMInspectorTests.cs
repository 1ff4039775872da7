// The libvirt calls of an inspection of many VMs on one host: the host's information once, and for each VM its documents.
using System.Xml.Linq;
using KvmTune.Diagnosis;
using KvmTune.Hosts;
using KvmTune.Tests.Libvirt;
using KvmTune.Tests.Measurement;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Diagnosis;

public sealed class VMInspectorTests : IDisposable
{
    private const int Count = 20;

    private readonly NodeFile _file = new(Enumerable.Range(0, Count).Select(number => NodeFile.Domain(
        $"vm{number}", null,
        new XElement("cpu", new XElement("topology", new XAttribute("sockets", 1), new XAttribute("cores", 1), new XAttribute("threads", 2))),
        new XElement(
            "devices",
            new XElement(
                "disk", new XAttribute("type", "file"), new XAttribute("device", "disk"), new XElement("driver", new XAttribute("name", "qemu"), new XAttribute("type", "raw")),
                new XElement("source", new XAttribute("file", $"/d{number}")), new XElement("target", new XAttribute("dev", "vda"), new XAttribute("bus", "virtio"))),
            new XElement(
                "interface", new XAttribute("type", "user"), new XElement("mac", new XAttribute("address", $"52:54:00:00:00:{number:x2}")),
                new XElement("model", new XAttribute("type", "e1000")))))));

    private readonly FastTime _time = new();
    private readonly HostConnection _host;

    public VMInspectorTests() => _host = new HostConnection(_file.Uri);

    [Fact]
    public async Task The_host_is_read_once_for_all_its_VMs_and_the_documents_of_a_VM_once_for_all_its_findings()
    {
        var inspector = new VMInspector(_host, _time);
        var findings = 0;
        var domains = _host.Write().ListDomains();
        using var calls = new LibvirtCalls();
        foreach (var domain in domains)
        {
            var inspection = await inspector.InspectAsync(domain, CancellationToken.None);
            var completed = inspection.Findings;
            Assert.True(inspector.IsCurrent(inspection));
            findings += completed.Count(finding => finding.Plan is not null);
            Assert.All(completed, finding => Assert.NotEqual(true, finding.Plan?.Texts!.IsValueCreated));
        }

        // Several for each VM; otherwise the test would prove nothing.
        Assert.True(findings >= 2 * Count, $"{findings} findings with a plan");
        Assert.True(calls.Of("virConnectGetCapabilities") <= 2, $"{calls.Of("virConnectGetCapabilities")} times the capabilities");
        Assert.True(calls.Of("virConnectGetDomainCapabilities") <= 1);
        Assert.Equal(0, calls.Of("virDomainLookupByUUID"));

        // Two for the inspection, two for the plans, and one as a neighbour of the others.
        Assert.True(calls.Documents <= 5 * Count, $"{calls.Documents} documents for {Count} VMs");
        foreach (var domain in domains)
        {
            domain.Dispose();
        }
    }

    [Fact]
    public async Task A_change_between_two_findings_of_a_VM_is_seen_by_the_plan_of_the_second()
    {
        var inspector = new VMInspector(_host, _time);
        using var domain = _host.Write().TryLookupByName("vm0")!;
        var finding = (await inspector.LookAsync(domain, CancellationToken.None)).First(found => found.Observation.Remedy.MakeChange is not null);
        var before = inspector.Complete(finding, domain, CancellationToken.None).Plan!;
        var tuner = new VMTuner(new VMPlanner(_host, domain), TimeProvider.System, new NoJournal());
        await tuner.ApplyAsync(before, new ApplyOptions(), CancellationToken.None);

        var after = inspector.Complete(finding, domain, CancellationToken.None).Plan!;

        Assert.NotEmpty(before.Differences);
        Assert.Empty(after.Differences);
    }

    [Fact]
    public async Task An_inspection_that_was_made_ahead_no_longer_counts_after_a_change_of_another_VM_or_a_second()
    {
        var inspector = new VMInspector(_host, _time);
        using var domain = _host.Write().TryLookupByName("vm0")!;
        using var other = _host.Write().TryLookupByName("vm1")!;
        var inspection = await inspector.InspectAsync(domain, CancellationToken.None);
        var plan = (await inspector.InspectAsync(other, CancellationToken.None)).Findings.First(finding => finding.Plan is not null).Plan!;
        Assert.True(inspector.IsCurrent(inspection));

        await new VMTuner(new VMPlanner(_host, other), TimeProvider.System, new NoJournal()).ApplyAsync(plan, new ApplyOptions(), CancellationToken.None);

        Assert.False(inspector.IsCurrent(inspection));
        inspection = await inspector.InspectAsync(domain, CancellationToken.None);
        Assert.True(inspector.IsCurrent(inspection));
        _time.Pass(TimeSpan.FromSeconds(1));
        Assert.False(inspector.IsCurrent(inspection));
    }

    [Fact]
    public async Task Several_VMs_are_inspected_at_a_time_with_the_same_findings()
    {
        var domains = _host.Write().ListDomains();
        var alone = new VMInspector(_host, _time);
        var together = new VMInspector(_host, _time);
        var expected = new List<string>();
        foreach (var domain in domains)
        {
            expected.AddRange((await alone.InspectAsync(domain, CancellationToken.None)).Findings.Select(Describe));
        }

        var found = await Task.WhenAll(domains.Select(domain => Task.Run(() => together.InspectAsync(domain, CancellationToken.None))));

        Assert.Equal(expected, found.SelectMany(inspection => inspection.Findings).Select(Describe));
        foreach (var domain in domains)
        {
            domain.Dispose();
        }

        static string Describe(VMTuningFinding finding) => $"{finding.VMName} {finding.Id} {finding.Subject} {finding.Suggestion} {finding.Plan?.Title} {finding.NoPlanReason}";
    }

    public void Dispose()
    {
        _host.Dispose();
        _file.Dispose();
    }
}
