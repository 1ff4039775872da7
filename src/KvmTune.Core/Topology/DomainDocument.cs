// A domain XML that is edited in place: parts without an edit stay exactly the same, including white space.
using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace KvmTune.Topology;

/// <summary>
/// An editable domain XML. New elements are placed where libvirt itself would write them. An <see cref="EditTrace"/> holds which
/// elements an edit added and removed, so that an inverse edit puts everything back in its place.
/// </summary>
public sealed class DomainDocument
{
    private XDocument? _document;

    // Cached until the next edit: the text that the document was read from, its own text, and its values.
    private string? _source;
    private string? _text;
    private VMConfiguration? _configuration;
    private DomainSettings? _settings;

    private DomainDocument(XDocument? document, string? source) => (_document, _source) = (document, source);

    /// <summary>Reads a domain XML.</summary>
    /// <exception cref="XmlException">The text is not XML.</exception>
    public static DomainDocument Parse(string xml) => new(XDocument.Parse(xml, LoadOptions.PreserveWhitespace), xml);

    /// <summary>A domain XML from libvirt; it is parsed on first use.</summary>
    internal static DomainDocument FromLibvirt(string xml) => new(null, xml);

    /// <summary>The <c>&lt;domain&gt;</c> element.</summary>
    public XElement Domain => Tree.Root!;

    private XDocument Tree => _document ??= XDocument.Parse(_source!, LoadOptions.PreserveWhitespace);

    /// <summary>The document as text.</summary>
    public string ToXml() => _text ??= Tree.ToString(SaveOptions.DisableFormatting);

    /// <summary>The document as typed values.</summary>
    public VMConfiguration ToConfiguration() => _configuration ??= DomainXmlReader.Read(_source ?? ToXml());

    /// <summary>The settings of the document.</summary>
    public DomainSettings Settings => _settings ??= DomainSettings.Read(_source ?? ToXml());

    /// <summary>Whether it was read from exactly this text and not edited since.</summary>
    internal bool IsFrom(string xml) => string.Equals(_source, xml, StringComparison.Ordinal);

    /// <summary>An independent copy for edits.</summary>
    public DomainDocument Copy() => new(new XDocument(Tree), _source) { _text = _text, _configuration = _configuration, _settings = _settings };

    /// <summary>The element at the path; null if it does not exist.</summary>
    public XElement? Find(SettingPath path) => Find(path.Elements, path.Elements.Count);

    /// <summary>Whether the document has the device of a setting; true for a setting of the VM itself.</summary>
    internal bool HasDeviceOf(SettingPath path) => path.Device is not { } device || Find(device) is not null;

    /// <summary>The value of a setting; null if it is not set.</summary>
    /// <exception cref="InvalidOperationException">The path names no setting of the catalog.</exception>
    public string? Get(SettingPath path)
    {
        var setting = SettingCatalog.Get(path);
        if (IOThreadElements.ThreadOf(path) is { } id)
        {
            return IOThreadElements.Ids(Domain).Contains(id) ? string.Empty : null;
        }

        var element = Find(path);
        return setting.Form switch
        {
            SettingForm.Attribute => (string?)element?.Attribute(path.Attribute!),
            SettingForm.Presence => element is null ? null : string.Empty,
            _ => element?.Value,
        };
    }

    /// <summary>Sets the value of a setting; missing elements of the path are added.</summary>
    /// <param name="path">The address of the setting.</param>
    /// <param name="value">The value; null removes the attribute or element, and elements that become empty. An element that holds others stays.</param>
    /// <param name="trace">If an edit is taken back: its trace for the settings, so that each element returns to its place; otherwise null.</param>
    /// <exception cref="InvalidOperationException">The path names no setting of the catalog, or a device that does not exist.</exception>
    public void Set(SettingPath path, string? value, EditTrace? trace = null)
    {
        var setting = SettingCatalog.Get(path);
        _ = Tree;
        (_source, _text, _configuration, _settings) = (null, null, null, null);
        if (IOThreadElements.ThreadOf(path) is { } id)
        {
            IOThreadElements.Set(this, id, value is not null, trace);
        }
        else if (ListElements.IsMember(path.Elements[^1]))
        {
            ListElements.Set(this, path, value, trace);
        }
        else if (value is null)
        {
            Unset(path, trace);
        }
        else
        {
            var element = FindOrCreate(path.Elements, path.Elements.Count, trace);
            switch (setting.Form)
            {
                case SettingForm.Attribute:
                    element.SetAttributeValue(path.Attribute!, value);
                    break;
                case SettingForm.Text:
                    element.Value = value;
                    break;
            }
        }
    }

