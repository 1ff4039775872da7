// A domain XML that is edited in place: what an edit does not touch comes out as it went in, white space included.
using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>
/// An editable domain XML. Elements are made where libvirt itself would write them, and remember what was made and
/// removed in an <see cref="EditTrace"/>, so that an inverse edit puts everything back in its place.
/// </summary>
public sealed class DomainDocument
{
    // The order in which libvirt writes the elements that edits here can make (virDomainDefFormatInternal); others are passed over.
    private static readonly string[] Order =
    [
        "name", "uuid", "metadata", "maxMemory", "memory", "currentMemory", "blkiotune", "memtune", "memoryBacking", "vcpu", "vcpus",
        "iothreads", "iothreadids", "cputune", "numatune", "resource", "sysinfo", "os", "features", "cpu", "clock", "on_poweroff",
        "on_reboot", "on_crash", "pm", "devices",
        "hugepages", "page", "nosharepages", "locked", "source", "access", "allocation",
        "vcpupin", "emulatorpin", "iothreadpin", "emulatorsched", "memnode",
        "model", "vendor", "topology", "cache", "feature", "numa",
        "driver", "auth", "backingStore", "target", "iotune",
        "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec", "write_iops_sec",
        "total_bytes_sec_max", "read_bytes_sec_max", "write_bytes_sec_max", "total_iops_sec_max", "read_iops_sec_max", "write_iops_sec_max",
        "size_iops_sec", "group_name", "total_bytes_sec_max_length", "read_bytes_sec_max_length", "write_bytes_sec_max_length",
        "total_iops_sec_max_length", "read_iops_sec_max_length", "write_iops_sec_max_length",
    ];

    private readonly XDocument _document;

    private DomainDocument(XDocument document) => _document = document;

    /// <summary>Reads a domain XML.</summary>
    /// <exception cref="XmlException">The text is not XML.</exception>
    public static DomainDocument Parse(string xml) => new(XDocument.Parse(xml, LoadOptions.PreserveWhitespace));

    /// <summary>The <c>&lt;domain&gt;</c> element.</summary>
    public XElement Domain => _document.Root!;

    /// <summary>The document as text.</summary>
    public string ToXml() => _document.ToString(SaveOptions.DisableFormatting);

    /// <summary>The document as typed values.</summary>
    public VMConfiguration ToConfiguration() => DomainXmlReader.Read(ToXml());

    /// <summary>A copy that can be edited on its own.</summary>
    public DomainDocument Copy() => new(new XDocument(_document));

    /// <summary>The element at the path; null when it is not there.</summary>
    public XElement? Find(SettingPath path) => Find(path.Elements, path.Elements.Count);

    /// <summary>The value of an attribute, or the text of an element; null when it is not there.</summary>
    public string? Get(SettingPath path)
    {
        var element = Find(path);
        return path.Attribute is null ? element?.Value : (string?)element?.Attribute(path.Attribute);
    }

    /// <summary>Sets an attribute, or an element's text; elements on the way that are missing are made.</summary>
    /// <param name="path">Where.</param>
    /// <param name="value">The value; null takes the attribute or element away, and elements that this leaves empty with it.</param>
    /// <param name="trace">What the edit that is now taken back did here, so that each element returns to its place; null otherwise.</param>
    public void Set(SettingPath path, string? value, EditTrace? trace = null)
    {
        if (value is null)
        {
            Unset(path, trace);
        }
        else if (path.Attribute is null)
        {
            var element = FindOrCreate(path.Elements, path.Elements.Count, trace);
            if (!element.HasElements && element.Value != value)
            {
                element.Value = value;
            }
        }
        else
        {
            FindOrCreate(path.Elements, path.Elements.Count, trace).SetAttributeValue(path.Attribute, value);
        }
    }

    /// <summary>What must be known to take back edits of these paths: which elements are missing now, and where the others stand.</summary>
    public EditTrace Trace(IEnumerable<SettingPath> paths)
    {
        var missing = new HashSet<string>(StringComparer.Ordinal);
        var positions = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var path in paths)
        {
            for (var length = 1; length <= path.Elements.Count; length++)
            {
                var name = string.Join('/', path.Elements.Take(length));
                if (Find(path.Elements, length) is { Parent: { } parent } element)
                {
                    positions[name] = parent.Elements().TakeWhile(sibling => sibling != element).Count();
                }
                else
                {
                    missing.Add(name);
                }
            }
        }

