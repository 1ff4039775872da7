// A forward-only cursor over the UTF-8 bytes of a document from libvirt. System.Xml's reader takes longer than libvirt needs to
// write the document: it decodes everything, while an inventory uses a fifth of it.
using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Xml;

namespace KvmTune.Topology;

/// <summary>
/// Moves from start tag to start tag. Names and values become strings only on request. Elements must be nested and closed, otherwise
/// an <see cref="XmlException"/> is thrown; document types are refused; names include their prefix. Skipped parts are not checked
/// further: they come from libvirt, which has parsed them before.
/// </summary>
internal sealed class XmlCursor(byte[] buffer, int length)
{
    private static readonly SearchValues<byte> NameEnd = SearchValues.Create(" \t\r\n/>="u8);

    // The positions of the open elements' names; only the first Depth entries count.
    private (int Start, int End)[] _open = new (int, int)[16];
    private int _position = StartOf(buffer.AsSpan(0, length));
    private (int Start, int End) _name;
    private (int Start, int End) _attributes;

    private enum Tag
    {
        Start,
        End,
        None,
    }

    /// <summary>The number of open elements; an element without content is never open.</summary>
    public int Depth { get; private set; }

    /// <summary>Whether the element at the cursor has the form <c>&lt;a/&gt;</c>.</summary>
    public bool IsEmptyElement { get; private set; }

    /// <summary>The name of the element at the cursor.</summary>
    public string Name => XmlWords.Get(buffer.AsSpan(_name.Start, _name.End - _name.Start));

