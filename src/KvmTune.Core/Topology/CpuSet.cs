// A set of CPU numbers (host CPUs, vCPUs or NUMA nodes) that reads and writes libvirt's list syntax.
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace KvmTune.Topology;

/// <summary>
/// An immutable set of numbers in libvirt's list syntax: <c>0-3,^1,8</c>. The list is evaluated from left to right, as
/// described in the virsh manual for <c>vcpupin</c>: <c>^8,0-15</c> contains 8, <c>0-15,^8</c> does not.
/// </summary>
public sealed class CpuSet : IEquatable<CpuSet>
{
    /// <summary>The largest number that a set can hold: libvirt's own limit (VIR_DOMAIN_CPUMASK_LEN is 16384).</summary>
    public const int MaxNumber = 16383;

    private const int BitsPerWord = 64;
    private const int WordsOfLargestSet = (MaxNumber + 1) / BitsPerWord;
    private readonly ulong[] _words;

    /// <summary>The empty set.</summary>
    public static CpuSet Empty { get; } = new([]);

    /// <summary>Reads libvirt's list syntax.</summary>
    /// <param name="list">For example <c>2</c>, <c>0-3,^1,8</c>. White space around numbers is allowed; an empty list is the empty set.</param>
    /// <exception cref="FormatException">The list is not in that syntax.</exception>
    public CpuSet(string list)
        : this(ParseWords(list))
    {
    }

    /// <summary>A set of one number.</summary>
    /// <exception cref="FormatException">The number is negative or above <see cref="MaxNumber"/>.</exception>
    public CpuSet(int number)
        : this(Fill([number]))
    {
    }

    private CpuSet(ulong[] words) => _words = words;

    /// <summary>The set in libvirt's list syntax, for example <c>0-3,8</c>.</summary>
    public string Text => ToString();

    /// <summary>The number of members.</summary>
    public int Count => _words.Sum(BitOperations.PopCount);

    /// <summary>Whether the set is empty.</summary>
    public bool IsEmpty => _words.Length == 0;

    /// <summary>The numbers, ascending.</summary>
    public IReadOnlyList<int> Numbers
    {
        get
        {
            var numbers = new List<int>();
            for (var word = 0; word < _words.Length; word++)
            {
                for (var bits = _words[word]; bits != 0; bits &= bits - 1)
                {
                    numbers.Add((word * BitsPerWord) + BitOperations.TrailingZeroCount(bits));
                }
            }

            return new Items<int>(numbers);
        }
    }

    /// <summary>Reads libvirt's list syntax. It is the same as the constructor, with the name that converters look for.</summary>
    /// <exception cref="FormatException">The list is not in that syntax.</exception>
    public static CpuSet Parse(string list) => new(list);

