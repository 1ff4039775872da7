// Small steps over an XmlCursor that the domain reader is made of: the children of an element, numbers, CPU sets, sizes.
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>Forward steps over an <see cref="XmlCursor"/>.</summary>
internal static class XmlReading
{
    /// <summary>
    /// The names of the child elements of the element that the reader stands on, the reader standing on each in turn. A body
    /// may read into the child or not: what it leaves is passed over. Afterwards the reader stands on the element's end.
    /// </summary>
    public static ChildElements Children(this XmlCursor reader) => new(reader);

    /// <summary>An attribute as a number; null when it is absent or not a number.</summary>
    public static int? Number(this XmlCursor reader, string attribute) =>
        int.TryParse(reader.GetAttribute(attribute), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>An attribute as a set of CPUs or nodes; null when it is absent or not in libvirt's list syntax.</summary>
    public static CpuSet? CpuSet(this XmlCursor reader, string attribute) =>
        Topology.CpuSet.TryParse(reader.GetAttribute(attribute), out var set) ? set : null;

    /// <summary>The element's text as a memory size in KiB, in the unit that its <c>unit</c> attribute names.</summary>
    public static long MemoryKiB(this XmlCursor reader)
    {
        var unit = reader.GetAttribute("unit");
        return ToKiB(reader.Text(), unit);
    }

    /// <summary>A size in KiB (rounded up); units as in libvirt's formatdomain: KiB without one; b, KB, MB as powers of ten.</summary>
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

    /// <summary>The child elements of one element; made for foreach.</summary>
    public readonly struct ChildElements(XmlCursor reader)
    {
        /// <summary>Starts at the element that the reader stands on now.</summary>
        public Enumerator GetEnumerator() => new(reader);
    }

    /// <summary>Steps from child to child.</summary>
    public readonly struct Enumerator(XmlCursor reader)
    {
        private readonly int _depth = reader.Depth;
        private readonly bool _isEmpty = reader.IsEmptyElement;

        /// <summary>The name of the child that the reader stands on.</summary>
        public string Current => reader.Name;

        /// <summary>Moves the reader to the next child element; false at the parent's end.</summary>
        public bool MoveNext() => !_isEmpty && reader.MoveToChild(_depth);
    }
}
