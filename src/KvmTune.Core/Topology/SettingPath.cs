// The address of one setting in a domain XML: elements from <domain> down, some with a key that selects one of several siblings.
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>One element on the way to a setting.</summary>
/// <param name="Name">The element's name.</param>
/// <param name="KeyChild">The child element that holds the key, for example <c>target</c> of a disk; null when the element itself does.</param>
/// <param name="KeyAttribute">The attribute that tells the element from its siblings, for example <c>vcpu</c>; null when there is one such element at most.</param>
/// <param name="KeyValue">The value of that attribute.</param>
/// <param name="Index">Which of the siblings that match is meant, counted from 0: for siblings that nothing else tells apart.</param>
/// <param name="Type">The value of the attribute <c>type</c>, for devices whose key is unique only within their type (controllers).</param>
public sealed record SettingElement(
    string Name, string? KeyChild = null, string? KeyAttribute = null, string? KeyValue = null, int Index = 0, string? Type = null)
{
    /// <summary>Whether it is a device: an edit of its settings never makes one.</summary>
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
    /// <summary>The path of the element that holds the attribute.</summary>
    internal SettingPath Element => this with { Attribute = null };

    /// <summary>The path with its keys open, by which <see cref="SettingCatalog"/> knows the setting.</summary>
    internal string Pattern
    {
        get
        {
            var steps = Elements.Select(element => SettingPattern.Text(element.Name, element.Type, element.KeyChild, element.KeyAttribute));
            return string.Join('/', steps) + (Attribute is null ? null : $"/@{Attribute}");
        }
    }

    /// <summary>An element directly below <c>&lt;domain&gt;</c>.</summary>
    public static SettingPath Of(params SettingElement[] elements) => new(elements, null);

    /// <summary>An element that needs no key, one step deeper.</summary>
    public SettingPath Child(string name) => new([.. Elements, new SettingElement(name)], null);

    /// <summary>An element that an attribute tells from its siblings, one step deeper.</summary>
    public SettingPath Child(string name, string keyAttribute, string keyValue) =>
        new([.. Elements, new SettingElement(name, null, keyAttribute, keyValue)], null);

    /// <summary>One of several elements that only their order tells apart, one step deeper.</summary>
    public SettingPath Child(string name, int index) => new([.. Elements, new SettingElement(name, Index: index)], null);

    /// <summary>An attribute of the element.</summary>
    public SettingPath At(string attribute) => this with { Attribute = attribute };

    /// <summary>The path as XPath.</summary>
    public override string ToString() => string.Join('/', Elements) + (Attribute is null ? null : $"/@{Attribute}");

    /// <inheritdoc/>
    public bool Equals(SettingPath? other) => other is not null && string.Equals(ToString(), other.ToString(), StringComparison.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(ToString());
}