        return new EditTrace(positions, missing);
    }

    private XElement? Find(IReadOnlyList<SettingElement> steps, int length)
    {
        var element = Domain;
        for (var index = 0; index < length && element is not null; index++)
        {
            var step = steps[index];
            element = element.Elements(step.Name).Where(candidate => Matches(candidate, step)).ElementAtOrDefault(step.Index);
        }

        return element;
    }

    private static bool Matches(XElement candidate, SettingElement step)
    {
        if (step.Type is not null && (string?)candidate.Attribute("type") != step.Type)
        {
            return false;
        }

        if (step.KeyAttribute is null)
        {
            return true;
        }

        var holder = step.KeyChild is null ? candidate : candidate.Element(step.KeyChild);
        return string.Equals((string?)holder?.Attribute(step.KeyAttribute), step.KeyValue, StringComparison.OrdinalIgnoreCase);
    }

    private XElement FindOrCreate(IReadOnlyList<SettingElement> steps, int length, EditTrace? trace)
    {
        if (length == 0)
        {
            return Domain;
        }

        if (Find(steps, length) is { } found)
        {
            return found;
        }

        var step = steps[length - 1];
        if (step.IsDevice)
        {
            throw new InvalidOperationException($"There is no {step} in the document. A device is never made by an edit of its settings.");
        }

        var parent = FindOrCreate(steps, length - 1, trace);
        var element = new XElement(parent.Name.Namespace + step.Name);
        if (step.KeyAttribute is not null)
        {
            element.SetAttributeValue(step.KeyAttribute, step.KeyValue);
        }

        var siblings = parent.Elements().ToList();
        var position = trace is not null && trace.Positions.TryGetValue(string.Join('/', steps.Take(length)), out var former)
            ? Math.Min(former, siblings.Count)
            : PositionFor(step, siblings);
        Insert(parent, element, siblings, position);
        return element;
    }

    // Behind the siblings that libvirt writes before it: by name first, then by the number in the key (vcpupin 0 before 1).
    private static int PositionFor(SettingElement step, List<XElement> siblings)
    {
        var rank = Array.IndexOf(Order, step.Name);
        for (var index = siblings.Count; index > 0; index--)
        {
            var sibling = siblings[index - 1];
            var siblingRank = Array.IndexOf(Order, sibling.Name.LocalName);
            if (siblingRank >= 0 && siblingRank < rank)
            {
                return index;
            }

            if (siblingRank == rank && step.Index > 0)
            {
                return index;
            }

            if (siblingRank == rank && step.KeyAttribute is { } key && CompareKeys((string?)sibling.Attribute(key), step.KeyValue) <= 0)
            {
                return index;
            }
        }

        return siblings.FindIndex(sibling => Array.IndexOf(Order, sibling.Name.LocalName) >= rank) is >= 0 and var first ? first : 0;
    }

    private static int CompareKeys(string? left, string? right) =>
        int.TryParse(left, NumberStyles.None, CultureInfo.InvariantCulture, out var leftNumber)
        && int.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out var rightNumber)
            ? leftNumber.CompareTo(rightNumber)
            : string.CompareOrdinal(left, right);

    // Keeps the document's own indentation: the white space before a sibling, or the parent's with two more spaces.
    private static void Insert(XElement parent, XElement element, List<XElement> siblings, int position)
    {
        if (siblings.Count == 0)
        {
            var outer = IndentBefore(parent);
            if (outer is null)
            {
                parent.Add(element);
                return;
            }

            parent.Nodes().OfType<XText>().Where(text => string.IsNullOrWhiteSpace(text.Value)).ToList().ForEach(text => text.Remove());
            parent.Add(new XText(outer + "  "), element, new XText(outer));
        }
        else if (position < siblings.Count)
        {
            var next = siblings[position];
            next.AddBeforeSelf(element);
            if (IndentBefore(element) is { } indent)
            {
                element.AddAfterSelf(new XText(indent));
            }
        }
        else
        {
            var last = siblings[^1];
            if (IndentBefore(last) is { } indent)
            {
                last.AddAfterSelf(new XText(indent), element);
            }
            else
            {
                last.AddAfterSelf(element);
            }
        }
    }

    private void Unset(SettingPath path, EditTrace? trace)
    {
        if (Find(path) is not { } element)
        {
            return;
        }

        if (path.Attribute is null)
        {
            Remove(element);
        }
        else
        {
            element.SetAttributeValue(path.Attribute, null);
        }

        // What is left empty goes too: elements that the edit made when it is taken back, else every container without content.
        for (var length = path.Elements.Count - (path.Attribute is null ? 1 : 0); length > 0; length--)
        {
            var step = path.Elements[length - 1];
            if (step.IsDevice || Find(path.Elements, length) is not { } container || !IsBare(container, step))
            {
                return;
            }

            if (trace is not null && !trace.Missing.Contains(string.Join('/', path.Elements.Take(length))))
            {
                return;
            }

            Remove(container);
        }
    }

    private static bool IsBare(XElement element, SettingElement step) =>
        !element.HasElements
        && string.IsNullOrWhiteSpace(element.Value)
        && element.Attributes().All(attribute => attribute.Name.LocalName == step.KeyAttribute);

    private static void Remove(XElement element)
    {
        if (element.PreviousNode is XText space && string.IsNullOrWhiteSpace(space.Value))
        {
            space.Remove();
        }

        element.Remove();
    }

    private static string? IndentBefore(XElement element) =>
        element.PreviousNode is XText space && string.IsNullOrWhiteSpace(space.Value) ? space.Value : null;
}

/// <summary>Where elements stood before an edit, so that taking it back puts them there again.</summary>
/// <param name="Positions">The place of each element among its parent's child elements, by its path.</param>
/// <param name="Missing">The paths of the elements that were not there.</param>
public sealed record EditTrace(IReadOnlyDictionary<string, int> Positions, IReadOnlySet<string> Missing);
