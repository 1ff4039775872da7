// The address of a setting in a domain XML: elements below <domain>, some with a key that selects one of several siblings.
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>One element of the path to a setting.</summary>
/// <param name="Name">The element's name.</param>
/// <param name="KeyChild">The child element with the key, for example <c>target</c> of a disk; null if the element itself has the key.</param>
/// <param name="KeyAttribute">
/// The attribute that distinguishes the element from its siblings, for example <c>vcpu</c>; null if there is at most one such element.
/// </param>
/// <param name="KeyValue">The value of that attribute.</param>
/// <param name="Index">The place among the matching siblings, counted from 0: for siblings without any other difference.</param>
/// <param name="Type">The value of the attribute <c>type</c>, for devices whose key is unique only within their type (controllers).</param>
public sealed record SettingElement(
    string Name, string? KeyChild = null, string? KeyAttribute = null, string? KeyValue = null, int Index = 0, string? Type = null)
{
    /// <summary>Whether it is a device: an edit of its settings never adds one.</summary>
    public bool IsDevice => KeyChild is not null || Type is not null;

    /// <summary>The element as an XPath step.</summary>
    public override string ToString() => Name + (Type is null ? null : $"[@type='{Type}']") + (KeyAttribute, KeyChild) switch
    {
        (null, _) => Index == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"[{Index + 1}]"),
        (_, null) => $"[@{KeyAttribute}='{KeyValue}']",
        _ => $"[{KeyChild}/@{KeyAttribute}='{KeyValue}']",
    };
}

/// <summary>The address of an element or attribute below <c>&lt;domain&gt;</c>.</summary>
/// <param name="Elements">The elements from the top.</param>
/// <param name="Attribute">The attribute; null for the element itself.</param>
public sealed record SettingPath(IReadOnlyList<SettingElement> Elements, string? Attribute)
{
    // Made once: a plan compares the paths of all its settings and looks them up again and again.
    private string? _pattern;
    private string? _text;

    // A changed copy has other texts.
    private SettingPath(SettingPath other) => (Elements, Attribute) = (other.Elements, other.Attribute);

    /// <summary>The elements from the top.</summary>
    public IReadOnlyList<SettingElement> Elements { get; init => field = Items.Of(value); } = Items.Of(Elements);

    /// <summary>The path of the element that holds the attribute.</summary>
    internal SettingPath Element => this with { Attribute = null };

    /// <summary>The path of the device that has the setting; null for a setting of the VM itself.</summary>
    internal SettingPath? Device => Elements is [{ Name: "devices" }, { IsDevice: true } device, ..] ? Of(Elements[0], device) : null;

    /// <summary>The path with its keys open, which identifies the setting in <see cref="SettingCatalog"/>.</summary>
    internal string Pattern => _pattern ??=
        string.Join('/', Elements.Select(element => SettingPattern.Text(element.Name, element.Type, element.KeyChild, element.KeyAttribute))) + AttributeText;

    private string? AttributeText => Attribute is null ? null : $"/@{Attribute}";

    /// <summary>The path of an element, with all elements from below <c>&lt;domain&gt;</c> on.</summary>
    public static SettingPath Of(params SettingElement[] elements) => new(elements, null);

    /// <summary>A child element without a key.</summary>
    public SettingPath Child(string name) => new([.. Elements, new SettingElement(name)], null);

    /// <summary>A child element that an attribute distinguishes from its siblings.</summary>
    public SettingPath Child(string name, string keyAttribute, string keyValue) =>
        new([.. Elements, new SettingElement(name, null, keyAttribute, keyValue)], null);

    /// <summary>A child element that only its place distinguishes from its siblings.</summary>
    public SettingPath Child(string name, int index) => new([.. Elements, new SettingElement(name, Index: index)], null);

    /// <summary>An attribute of the element.</summary>
    public SettingPath At(string attribute) => this with { Attribute = attribute };

    /// <summary>The path as XPath.</summary>
    public override string ToString() => _text ??= string.Join('/', Elements) + AttributeText;

    /// <inheritdoc/>
    public bool Equals(SettingPath? other) => other is not null && string.Equals(ToString(), other.ToString(), StringComparison.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(ToString());
}