    /// <summary>Reads a document with a cursor over its text.</summary>
    public static T Over<T>(string xml, Func<XmlCursor, T> read)
    {
        ArgumentNullException.ThrowIfNull(xml);
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(xml.Length));
        try
        {
            return read(new XmlCursor(buffer, Encoding.UTF8.GetBytes(xml, buffer)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads a document with a cursor over its UTF-8 bytes.</summary>
    public static T Over<T>(ReadOnlySpan<byte> utf8, Func<XmlCursor, T> read)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(utf8.Length);
        try
        {
            utf8.CopyTo(buffer);
            return read(new XmlCursor(buffer, utf8.Length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Moves to the root element.</summary>
    public void MoveToRoot()
    {
        var text = buffer.AsSpan(_position, length - _position).IndexOf((byte)'<');
        if (text < 0 || !IsBlank(_position, _position + text))
        {
            throw Error("The document does not begin with an element");
        }

        if (NextTag(null) != Tag.Start)
        {
            throw Error("There is no root element");
        }
    }

    /// <summary>Moves to the next child of an element, and skips the unread rest of the previous child.</summary>
    /// <param name="depth">The <see cref="Depth"/> when the cursor was at the parent.</param>
    /// <returns>False at the end of the parent.</returns>
    public bool MoveToChild(int depth)
    {
        while (true)
        {
            var before = Depth;
            switch (NextTag(null))
            {
                case Tag.Start when before == depth:
                    return true;
                case Tag.End when Depth < depth:
                    return false;
                case Tag.None:
                    throw Error("The document ends within an element");
            }
        }
    }

    /// <summary>The text of the element at the cursor, including the text of nested elements; the cursor moves to the element's end.</summary>
    public string Text()
    {
        if (IsEmptyElement)
        {
            return string.Empty;
        }

        // The most frequent case: plain text and the end tag.
        var depth = Depth;
        var start = _position;
        var end = buffer.AsSpan(start, length - start).IndexOf((byte)'<');
        if (end >= 0 && start + end + 1 < length && buffer[start + end + 1] == '/')
        {
            _position += end;
            _ = NextTag(null);
            return IsBlank(start, start + end) ? string.Empty : Value(start, start + end, isAttribute: false);
        }

        var text = new StringBuilder();
        while (Depth >= depth)
        {
            if (NextTag(text) == Tag.None)
            {
                throw Error("The document ends within an element");
            }
        }

        return text.ToString();
    }

    /// <summary>The value of an attribute of the element at the cursor; null if it does not exist.</summary>
    /// <param name="name">The name, in ASCII.</param>
    public string? GetAttribute(string name) =>
        TryFind(name, out var start, out var end) ? Value(start, end, isAttribute: true) : null;

    private static int StartOf(ReadOnlySpan<byte> document) => document.StartsWith("\uFEFF"u8) ? 3 : 0;

    private bool TryFind(string name, out int start, out int end)
    {
        for (var at = _attributes.Start; ;)
        {
            while (at < _attributes.End && IsSpace(buffer[at]))
            {
                at++;
            }

            if (at >= _attributes.End)
            {
                start = end = 0;
                return false;
            }

            var nameLength = buffer.AsSpan(at, _attributes.End - at).IndexOfAny(NameEnd);
            var quote = nameLength < 0 ? -1 : at + nameLength;
            while (quote >= 0 && quote < _attributes.End && (IsSpace(buffer[quote]) || buffer[quote] == '='))
            {
                quote++;
            }

            if (quote < 0 || quote >= _attributes.End || buffer[quote] is not ((byte)'\'' or (byte)'"'))
            {
                throw Error("An attribute has no value");
            }

            start = quote + 1;
            end = start + buffer.AsSpan(start, _attributes.End - start).IndexOf(buffer[quote]);
            if (Ascii.Equals(buffer.AsSpan(at, nameLength), name))
            {
                return true;
            }

            at = end + 1;
        }
    }

    // Moves behind the next tag and skips text, CDATA, comments and processing instructions before it. If there is a builder, it gets the
    // text, unless that is only white space.
    private Tag NextTag(StringBuilder? text)
    {
        while (true)
        {
            var offset = buffer.AsSpan(_position, length - _position).IndexOf((byte)'<');
            if (offset < 0)
            {
                return Tag.None;
            }

            var at = _position + offset + 1;
            if (text is not null && !IsBlank(_position, at - 1))
            {
                text.Append(Value(_position, at - 1, isAttribute: false));
            }

            switch (at < length ? buffer[at] : (byte)0)
            {
                case (byte)'/':
                    return EndTag(at + 1);
                case (byte)'?':
                    _position = Behind("?>"u8, at);
                    break;
                case (byte)'!' when buffer.AsSpan(at, length - at).StartsWith("!--"u8):
                    _position = Behind("-->"u8, at + 3);
                    break;
                case (byte)'!' when buffer.AsSpan(at, length - at).StartsWith("![CDATA["u8):
                    _position = Behind("]]>"u8, at);
                    text?.Append(Encoding.UTF8.GetString(buffer.AsSpan(at + 8, _position - 3 - at - 8)));
                    break;
                case (byte)'!':
                    throw Error("Document types are not allowed");
                default:
                    return StartTag(at);
            }
        }
    }

    private Tag StartTag(int at)
    {
        var nameLength = buffer.AsSpan(at, length - at).IndexOfAny(NameEnd);
        if (nameLength <= 0)
        {
            throw Error("A tag has no name or no end");
        }

        _name = (at, at + nameLength);
        var end = EndOfTag(at + nameLength);
        IsEmptyElement = buffer[end - 1] == '/';
        _attributes = (at + nameLength, IsEmptyElement ? end - 1 : end);
        _position = end + 1;
        if (!IsEmptyElement)
        {
            if (Depth == _open.Length)
            {
                Array.Resize(ref _open, Depth * 2);
            }

            _open[Depth++] = _name;
        }

        return Tag.Start;
    }

    // The position of the > that ends a tag; a > inside quotes does not.
    private int EndOfTag(int from)
    {
        var tag = buffer.AsSpan(from, length - from);
        var end = tag.IndexOf((byte)'>');
        if (end >= 0 && IsClosed(tag[..end]))
        {
            return from + end;
        }

        for (end = 0; end < tag.Length && tag[end] != '>'; end++)
        {
            if (tag[end] is (byte)'\'' or (byte)'"')
            {
                var closing = tag[(end + 1)..].IndexOf(tag[end]);
                end = closing < 0 ? tag.Length : end + 1 + closing;
            }
        }

        return end < tag.Length ? from + end : throw Error("A tag does not end");
    }

    // Whether all quotes in the head of a tag are closed, for the simple case: only one kind of quote, as in libvirt's documents.
    private static bool IsClosed(ReadOnlySpan<byte> head)
    {
        var single = head.Count((byte)'\'');
        var twofold = head.Count((byte)'"');
        return (single & 1) == 0 && (twofold & 1) == 0 && (single == 0 || twofold == 0);
    }

    private Tag EndTag(int at)
    {
        var end = buffer.AsSpan(at, length - at).IndexOf((byte)'>');
        var (start, stop) = Depth > 0 ? _open[Depth - 1] : (0, 0);
        var name = buffer.AsSpan(start, stop - start);
        if (end < 0 || Depth == 0 || !buffer.AsSpan(at, end).StartsWith(name) || !IsBlank(at + name.Length, at + end))
        {
            throw Error(Depth == 0 ? "An end tag closes nothing" : $"An end tag does not close <{Encoding.UTF8.GetString(name)}>");
        }

        Depth--;
        _position = at + end + 1;
        return Tag.End;
    }

    private int Behind(ReadOnlySpan<byte> mark, int from)
    {
        var offset = buffer.AsSpan(from, length - from).IndexOf(mark);
        return offset < 0 ? throw Error("A comment, CDATA section or instruction does not end") : from + offset + mark.Length;
    }

    private bool IsBlank(int start, int end)
    {
        for (var at = start; at < end; at++)
        {
            if (!IsSpace(buffer[at]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsSpace(byte character) => character is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';

    private string Value(int start, int end, bool isAttribute)
    {
        var raw = buffer.AsSpan(start, end - start);
        var text = raw.IndexOfAny("&\r\n\t"u8) < 0
            ? XmlWords.Get(raw)
            : XmlText.Decode(Encoding.UTF8.GetString(raw), isAttribute) ?? throw Error("An entity is not known");

        // XML allows C1 control characters and characters that change the direction of text. They are replaced, because values are displayed.
        return Ascii.IsValid(raw) && !raw.Contains((byte)'&') ? text : TerminalText.Of(text);
    }

    private XmlException Error(string message)
    {
        var before = buffer.AsSpan(0, Math.Min(_position, length));
        var line = before.Count((byte)'\n') + 1;
        return new XmlException(message, null, line, before.Length - before.LastIndexOf((byte)'\n'));
    }
}