    /// <summary>The data to take back edits of these paths: which elements are missing now, and where the others stand.</summary>
    public EditTrace Trace(IEnumerable<SettingPath> paths)
    {
        var missing = new HashSet<string>(StringComparer.Ordinal);
        var bare = new HashSet<string>(StringComparer.Ordinal);
        var positions = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var path in paths.SelectMany(path => IOThreadElements.ThreadOf(path) is null ? [path] : new[] { path, IOThreadElements.CountPath }))
        {
            for (var length = 1; length <= path.Elements.Count; length++)
            {
                var name = string.Join('/', path.Elements.Take(length));
                if (Find(path.Elements, length) is { Parent: { } parent } element)
                {
                    positions[name] = parent.Elements().TakeWhile(sibling => sibling != element).Count();
                    if (IsBare(element, path.Elements[length - 1]))
                    {
                        bare.Add(name);
                    }
                }
                else
                {
                    missing.Add(name);
                }
            }
        }

        return new EditTrace(positions, missing) { Bare = bare };
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

        if (ListElements.IsMember(step))
        {
            return ListElements.Has(candidate, step);
        }

        var holder = step.KeyChild is null ? candidate : candidate.Element(step.KeyChild);
        return string.Equals((string?)holder?.Attribute(step.KeyAttribute), step.KeyValue, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The element at the path; if it does not exist, it is added where libvirt writes it.</summary>
    internal XElement FindOrCreate(SettingPath path, EditTrace? trace) => FindOrCreate(path.Elements, path.Elements.Count, trace);

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
            ? Math.Clamp(former, 0, siblings.Count)
            : PositionFor(steps.Take(length - 1), step, siblings);
        Insert(parent, element, siblings, position);
        return element;
    }

    // After the siblings that libvirt writes before it: by name first, then by the number in the key (vcpupin 0 before 1).
    private static int PositionFor(IEnumerable<SettingElement> parent, SettingElement step, List<XElement> siblings)
    {
        var order = ElementOrder.Of(parent.Select(element => element.Name));
        var rank = order.RankOf(step.Name);
        for (var index = siblings.Count; index > 0; index--)
        {
            var sibling = siblings[index - 1];
            var siblingRank = order.RankOfSibling(sibling.Name.LocalName);
            if (siblingRank < rank)
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

        return siblings.FindIndex(sibling => order.RankOfSibling(sibling.Name.LocalName) >= rank) is >= 0 and var first ? first : 0;
    }

    private static int CompareKeys(string? left, string? right) =>
        int.TryParse(left, NumberStyles.None, CultureInfo.InvariantCulture, out var leftNumber)
        && int.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out var rightNumber)
            ? leftNumber.CompareTo(rightNumber)
            : string.CompareOrdinal(left, right);

    // Keeps the document's own indentation: the white space of a sibling, or the parent's with two more spaces.
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

        if (path.Attribute is not null)
        {
            element.SetAttributeValue(path.Attribute, null);
        }
        else if (element.HasElements)
        {
            // Settings in it are still set: it goes with the last of them.
            return;
        }
        else
        {
            Remove(element);
        }

        RemoveEmpty(path.Elements, path.Elements.Count - (path.Attribute is null ? 1 : 0), trace);
    }

    /// <summary>
    /// Removes the elements of a path that are empty, from its end up. Devices stay, and so do elements that were empty before an edit that is now
    /// taken back.
    /// </summary>
    internal void RemoveEmpty(IReadOnlyList<SettingElement> steps, int length, EditTrace? trace)
    {
        for (; length > 0; length--)
        {
            var step = steps[length - 1];
            if (step.IsDevice || Find(steps, length) is not { } container || !IsBare(container, step))
            {
                return;
            }

            if (trace is not null && !trace.MayGo(string.Join('/', steps.Take(length))))
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

    /// <summary>Removes an element, with the white space before it.</summary>
    internal static void Remove(XElement element)
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

/// <summary>The places of elements before an edit, so that they return there when it is taken back.</summary>
/// <param name="Positions">The place of each element among its parent's child elements, by its path.</param>
/// <param name="Missing">The paths of the elements that did not exist.</param>
public sealed record EditTrace(IReadOnlyDictionary<string, int> Positions, IReadOnlySet<string> Missing)
{
    /// <summary>The trace of a document about which only one fact is known: it had no ids of I/O threads.</summary>
    internal static EditTrace WithoutThreadIds { get; } =
        new(new Dictionary<string, int>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal) { "iothreadids" }) { Bare = new HashSet<string>(StringComparer.Ordinal) };

    /// <summary>The paths of the elements that existed without content; null in a trace of an earlier version, which did not record them.</summary>
    public IReadOnlySet<string>? Bare { get; init; }

    /// <summary>The place of an element in the document as a sortable text: the places of its ancestors first, each among its siblings.</summary>
    internal string PlaceOf(SettingPath path) => string.Concat(Enumerable.Range(1, path.Elements.Count)
        .Select(length => Positions.GetValueOrDefault(string.Join('/', path.Elements.Take(length)), 99_999).ToString("D5", CultureInfo.InvariantCulture)));

    /// <summary>Whether an element may be removed when it becomes empty: an element that was empty before stays.</summary>
    internal bool MayGo(string path) => Missing.Contains(path) || (Bare is not null && !Bare.Contains(path));
}
