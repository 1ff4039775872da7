// Elements whose key is a list, for example <vcpusched vcpus='0-1'/>: one element holds all numbers with the same values, but callers set
// each number by itself. This class splits and joins the elements.
using System.Globalization;
using System.Xml.Linq;
using static KvmTune.NumberText;

namespace KvmTune.Topology;

/// <summary>Reads and edits elements for several numbers (libvirt 9.0 virDomainFormatSchedDef joins those with the same values).</summary>
internal static class ListElements
{
    private static readonly HashSet<(string Name, string Key)> Lists =
        [.. SettingCatalog.All.SelectMany(setting => setting.Elements).Where(element => element.IsList).Select(element => (element.Name, element.KeyAttribute!))];

    /// <summary>Whether the key of a step is a list, so that the step is one of its members.</summary>
    public static bool IsMember(SettingElement step) => step.KeyAttribute is { } key && step.KeyChild is null && Lists.Contains((step.Name, key));

    /// <summary>The numbers of an element; none if its key is not a list.</summary>
    public static IReadOnlyList<int> Members(string? key) => CpuSet.TryParse(key, out var numbers) ? numbers!.Numbers : [];

    /// <summary>Whether an element includes the member that a step names.</summary>
    public static bool Has(XElement element, SettingElement step) =>
        NumberOf(step) is { } number && Members((string?)element.Attribute(step.KeyAttribute!)).Contains(number);

    /// <summary>Sets or removes a value of one member: the member leaves its element, and joins an element with the same values.</summary>
    public static void Set(DomainDocument document, SettingPath path, string? value, EditTrace? trace)
    {
        var step = path.Elements[^1];
        var number = NumberOf(step) ?? throw new InvalidOperationException($"'{step.KeyValue}' is not a number, and {step.Name} has numbers for keys.");
        var old = document.Find(path.Element);
        var values = old is null ? [] : Values(old, step);
        if (values.GetValueOrDefault(path.Attribute!) == value)
        {
            return;
        }

        values.Remove(path.Attribute!);
        if (value is not null)
        {
            values[path.Attribute!] = value;
        }

        var like = values.Count == 0 ? null : (old?.Parent ?? document.Find(Parent(path)))?.Elements(step.Name)
            .FirstOrDefault(element => element != old && Values(element, step) is var others && others.Count == values.Count && !others.Except(values).Any());
        if (like is not null)
        {
            SetMembers(like, step, [.. Members((string?)like.Attribute(step.KeyAttribute!)), number]);
        }

        if (old is not null && (values.Count == 0 || like is not null || Members((string?)old.Attribute(step.KeyAttribute!)).Count > 1))
        {
            SetMembers(old, step, [.. Members((string?)old.Attribute(step.KeyAttribute!)).Where(other => other != number)]);
            old = null;
        }

        if (values.Count == 0)
        {
            document.RemoveEmpty(path.Elements, path.Elements.Count - 1, trace);
        }
        else if (like is null)
        {
            var own = old ?? document.FindOrCreate(path.Element, trace);
            own.SetAttributeValue(path.Attribute!, value);
            foreach (var (name, other) in values)
            {
                own.SetAttributeValue(name, other);
            }
        }
    }

    private static void SetMembers(XElement element, SettingElement step, IReadOnlyList<int> numbers)
    {
        if (numbers.Count == 0)
        {
            DomainDocument.Remove(element);
        }
        else
        {
            element.SetAttributeValue(step.KeyAttribute!, CpuSet.Of(numbers).ToString());
        }
    }

    private static Dictionary<string, string> Values(XElement element, SettingElement step) => element.Attributes()
        .Where(attribute => attribute.Name.LocalName != step.KeyAttribute).ToDictionary(attribute => attribute.Name.LocalName, attribute => attribute.Value, StringComparer.Ordinal);

    private static SettingPath Parent(SettingPath path) => new([.. path.Elements.SkipLast(1)], null);

    private static int? NumberOf(SettingElement step) =>
        int.TryParse(step.KeyValue, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
