// The shell command that makes a change's edit of a persistent configuration: dump, replace the differences, define.
using System.Security;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning;

/// <summary>
/// Writes an edit as <c>virsh dumpxml | sed | virsh define</c>. libvirt writes its XML in a fixed layout, one element per line,
/// and the sed script relies on it: it finds an element by its beginning if that is unique, otherwise by its line.
/// </summary>
internal static partial class VirshEdit
{
    /// <summary>The command that turns one document into the other.</summary>
    public static string Command(VMIdentity vm, DomainDocument before, DomainDocument after)
    {
        var script = new List<string>();
        Compare(script, XDocument.Parse(before.ToXml(), LoadOptions.PreserveWhitespace | LoadOptions.SetLineInfo).Root!, after.Domain, depth: 1);
        var dump = VirshText.Command(vm.ConnectionUri, "dumpxml", vm.VirshName, "--inactive", "--security-info");
        var define = VirshText.Command(vm.ConnectionUri, "define", "--validate", "/dev/stdin");
        return $"{dump} | sed {string.Join(' ', script.Select(line => $"-e {VirshText.Quote(line)}"))} | {define}";
    }

    // An element that differs is replaced as a whole. Only in <devices> each child is compared, because a VM has many devices.
    private static void Compare(List<string> script, XElement before, XElement after, int depth)
    {
        foreach (var name in before.Elements().Concat(after.Elements()).Select(element => element.Name).Distinct())
        {
            var olds = before.Elements(name).ToList();
            var news = after.Elements(name).ToList();
            for (var index = 0; index < Math.Max(olds.Count, news.Count); index++)
            {
                var (old, wanted) = (olds.ElementAtOrDefault(index), news.ElementAtOrDefault(index));
                if (old is null)
                {
                    script.Add($"{Place(wanted!, before, depth)}i\\\n{Written(wanted!, depth)}");
                }
                else if (wanted is null)
                {
                    script.Add($"{Address(old, depth)}d");
                }
                else if (!XNode.DeepEquals(Bare(old), Bare(wanted)))
                {
                    if (name == "devices")
                    {
                        Compare(script, old, wanted, depth + 1);
                    }
                    else
                    {
                        script.Add($"{Address(old, depth)}c\\\n{Written(wanted, depth)}");
                    }
                }
            }
        }
    }

    // Before the next existing element in libvirt's order: its schema accepts some elements only in that order.
    private static string Place(XElement added, XElement before, int depth) =>
        added.ElementsAfterSelf().Select(next => before.Elements(next.Name).FirstOrDefault()).FirstOrDefault(next => next is not null) is { } next
            ? IsOnlyOne(next) ? Start(next, depth) : Text(LineOf(next))
            : $"/^{Indent(depth - 1)}<\\/{before.Name}>/";

    private static string Address(XElement element, int depth)
    {
        var (first, count) = (LineOf(element), element.ToString(SaveOptions.DisableFormatting).Count(character => character == '\n'));
        return (IsOnlyOne(element), count) switch
        {
            (true, 0) => Start(element, depth),
            (true, _) => $"{Start(element, depth)},/^{Indent(depth)}<\\/{element.Name}>/",
            (false, 0) => Text(first),
            _ => $"{Text(first)},{Text(first + count)}",
        };
    }

    private static int LineOf(XElement element) => ((IXmlLineInfo)element).LineNumber;

    private static bool IsOnlyOne(XElement element) => element.Parent!.Elements(element.Name).Count(other => OpeningOf(other) == OpeningOf(element)) == 1;

    private static string Start(XElement element, int depth) => $"/^{Indent(depth)}{Escape().Replace(OpeningOf(element), "\\$0")}[>\\/]/";

    // In libvirt's form, with its quotes and entities.
    private static string OpeningOf(XElement element) => $"<{element.Name}{string.Concat(element.Attributes().Select(attribute => $" {attribute.Name}='{SecurityElement.Escape(attribute.Value)}'"))}";

    private static string Written(XElement element, int depth) =>
        string.Join("\\\n", Bare(element).ToString().Split('\n').Select(line => Indent(depth) + line.TrimEnd('\r')));

    private static string Indent(int depth) => new(' ', depth * 2);

    private static XElement Bare(XElement element) => XElement.Parse(element.ToString());

    [GeneratedRegex(@"[\\/.*\[\]^$]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Escape();
}
