// The model and the changes against every domain document of libvirt's own test data.
using System.Xml.Linq;
using KvmTune.Tests.Journal;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Corpus;

public sealed class CorpusTests
{
    [SkippableFact]
    public void Every_domain_document_is_read_and_agrees_with_a_naive_reading()
    {
        var documents = LibvirtCorpus.Domains();
        Assert.True(documents.Count > LibvirtCorpus.Share(1000), $"The corpus has only {documents.Count} domain documents.");
        foreach (var document in documents)
        {
            var read = DomainXmlReader.Read(document.Xml);
            var naive = XDocument.Parse(document.Xml).Root!;
            var devices = naive.Elements("devices").Elements().ToList();
            Assert.True(read.Name == (string?)naive.Element("name"), $"{document.Name}: name '{read.Name}'");
            Assert.True(read.Disks.Count == devices.Count(device => device.Name == "disk"), $"{document.Name}: {read.Disks.Count} disks");
            Assert.True(
                read.Disks.Select(disk => disk.Target).SequenceEqual(devices.Where(device => device.Name == "disk").Select(disk => (string?)disk.Element("target")?.Attribute("dev") ?? string.Empty)),
                $"{document.Name}: disk targets");
            Assert.True(read.Nics.Count == devices.Count(device => device.Name == "interface"), $"{document.Name}: {read.Nics.Count} NICs");
            Assert.True(
                read.VcpuPins.Count == naive.Elements("cputune").Elements("vcpupin").Select(pin => (string?)pin.Attribute("vcpu")).Distinct().Count(),
                $"{document.Name}: {read.VcpuPins.Count} pins");
            Assert.True(read.MaxVcpus == ((int?)naive.Element("vcpu") ?? 1), $"{document.Name}: {read.MaxVcpus} vCPUs");
        }
    }

    [SkippableFact]
    public void A_document_that_is_not_edited_comes_out_as_it_went_in()
    {
        foreach (var document in LibvirtCorpus.Domains())
        {
            Assert.Equal(XmlSameness.Normalised(document.Xml), XmlSameness.Normalised(DomainDocument.Parse(document.Xml).ToXml()));
        }
    }

    [SkippableFact]
    public void Every_change_followed_by_its_inverse_gives_the_document_back()
    {
        var changed = 0;
        foreach (var document in LibvirtCorpus.Domains())
        {
            var configuration = DomainXmlReader.Read(document.Xml);
            var before = DomainDocument.Parse(document.Xml);
            foreach (var change in SampleChanges.For(configuration, before))
            {
                var edited = before.Copy();
                change.Edit(edited);
                foreach (var setting in change.Settings)
                {
                    Assert.True(edited.Get(setting.Path) == setting.Value, $"{document.Name}: {change.Title}: {setting.Path} is {edited.Get(setting.Path)}");
                }

                changed += edited.ToXml() == before.ToXml() ? 0 : 1;
                change.Inverse(before).Edit(edited);
                Assert.True(
                    XmlSameness.Normalised(edited.ToXml()) == XmlSameness.Normalised(document.Xml),
                    $"{document.Name}: {change.Title} and back:\n{edited.ToXml()}");
            }
        }

        Assert.True(changed > LibvirtCorpus.Share(2000), $"Only {changed} changes changed anything.");
    }

    [SkippableFact]
    public async Task Every_document_is_as_before_when_a_change_is_taken_back_by_what_the_journal_has_of_it()
    {
        using var folder = new JournalFolder();
        using var reader = folder.Open();
        var turn = 0;
        foreach (var document in LibvirtCorpus.Domains())
        {
            // One kind of change for each document, in turn, because each change writes to the disk.
            var before = DomainDocument.Parse(document.Xml);
            var changes = SampleChanges.For(DomainXmlReader.Read(document.Xml), before).ToList();
            if (changes.Count > 0)
            {
                var change = changes[turn++ % changes.Count];
                using var record = await folder.Journal.HoldAsync(PlanOf(change), CancellationToken.None);
                var id = record.Begin(new ChangeIntent
                {
                    Plan = PlanOf(change),
                    Inverse = change.Inverse(before),
                    Reserved = [],
                    WasRunning = false,
                    Restarts = false,
                    StartedAt = DateTimeOffset.UnixEpoch,
                });
                var edited = before.Copy();
                change.Edit(edited);
                reader.Find(id).Intent!.Inverse.Edit(edited);
                Assert.True(
                    XmlSameness.Normalised(edited.ToXml()) == XmlSameness.Normalised(document.Xml),
                    $"{document.Name}: {change.Title} and back by the journal:\n{edited.ToXml()}");
            }
        }
    }

    [SkippableFact]
    public void Every_change_is_refused_by_a_rule_or_leads_to_a_document_that_libvirts_schema_takes()
    {
        Skip.IfNot(LibvirtSchema.IsHere, "xmllint or libvirt's schemas are not installed.");
        var documents = LibvirtCorpus.Domains();
        var invalid = LibvirtSchema.Invalid(documents.Select(document => (document.Name, document.Xml)));
        var edited = new List<(string Name, string Xml)>();
        foreach (var document in documents.Where(document => !invalid.ContainsKey(document.Name)))
        {
            var configuration = DomainXmlReader.Read(document.Xml);
            var before = DomainDocument.Parse(document.Xml);
            var number = 0;
            foreach (var change in SampleChanges.For(configuration, before))
            {
                var after = before.Copy();
                change.Edit(after);
                if (!RuleScene.IsRefused(change, configuration, after.ToConfiguration()))
                {
                    edited.Add(($"{document.Name} {number++} {change.Title}", after.ToXml()));
                }
            }
        }

        Assert.True(edited.Count > LibvirtCorpus.Share(5000), $"Only {edited.Count} documents were edited.");
        Assert.Empty(LibvirtSchema.Invalid(edited).Select(wrong => $"{wrong.Key}: {wrong.Value}").Take(5));
    }

    private static VMTuningPlan PlanOf(VMChange change) => new()
    {
        VMName = "corpus",
        VMId = Guid.Empty,
        ConnectionUri = "test:///default",
        Change = change,
        ChangesRunning = false,
        ChangesConfiguration = true,
        RequiresRestart = false,
        Differences = [],
        Findings = [],
        XmlDifference = string.Empty,
        VirshCommand = string.Empty,
        HasChanges = true,
    };
}
