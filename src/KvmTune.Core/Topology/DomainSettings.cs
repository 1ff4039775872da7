// The settings of one domain XML, found with the catalog in one forward pass over its bytes.
using System.Globalization;
using System.Xml;

namespace KvmTune.Topology;

/// <summary>All settings of a document, in its order.</summary>
public sealed class DomainSettings
{
    private static readonly SettingNode Root = SettingNode.Tree(SettingCatalog.All);

    private DomainSettings(IReadOnlyList<SettingReading> all, IReadOnlyList<SettingPath> devices) => (All, Devices) = (all, devices);

    /// <summary>The settings that are set. Of several elements with the same key only the first counts.</summary>
    public IReadOnlyList<SettingReading> All { get; }

    /// <summary>The disks, SCSI controllers and NICs that can have settings.</summary>
    public IReadOnlyList<SettingPath> Devices { get; }

    /// <summary>The host CPUs of threads without a pin; null if the document does not set them.</summary>
    internal CpuSet? VcpuCpuSet { get; private init; }

    /// <summary>Reads a document.</summary>
    /// <exception cref="XmlException">The text is not XML.</exception>
    public static DomainSettings Read(string xml) => XmlCursor.Over(xml, Read);

    /// <summary>Reads a document from its UTF-8 bytes.</summary>
    /// <exception cref="XmlException">The text is not XML.</exception>
    public static DomainSettings Read(ReadOnlySpan<byte> utf8) => XmlCursor.Over(utf8, Read);

    private static DomainSettings Read(XmlCursor reader)
    {
        var pass = new Pass(reader);
        pass.ReadDocument();
        return new DomainSettings(pass.Readings, pass.Devices)
        {
            VcpuCpuSet = pass.Readings.FirstOrDefault(reading => reading.Setting.Pattern == "vcpu/@cpuset").Value is { } cpus && CpuSet.TryParse(cpus, out var set) ? set : null,
        };
    }

    private sealed class Pass(XmlCursor reader)
    {
        private static readonly Setting Thread = SettingCatalog.Get("iothreadids/iothread[@id]");

        public List<SettingReading> Readings { get; } = [];

        public List<SettingPath> Devices { get; } = [];

