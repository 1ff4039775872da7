// The files that QEMU opens for a disk: the image, and the files that its headers name, down to the end of the chain.
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace KvmTune.Hosts;

/// <summary>The files behind an image.</summary>
/// <param name="Files">The files, the image first.</param>
/// <param name="Unknown">The parts that could not be followed, in words.</param>
internal sealed record ImageChain(IReadOnlyList<string> Files, IReadOnlyList<string> Unknown)
{
    // libvirt follows no longer chain (VIR_STORAGE_SOURCE_MAX_CHAIN_DEPTH, 200).
    private const int Longest = 200;

    // docs/interop/qcow2.txt of QEMU: a header of at most 4 KiB here, extensions after it, then the name of the backing file.
    private const int HeaderBytes = 64 * 1024;
    private const uint Magic = 0x514649FB;
    private const uint DataFileExtension = 0x44415441;
    private const uint BackingFormatExtension = 0xE2792ACA;
    private const ulong HasDataFile = 1 << 2;

    // Formats that name no other file, or none that QEMU would open.
    private static readonly string[] WithoutChain = ["raw", "luks", "vdi", "vpc", "vhdx", "iso", "dmg", "cloop", "bochs", "ploop", "parallels"];

    /// <summary>Follows an image.</summary>
    /// <param name="image">Its path.</param>
    /// <param name="format">Its format in the domain XML. libvirt treats an image without a format as raw, and follows no raw image.</param>
    public static ImageChain Of(string image, string? format)
    {
        var files = new List<string>();
        var unknown = new List<string>();
        Follow(image, format ?? "raw");
        return new ImageChain(files, unknown);

        void Follow(string path, string? format)
        {
            if (files.Contains(path, StringComparer.Ordinal))
            {
                return;
            }

            if (files.Count == Longest)
            {
                unknown.Add($"{path}, since the chain before it is longer than libvirt follows one");
                return;
            }

            files.Add(path);
            if (format is not null && WithoutChain.Contains(format, StringComparer.Ordinal))
            {
                return;
            }

            if (ImageFile.ReadStart(path, HeaderBytes) is not { } header)
            {
                unknown.Add($"what lies behind {path}, which cannot be read");
                return;
            }

            var named = Named(header, out var isWhole);
            if (!isWhole && (format is not null || IsQcow(header)))
            {
                unknown.Add($"what lies behind {path}, whose header cannot be read to its end{(format is null ? null : $" (format {TerminalText.Line(format)})")}");
            }

            foreach (var (name, itsFormat) in named)
            {
                if (Resolve(name, path) is { } next)
                {
                    Follow(next, itsFormat);
                }
                else
                {
                    unknown.Add($"'{TerminalText.Line(name)}', which {path} names and which is not a file of this machine");
                }
            }
        }
    }

    /// <summary>The files that a qcow2 or qcow header names, with their format if the header has it.</summary>
    /// <param name="header">The beginning of the image.</param>
    /// <param name="isWhole">Whether everything that the header names was read; also false if it is no such header.</param>
    internal static IReadOnlyList<(string Name, string? Format)> Named(ReadOnlySpan<byte> header, out bool isWhole)
    {
        isWhole = IsQcow(header);
        if (!isWhole)
        {
            return [];
        }

        // Magic, version, offset and length of the backing file's name: the same in qcow and qcow2.
        var version = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        var offset = BinaryPrimitives.ReadUInt64BigEndian(header[8..]);
        var length = BinaryPrimitives.ReadUInt32BigEndian(header[16..]);
        var named = new List<(string, string?)>();
        string? backingFormat = null;
        if (version >= 2)
        {
            var features = version >= 3 ? BinaryPrimitives.ReadUInt64BigEndian(header[72..]) : 0;
            long at = version >= 3 ? BinaryPrimitives.ReadUInt32BigEndian(header[100..]) : 72;
            isWhole = version < 3 || at >= 104;

            // The extensions end at the name of the backing file, if there is one.
            var end = offset > 0 ? (long)Math.Min(offset, (ulong)header.Length) : header.Length;
            while (isWhole && at <= end - 8)
            {
                var type = BinaryPrimitives.ReadUInt32BigEndian(header[(int)at..]);
                var size = BinaryPrimitives.ReadUInt32BigEndian(header[((int)at + 4)..]);
                if (type == 0)
                {
                    break;
                }

                if (size > end - at - 8)
                {
                    isWhole = false;
                    break;
                }

                var text = Encoding.UTF8.GetString(header.Slice((int)at + 8, (int)size));
                switch (type)
                {
                    case BackingFormatExtension:
                        backingFormat = text;
                        break;
                    case DataFileExtension when (features & HasDataFile) != 0:
                        named.Add((text, "raw"));
                        break;
                }

                at += 8 + ((size + 7) & ~7u);
            }

            isWhole &= (features & HasDataFile) == 0 || named.Count > 0;
        }

        if (offset == 0)
        {
            return named;
        }

        if (length is > 0 and < 1024 && offset < (ulong)header.Length && offset + length <= (ulong)header.Length)
        {
            named.Add((Encoding.UTF8.GetString(header.Slice((int)offset, (int)length)), backingFormat));
        }
        else
        {
            isWhole = false;
        }

        return named;
    }

    private static bool IsQcow(ReadOnlySpan<byte> header) => header.Length >= 104 && BinaryPrimitives.ReadUInt32BigEndian(header) == Magic;

    // A name is a path from the image's folder, "file:PATH", or "json:{…}" with a file in it; a name with another protocol is not on this machine.
    private static string? Resolve(string name, string image)
    {
        if (name.Contains('\0', StringComparison.Ordinal))
        {
            return null;
        }

        if (name.StartsWith("json:", StringComparison.Ordinal))
        {
            return FileIn(name["json:".Length..]) is { } file ? Resolve(file, image) : null;
        }

        var path = name.StartsWith("file:", StringComparison.Ordinal) ? name["file:".Length..] : name;
        var colon = path.IndexOf(':', StringComparison.Ordinal);
        return path.Length == 0 || (colon >= 0 && path.IndexOf('/', StringComparison.Ordinal) is var slash && (slash < 0 || colon < slash))
            ? null
            // Like QEMU: the kernel resolves "..", because it may follow a link.
            : Path.Combine(Path.GetDirectoryName(image) ?? "/", path);
    }

    private static string? FileIn(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var at = document.RootElement;
            while (at.ValueKind == JsonValueKind.Object)
            {
                if ((at.TryGetProperty("filename", out var name) || at.TryGetProperty("file.filename", out name)) && name.ValueKind == JsonValueKind.String)
                {
                    return name.GetString();
                }

                if (!at.TryGetProperty("file", out at))
                {
                    return null;
                }
            }

            return null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