    /// <summary>Tries to read libvirt's list syntax.</summary>
    public static bool TryParse(string? list, [NotNullWhen(true)] out CpuSet? set)
    {
        set = null;
        if (list is null)
        {
            return false;
        }

        try
        {
            set = new CpuSet(list);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>The set of the given numbers; duplicates count once.</summary>
    /// <exception cref="FormatException">A number is negative or above <see cref="MaxNumber"/>.</exception>
    public static CpuSet Of(IEnumerable<int> numbers) => new(Fill(numbers));

    /// <summary>The set of the indices that are true: libvirt's form of CPU maps.</summary>
    public static CpuSet FromMap(ReadOnlySpan<bool> map)
    {
        var words = new ulong[(map.Length + BitsPerWord - 1) / BitsPerWord];
        for (var number = 0; number < map.Length; number++)
        {
            if (map[number])
            {
                words[number / BitsPerWord] |= 1UL << (number % BitsPerWord);
            }
        }

        return new CpuSet(Trim(words));
    }

    /// <summary>The set as a map of the given length; numbers beyond it are left out.</summary>
    public bool[] ToMap(int length)
    {
        var map = new bool[length];
        foreach (var number in Numbers)
        {
            if (number < length)
            {
                map[number] = true;
            }
        }

        return map;
    }

    /// <summary>Whether the set holds the number.</summary>
    public bool Contains(int number) =>
        number >= 0 && number / BitsPerWord < _words.Length && (_words[number / BitsPerWord] >> (number % BitsPerWord) & 1) == 1;

    /// <summary>Whether every number of this set is in the other one too.</summary>
    public bool IsSubsetOf(CpuSet other)
    {
        for (var word = 0; word < _words.Length; word++)
        {
            if ((_words[word] & ~(word < other._words.Length ? other._words[word] : 0)) != 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether the two sets have a number in common.</summary>
    public bool Overlaps(CpuSet other) => !Intersect(other).IsEmpty;

    /// <summary>The numbers that are in both sets.</summary>
    public CpuSet Intersect(CpuSet other) => Combine(other, static (a, b) => a & b);

    /// <summary>The numbers that are in one of the sets or in both.</summary>
    public CpuSet Union(CpuSet other) => Combine(other, static (a, b) => a | b);

    /// <summary>The numbers of this set that are not in the other one.</summary>
    public CpuSet Except(CpuSet other) => Combine(other, static (a, b) => a & ~b);

    /// <summary>The list in libvirt's syntax, with consecutive numbers as ranges: <c>0,2-8</c>; empty for the empty set.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        var numbers = Numbers;
        for (var first = 0; first < numbers.Count;)
        {
            var last = first;
            while (last + 1 < numbers.Count && numbers[last + 1] == numbers[last] + 1)
            {
                last++;
            }

            text.Append(text.Length > 0 ? "," : null).Append(CultureInfo.InvariantCulture, $"{numbers[first]}");
            if (last > first)
            {
                text.Append(CultureInfo.InvariantCulture, $"-{numbers[last]}");
            }

            first = last + 1;
        }

        return text.ToString();
    }

    /// <inheritdoc/>
    public bool Equals(CpuSet? other) => other is not null && _words.AsSpan().SequenceEqual(other._words);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CpuSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var word in _words)
        {
            hash.Add(word);
        }

        return hash.ToHashCode();
    }

    /// <summary>Whether two sets hold the same numbers.</summary>
    public static bool operator ==(CpuSet? left, CpuSet? right) => left is null ? right is null : left.Equals(right);

    /// <summary>Whether two sets differ.</summary>
    public static bool operator !=(CpuSet? left, CpuSet? right) => !(left == right);

    private CpuSet Combine(CpuSet other, Func<ulong, ulong, ulong> combine)
    {
        var words = new ulong[Math.Max(_words.Length, other._words.Length)];
        for (var word = 0; word < words.Length; word++)
        {
            words[word] = combine(
                word < _words.Length ? _words[word] : 0,
                word < other._words.Length ? other._words[word] : 0);
        }

        return new CpuSet(Trim(words));
    }

    private static ulong[] ParseWords(string list)
    {
        ArgumentNullException.ThrowIfNull(list);
        if (string.IsNullOrWhiteSpace(list))
        {
            return [];
        }

        Span<ulong> words = stackalloc ulong[WordsOfLargestSet];
        words.Clear();
        for (var rest = list.AsSpan(); ;)
        {
            var comma = rest.IndexOf(',');
            var item = (comma < 0 ? rest : rest[..comma]).Trim();
            var exclude = item.StartsWith("^");
            if (exclude)
            {
                item = item[1..];
            }

            // libvirt excludes only single numbers (virBitmapParse) and refuses a range after ^; so does this class.
            var dash = exclude ? -1 : item.IndexOf('-');
            var first = ParseNumber(dash < 0 ? item : item[..dash], list);
            var last = dash < 0 ? first : ParseNumber(item[(dash + 1)..], list);
            if (last < first)
            {
                throw new FormatException($"'{list}' is not a list of numbers: the range {first}-{last} runs backwards. Write {last}-{first}.");
            }

            for (var number = first; number <= last; number++)
            {
                var bit = 1UL << (number % BitsPerWord);
                words[number / BitsPerWord] = exclude ? words[number / BitsPerWord] & ~bit : words[number / BitsPerWord] | bit;
            }

            if (comma < 0)
            {
                return Trim(words);
            }

            rest = rest[(comma + 1)..];
        }
    }

    private static int ParseNumber(ReadOnlySpan<char> digits, string list)
    {
        if (!int.TryParse(digits.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > MaxNumber)
        {
            throw new FormatException(
                $"'{list}' is not a list of numbers{(digits.Trim().SequenceEqual(list) ? null : $": '{digits}' is not a number")} from 0 to {MaxNumber}. Write numbers, ranges and exclusions, for example 0-3,^1,8.");
        }

        return number;
    }

    private static ulong[] Fill(IEnumerable<int> numbers)
    {
        Span<ulong> words = stackalloc ulong[WordsOfLargestSet];
        words.Clear();
        foreach (var number in numbers)
        {
            if (number is < 0 or > MaxNumber)
            {
                throw new FormatException($"{number} is not a CPU number: it must be from 0 to {MaxNumber}.");
            }

            words[number / BitsPerWord] |= 1UL << (number % BitsPerWord);
        }

        return Trim(words);
    }

    private static ulong[] Trim(ReadOnlySpan<ulong> words) => words.TrimEnd(0UL).ToArray();
}
