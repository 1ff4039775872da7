// The shell line that edits a persistent configuration as a change does: dump, replace what differs, define.
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace KvmTune.Tuning;

/// <summary>
/// Writes an edit as <c>virsh dumpxml | sed | virsh define</c>. libvirt writes its XML in one fixed layout, an element a line,
/// which is what the sed script goes by.
/// </summary>
internal static partial class VirshEdit
{
    /// <summary>The command that turns one document into the other.</summary>
    public static string Command(string uri, string vmName, DomainDocument before, DomainDocument after)
    {
        var script = new List<string>();
        Compare(script, before.Domain, after.Domain, depth: 1);
        var dump = VirshText.Command(uri, "dumpxml", vmName, "--inactive", "--security-info");
        var define = VirshText.Command(uri, "define", "--validate", "/dev/stdin");
        return $"{dump} | sed {string.Join(' ', script.Select(line => $"-e {VirshText.Quote(line)}"))} | {define}";
    }

    // Elements that differ are replaced as a whole; only <devices> is gone into, since a VM has many.
    private static void Compare(List<string> script, XElement before, XElement after, int depth)
    {
        var olds = before.Elements().ToList();
        var news = after.Elements().ToList();
        foreach (var old in olds)
        {
            var same = news.FirstOrDefault(candidate => IsSame(candidate, old)) ?? news.FirstOrDefault(candidate => XNode.DeepEquals(Bare(candidate), Bare(old)));
            if (same is not null && XNode.DeepEquals(Bare(same), Bare(old)))
            {
                news.Remove(same);
            }
            else if (old.Name == "devices" && same is not null)
            {
                Compare(script, old, same, depth + 1);
                news.Remove(same);
            }
            else
            {
                script.Add(Delete(old, depth));
            }
        }

        foreach (var added in news.Where(added => !olds.Any(old => XNode.DeepEquals(Bare(old), Bare(added)))))
        {
            script.Add(Insert(added, after, depth));
        }
    }

    private static bool IsSame(XElement left, XElement right) => left.Name == right.Name && left.Parent!.Elements(left.Name).Count() == 1;

    private static string Delete(XElement element, int depth)
    {
        var indent = new string(' ', depth * 2);
        var attributes = string.Concat(element.Attributes().Select(attribute => $" {attribute.Name}='{attribute.Value}'"));
        var start = Escape().Replace($"{indent}<{element.Name}{attributes}", "\\$0");
        return element.IsEmpty || !element.HasElements ? $"/^{start}[ >\\/]/d" : $"/^{start}>/,/^{indent}<\\/{element.Name}>/d";
    }

    private static string Insert(XElement element, XElement parent, int depth)
    {
        var indent = new string(' ', depth * 2);
        var lines = Bare(element).ToString().Split('\n').Select(line => indent + line.TrimEnd('\r'));
        var text = string.Join("\\\n", lines);
        return depth == 1 ? $"/^  <name>/a\\\n{text}" : $"/^  <\\/{parent.Name}>/i\\\n{text}";
    }

    private static XElement Bare(XElement element) => XElement.Parse(element.ToString());

    [GeneratedRegex(@"[\\/.*\[\]^$]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Escape();
}
