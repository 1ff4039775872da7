// A string that libvirt allocated, read without a copy; ToString makes a managed string.
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace KvmTune.Libvirt;

/// <summary>
/// UTF-8 text in memory that libvirt allocated, freed on <see cref="Dispose"/>. For large texts that are parsed from their bytes, such as the XML
/// of ten thousand domains.
/// </summary>
public sealed unsafe class NativeUtf8String : IDisposable
{
    private readonly Buffer _buffer;

    internal NativeUtf8String(nint pointer)
    {
        _buffer = new Buffer(pointer);
        Length = LengthOf(pointer);
    }

    /// <summary>The length in bytes, without the closing zero.</summary>
    public int Length { get; }

    /// <summary>The bytes themselves. <see cref="Dispose"/> frees them: do not keep the span.</summary>
    public ReadOnlySpan<byte> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(_buffer.IsClosed, this);
            return new ReadOnlySpan<byte>((void*)_buffer.DangerousGetHandle(), Length);
        }
    }

    /// <summary>The text as a string.</summary>
    public override string ToString()
    {
        var text = Encoding.UTF8.GetString(Span);
        GC.KeepAlive(this);
        return text;
    }

    /// <summary>Frees the text.</summary>
    public void Dispose() => _buffer.Dispose();

    /// <summary>Reads a string that libvirt allocated for the caller, and frees it with C's <c>free</c>.</summary>
    internal static string Take(nint pointer)
    {
        try
        {
            return Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)pointer));
        }
        finally
        {
            NativeMemory.Free((void*)pointer);
        }
    }

    /// <summary>Checks a string for a native function, which would silently cut it off at an embedded zero.</summary>
    /// <exception cref="ArgumentException">The string contains U+0000.</exception>
    internal static string RequireNoNull(string value, string parameterName)
    {
        ArgumentNullException.ThrowIfNull(value, parameterName);
        return value.Contains('\0', StringComparison.Ordinal)
            ? throw new ArgumentException("The text contains the character U+0000, which libvirt cannot take.", parameterName)
            : value;
    }

    private static int LengthOf(nint pointer)
        => MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)pointer).Length;

    private sealed class Buffer : SafeHandleZeroOrMinusOneIsInvalid
    {
        public Buffer(nint pointer)
            : base(ownsHandle: true) => SetHandle(pointer);

        protected override bool ReleaseHandle()
        {
            NativeMemory.Free((void*)handle);
            return true;
        }
    }
}
