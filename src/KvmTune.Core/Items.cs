// Lists and maps of the objects that cmdlets emit: read-only, and with a text that a person can read, in a CSV cell too.
using System.Collections;
using System.Collections.ObjectModel;
using System.Globalization;

// The names are short: these types stand in nearly every property of an object, and people see them in Get-Member.
#pragma warning disable CA1710

namespace KvmTune;

/// <summary>Makes lists of an object's property.</summary>
public static class Items
{
    /// <summary>The list with a readable text; null for null.</summary>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(values))]
    public static Items<T>? Of<T>(IReadOnlyList<T>? values) => values switch
    {
        null => null,
        Items<T> items => items,
        { Count: 0 } => Items<T>.None,
        IList<T> list => new Items<T>(list),
        _ => new Items<T>([.. values]),
    };
}

/// <summary>Ends a query with a list of an object's property.</summary>
public static class ItemsQuery
{
    /// <summary>The list with a readable text.</summary>
    public static Items<T> ToItems<T>(this IEnumerable<T> values) => new([.. values]);
}

/// <summary>A list whose text is its elements, with semicolons between them. It does not change.</summary>
/// <typeparam name="T">The elements.</typeparam>
/// <param name="values">The elements.</param>
public sealed class Items<T>(IList<T> values) : ReadOnlyCollection<T>(values)
{
    // A static member of a generic type is the point here: there is one empty list for each type.
#pragma warning disable CA1000
    /// <summary>The empty list.</summary>
    public static Items<T> None { get; } = new([]);
#pragma warning restore CA1000

    /// <summary>For example <c>vda; vdb</c>.</summary>
    public override string ToString() => string.Join("; ", this.Select(static item => Convert.ToString(item, CultureInfo.InvariantCulture)));
}

/// <summary>Makes maps of an object's property.</summary>
public static class Map
{
    /// <summary>The map with keys and text that can be read; null for null.</summary>
    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(values))]
    public static Map<TKey, TValue>? Of<TKey, TValue>(IReadOnlyDictionary<TKey, TValue>? values)
        where TKey : notnull => values switch
        {
            null => null,
            Map<TKey, TValue> map => map,
            IDictionary<TKey, TValue> dictionary => new Map<TKey, TValue>(dictionary),
            _ => new Map<TKey, TValue>(values.ToDictionary()),
        };
}

/// <summary>
/// A map that does not change. ConvertTo-Json and Export-Clixml, which do not know its type, see the keys as text: JSON has no others.
/// </summary>
/// <typeparam name="TKey">The keys.</typeparam>
/// <typeparam name="TValue">The values.</typeparam>
/// <param name="values">The values by their keys.</param>
public sealed class Map<TKey, TValue>(IDictionary<TKey, TValue> values) : ReadOnlyDictionary<TKey, TValue>(values), IDictionary
    where TKey : notnull
{
    // As in Items.
#pragma warning disable CA1000
    /// <summary>The empty map.</summary>
    public static Map<TKey, TValue> None { get; } = new(new Dictionary<TKey, TValue>());
#pragma warning restore CA1000

    /// <summary>For example <c>0=2; 1=4</c>.</summary>
    public override string ToString() => string.Join("; ", this.Select(static pair => $"{Text(pair.Key)}={Text(pair.Value)}"));

    /// <inheritdoc/>
    IDictionaryEnumerator IDictionary.GetEnumerator()
    {
        // Their order is the map's.
        var texts = new System.Collections.Specialized.OrderedDictionary(Count, StringComparer.Ordinal);
        foreach (var (key, value) in this)
        {
            texts.Add(Text(key), value);
        }

        return texts.GetEnumerator();
    }

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty;
}
