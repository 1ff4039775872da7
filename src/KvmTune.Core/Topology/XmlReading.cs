// Helpers for the domain reader on an XmlCursor: the children of an element, numbers, CPU sets, sizes.
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>Forward reading with an <see cref="XmlCursor"/>.</summary>
internal static class XmlReading
{
    /// <summary>
    /// The names of the child elements of the element at the reader, with the reader at each child in turn. The loop's body may read the
    /// child or not: the unread rest is skipped. Afterwards the reader is at the element's end.
    /// </summary>
    public static ChildElements Children(this XmlCursor reader) => new(reader);

    /// <summary>An attribute as a number; null if it does not exist or is not a number.</summary>
    public static int? Number(this XmlCursor reader, string attribute) =>
        int.TryParse(reader.GetAttribute(attribute), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>An attribute as a set of CPUs or nodes; null if it does not exist or is not in libvirt's list syntax.</summary>
    public static CpuSet? CpuSet(this XmlCursor reader, string attribute) =>
        Topology.CpuSet.TryParse(reader.GetAttribute(attribute), out var set) ? set : null;

    /// <summary>The element's text as a memory size in KiB, converted from its <c>unit</c> attribute.</summary>
    public static long MemoryKiB(this XmlCursor reader)
    {
        var unit = reader.GetAttribute("unit");
        return ToKiB(reader.Text(), unit);
    }

    /// <summary>A size in KiB (rounded up); units as in libvirt's formatdomain: no unit means KiB; b, KB, MB are powers of ten.</summary>
    public static long ToKiB(string? amount, string? unit)
    {
        if (!decimal.TryParse(amount, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value))
        {
            return 0;
        }

        decimal bytes = (unit?.ToUpperInvariant() ?? "KIB") switch
        {
            "B" or "BYTES" => 1m,
            "KB" => 1000m,
            "MB" => 1000m * 1000,
            "GB" => 1000m * 1000 * 1000,
            "TB" => 1000m * 1000 * 1000 * 1000,
            "M" or "MIB" => 1024m * 1024,
            "G" or "GIB" => 1024m * 1024 * 1024,
            "T" or "TIB" => 1024m * 1024 * 1024 * 1024,
            "P" or "PIB" => 1024m * 1024 * 1024 * 1024 * 1024,
            "E" or "EIB" => 1024m * 1024 * 1024 * 1024 * 1024 * 1024,
            _ => 1024m,
        };
        var kibibytes = decimal.Ceiling(value * bytes / 1024);
        return kibibytes > long.MaxValue ? long.MaxValue : (long)kibibytes;
    }

    /// <summary>The child elements of one element, for foreach.</summary>
    public readonly struct ChildElements(XmlCursor reader)
    {
        /// <summary>Starts at the element at the reader.</summary>
        public Enumerator GetEnumerator() => new(reader);
    }

    /// <summary>Moves from child to child.</summary>
    public readonly struct Enumerator(XmlCursor reader)
    {
        private readonly int _depth = reader.Depth;
        private readonly bool _isEmpty = reader.IsEmptyElement;

        /// <summary>The name of the child at the reader.</summary>
        public string Current => reader.Name;

        /// <summary>Moves the reader to the next child element; false at the end of the parent.</summary>
        public bool MoveNext() => !_isEmpty && reader.MoveToChild(_depth);
    }
}