        public void ReadDocument()
        {
            reader.MoveToRoot();
            var threads = 0;
            foreach (var element in reader.Children())
            {
                if (element == "iothreads")
                {
                    threads = int.TryParse(reader.Text(), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? Math.Min(count, ushort.MaxValue) : 0;
                }
                else if (Root.Child(element, reader) is { } node)
                {
                    ReadElement(node, null, null, 0);
                }
            }

            if (threads > 0)
            {
                AddUnnamedThreads(threads);
            }
        }

        private void AddUnnamedThreads(int count)
        {
            var named = Readings.Where(reading => reading.Setting == Thread && int.TryParse(reading.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                .Select(reading => int.Parse(reading.Key!, CultureInfo.InvariantCulture)).ToHashSet();
            foreach (var id in IOThreadElements.Unnamed(named, count))
            {
                Readings.Add(new SettingReading(Thread, id.ToString(CultureInfo.InvariantCulture), null, string.Empty));
            }
        }

        private void ReadElement(SettingNode node, string? key, string? subKey, int place)
        {
            var own = node.Element!.IsPlace ? place.ToString(CultureInfo.InvariantCulture)
                : node.Element.KeyAttribute is { } attribute && node.Element.KeyChild is null ? reader.GetAttribute(attribute) : null;
            if (node.Element.IsKeyed && own is null && node.Element.KeyChild is null)
            {
                return;
            }

            if (node.Element.IsList)
            {
                ReadMembers(node, own!);
                return;
            }

            var (first, second) = own is null ? (key, subKey) : key is null ? (own, null) : (key, own);
            foreach (var setting in node.Attributes)
            {
                if (reader.GetAttribute(setting.Attribute!) is { } value)
                {
                    Readings.Add(new SettingReading(setting, first, second, value));
                }
            }

            if (node.Own is { Form: SettingForm.Presence } presence)
            {
                Readings.Add(new SettingReading(presence, first, second, string.Empty));
            }

            if (node.Own is { Form: SettingForm.Text } text)
            {
                Readings.Add(new SettingReading(text, first, second, reader.Text()));
            }
            else if (node.Element.KeyChild is { } keyChild)
            {
                ReadDevice(node, keyChild);
            }
            else
            {
                ReadChildren(node, first, second);
            }
        }

        private void ReadMembers(SettingNode node, string list)
        {
            foreach (var member in ListElements.Members(list))
            {
                foreach (var setting in node.Attributes)
                {
                    if (reader.GetAttribute(setting.Attribute!) is { } value)
                    {
                        Readings.Add(new SettingReading(setting, member.ToString(CultureInfo.InvariantCulture), null, value));
                    }
                }
            }
        }

        private void ReadChildren(SettingNode node, string? key, string? subKey)
        {
            var places = 0;
            foreach (var element in reader.Children())
            {
                if (node.Child(element, reader) is { } child)
                {
                    ReadElement(child, key, subKey, child.Element!.IsPlace ? places++ : 0);
                }
            }

            if (node.Element!.Type is not null && key is not null)
            {
                AddDevice(node, key);
            }
        }

        // The key is in a child element and may come after the settings: until then they have the empty text as their key.
        private void ReadDevice(SettingNode node, string keyChild)
        {
            var start = Readings.Count;
            string? key = null;
            foreach (var element in reader.Children())
            {
                if (element == keyChild)
                {
                    key ??= reader.GetAttribute(node.Element!.KeyAttribute!);
                }
                else if (node.Child(element, reader) is { } child)
                {
                    ReadElement(child, string.Empty, null, 0);
                }
            }

            if (key is null || !AddDevice(node, key))
            {
                Readings.RemoveRange(start, Readings.Count - start);
                return;
            }

            for (var index = start; index < Readings.Count; index++)
            {
                Readings[index] = Readings[index] with { Key = key };
            }
        }

        private bool AddDevice(SettingNode node, string key)
        {
            var device = SettingPath.Of(
                new SettingElement("devices"), new SettingElement(node.Element!.Name, node.Element.KeyChild, node.Element.KeyAttribute, key, Type: node.Element.Type));
            var isNew = !Devices.Contains(device);
            if (isNew)
            {
                Devices.Add(device);
            }

            return isNew;
        }
    }
}

/// <summary>The catalog's paths as a tree of elements, for finding all settings in one pass over a document.</summary>
internal sealed class SettingNode
{
    private readonly List<SettingNode> _children = [];
    private readonly List<Setting> _attributes = [];

    private SettingNode(PatternElement? element) => Element = element;

    /// <summary>The element; null for the root.</summary>
    public PatternElement? Element { get; }

    /// <summary>The settings that are attributes of the element.</summary>
    public IReadOnlyList<Setting> Attributes => _attributes;

    /// <summary>The setting that is the element itself; null for none.</summary>
    public Setting? Own { get; private set; }

    /// <summary>The tree of some settings.</summary>
    public static SettingNode Tree(IEnumerable<Setting> settings)
    {
        var root = new SettingNode(null);
        foreach (var setting in settings)
        {
            var node = root;
            foreach (var element in setting.Elements)
            {
                if (node._children.Find(child => child.Element == element) is not { } child)
                {
                    child = new SettingNode(element);
                    node._children.Add(child);
                }

                node = child;
            }

            if (setting.Attribute is null)
            {
                node.Own = setting;
            }
            else
            {
                node._attributes.Add(setting);
            }
        }

        return root;
    }

    /// <summary>The child node for the element at the cursor; null if the element contains no setting.</summary>
    public SettingNode? Child(string name, XmlCursor reader)
    {
        foreach (var child in _children)
        {
            if (child.Element!.Name == name && (child.Element.Type is null || reader.GetAttribute("type") == child.Element.Type))
            {
                return child;
            }
        }

        return null;
    }
}
