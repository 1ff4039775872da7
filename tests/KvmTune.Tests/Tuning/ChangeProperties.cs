// Properties for random documents and random sequences of changes: in any order, undoing and restoring end in the right state.
using System.Xml.Linq;
using CsCheck;
using KvmTune.Tests.Corpus;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class ChangeProperties
{
    private const int Runs = 100;

    private static readonly IReadOnlyList<SettingPath> Paths = [.. DomainSettings.Read(RichVM.Full).All.Where(setting => setting.Setting.IsTunable).Select(setting => setting.Path)];

    // The rich VM without some of its settings.
    private static readonly Gen<DomainDocument> Documents = Gen.Bool.Array[Paths.Count].Select(keep =>
    {
        var document = DomainDocument.Parse(RichVM.Full);
        for (var index = Paths.Count - 1; index >= 0; index--)
        {
            if (!keep[index])
            {
                document.Set(Paths[index], null);
            }
        }

        return document;
    });

    private static readonly Gen<uint[]> Picks = Gen.UInt.Array[1, 6];

    [Fact]
    public void Changes_undone_in_reverse_give_the_document_back_with_what_others_did_elsewhere() => Gen.Select(Documents, Picks).Sample(
        (document, picks) =>
        {
            var now = document.Copy();
            var inverses = new Stack<VMChange>();
            foreach (var pick in picks)
            {
                var change = Change(now, pick);
                inverses.Push(change.Inverse(now));
                change.Edit(now);
                now = Foreign(now, pick);
            }

            foreach (var inverse in inverses)
            {
                inverse.Edit(now);
            }

            var expected = picks.Aggregate(document, Foreign);
            Assert.Equal(XmlSameness.Normalised(expected.ToXml()), XmlSameness.Normalised(now.ToXml()));
        },
        iter: Runs);

    [Fact]
    public void Changes_of_different_settings_can_be_undone_in_any_order() => Gen.Select(Documents, Picks, Gen.UInt).Sample(
        (document, picks, seed) =>
        {
            var now = document.Copy();
            var done = new List<VMChange>();
            var touched = new HashSet<string>(StringComparer.Ordinal);
            foreach (var pick in picks)
            {
                var change = Change(now, pick);
                if (Touched(change).All(name => !touched.Contains(name)))
                {
                    done.Add(change.Inverse(now));
                    change.Edit(now);
                    touched.UnionWith(Touched(change));
                }
            }

            foreach (var inverse in done.OrderBy(_ => seed = (seed * 1664525) + 1013904223))
            {
                inverse.Edit(now);
            }

            Assert.Equal(Sorted(document), Sorted(now));
        },
        iter: Runs);

    // Pages have only their places, so two changes of them count as changes of the same settings above.
    [Fact]
    public void Undoing_the_pages_of_one_guest_node_leaves_those_of_the_others() => Gen.Select(Documents, Gen.Int[0, 3], Gen.Int[0, 3], Gen.Bool).Sample(
        (document, first, second, isLarge) =>
        {
            var now = document.Copy();
            var change = Pages(now, first, isLarge ? 1048576 : 2048);
            var inverse = change.Inverse(now);
            change.Edit(now);
            Pages(now, second, 1048576).Edit(now);
            if (KvmTune.Journal.UndoCollisions.In(now, change, inverse, null).Any())
            {
                return;
            }

            var others = HugePagesChange.PagesIn(now).Where(page => page.GuestNodes != new CpuSet(first).ToString()).ToList();
            inverse.Edit(now);
            Assert.All(others, page => Assert.Contains(page, HugePagesChange.PagesIn(now)));
        },
        iter: Runs);

    [Fact]
    public void A_checkpoint_is_restored_whatever_was_changed_since() => Gen.Select(Documents, Picks).Sample(
        (document, picks) =>
        {
            var state = TuningState.Of(document);
            var now = document.Copy();
            foreach (var pick in picks)
            {
                Change(now, pick).Edit(now);
            }

            Restore(state, now).Edit(now);
            Assert.Equal(Sorted(document), Sorted(now));
            Assert.Empty(state.ChangesOf(now));
        },
        iter: Runs);

    [Fact]
    public void Restoring_can_be_undone() => Gen.Select(Documents, Documents).Sample(
        (document, other) =>
        {
            var now = document.Copy();
            var restore = Restore(TuningState.Of(other), now);
            restore.Edit(now);
            Assert.Equal(Sorted(other), Sorted(now));
            restore.Inverse(document).Edit(now);
            Assert.Equal(Sorted(document), Sorted(now));
        },
        iter: Runs);

    [Fact]
    public void A_settings_value_comes_back_as_it_was_set() => Gen.Select(Documents, Documents).Sample(
        (document, other) =>
        {
            foreach (var setting in other.Settings.All.Where(setting => setting.Setting.IsTunable))
            {
                document.Set(setting.Path, setting.Value);
                Assert.Equal(setting.Value, document.Get(setting.Path));
                Assert.Contains(document.Settings.All, found => found.Path == setting.Path && found.Value == setting.Value);
            }
        },
        iter: 50);

    private static HugePagesChange Pages(DomainDocument document, int node, long sizeKiB) =>
        new() { Enabled = true, Pages = HugePagesChange.PagesWith(document, sizeKiB, new CpuSet(node)) };

    private static VMChange Change(DomainDocument document, uint pick)
    {
        var changes = SampleChanges.For(document.ToConfiguration(), document).ToList();
        return changes[(int)(pick % changes.Count)];
    }

    // An edit outside all changes.
    private static DomainDocument Foreign(DomainDocument document, uint pick)
    {
        var edited = XDocument.Parse(document.ToXml(), LoadOptions.PreserveWhitespace);
        edited.Root!.Element("memory")!.Value = (4194304 + (pick % 1024)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        edited.Root.Element("metadata")!.Add(new XElement("edit", pick));
        return DomainDocument.Parse(edited.ToString(SaveOptions.DisableFormatting));
    }

    // A thread that a change gives to a disk counts as touched, because its users keep it. Pages have only their positions, so all count as one.
    private static IEnumerable<string> Touched(VMChange change) => change.Settings.SelectMany(setting => new[]
    {
        setting.Path.Elements.Any(element => element.Name == "hugepages") ? "hugepages" : setting.Path.ToString(),
        setting.Path.Attribute == "iothread" && setting.Value is { } id ? IOThreadElements.PathOf(int.Parse(id, System.Globalization.CultureInfo.InvariantCulture)).ToString() : null,
        setting.Path.Elements is [.., { Name: "iothread", KeyValue: { } thread }] ? IOThreadElements.PathOf(int.Parse(thread, System.Globalization.CultureInfo.InvariantCulture)).ToString() : null,
        setting.Path.Elements is [_, { Name: "iothreadpin", KeyValue: { } pinned }] ? IOThreadElements.PathOf(int.Parse(pinned, System.Globalization.CultureInfo.InvariantCulture)).ToString() : null,
    }.OfType<string>());

    private static TuningStateChange Restore(TuningState state, DomainDocument document) =>
        TuningStateChange.To(state, "a test", document);

    // Siblings of one name may have another order than before: libvirt sorts them itself.
    private static string Sorted(DomainDocument document) => Sorted(XElement.Parse(XmlSameness.Normalised(document.ToXml()))).ToString();

    private static XElement Sorted(XElement element) => new(
        element.Name,
        element.Attributes(),
        element.HasElements ? element.Elements().Select(Sorted).OrderBy(child => child.ToString(), StringComparer.Ordinal) : element.Nodes());
}
