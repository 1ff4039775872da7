// libvirt's typed parameters (virTypedParameter): named values of seven types, read into and written from .NET values.
using System.Runtime.InteropServices;
using System.Text;

namespace KvmTune.Libvirt;

/// <summary>The memory layout of one <c>virTypedParameter</c>: 96 bytes on a 64-bit machine (libvirt-common.h).</summary>
[StructLayout(LayoutKind.Explicit, Size = 96)]
internal unsafe struct NativeTypedParameter
{
    public const int FieldLength = 80;

    [FieldOffset(0)]
    public fixed byte Field[FieldLength];

    [FieldOffset(80)]
    public ParameterType Type;

    [FieldOffset(88)]
    public int Int32;

    [FieldOffset(88)]
    public uint UInt32;

    [FieldOffset(88)]
    public long Int64;

    [FieldOffset(88)]
    public ulong UInt64;

    [FieldOffset(88)]
    public double Double;

    [FieldOffset(88)]
    public sbyte Boolean;

    [FieldOffset(88)]
    public byte* String;
}

/// <summary>The values of <c>virTypedParameterType</c>.</summary>
internal enum ParameterType
{
    None = 0,
    Int32 = 1,
    UInt32 = 2,
    Int64 = 3,
    UInt64 = 4,
    Double = 5,
    Boolean = 6,
    String = 7,
}

internal static unsafe partial class TypedParameters
{
    /// <summary>A native function that returns the number of parameters (for null) or fills them in.</summary>
    public delegate int Reader(NativeTypedParameter* parameters, ref int count);

    /// <summary>Reads the number of parameters, allocates memory for them, and reads them.</summary>
    public static IReadOnlyDictionary<string, object> Read(Reader reader, string function, ConnectionHandle connection)
    {
        var room = 0;
        LibvirtError.Check(reader(null, ref room), connection, function);
        if (room == 0)
        {
            return new Dictionary<string, object>(StringComparer.Ordinal);
        }

        var parameters = Allocate(room);
        try
        {
            var count = room;
            LibvirtError.Check(reader(parameters, ref count), connection, function);
            return Decode(parameters, Math.Min(count, room));
        }
        finally
        {
            virTypedParamsFree(parameters, room);
        }
    }

    /// <summary>Writes values as typed parameters and passes them to a native function.</summary>
    /// <exception cref="ArgumentException">A name is too long or a value has none of the seven types.</exception>
    public static void Write(
        IEnumerable<KeyValuePair<string, object>> values,
        Func<nint, int, int> writer,
        string function,
        ConnectionHandle connection)
    {
        var list = values.ToList();
        var parameters = Allocate(Math.Max(1, list.Count));
        try
        {
            for (var i = 0; i < list.Count; i++)
            {
                Encode(list[i].Key, list[i].Value, ref parameters[i]);
            }

            LibvirtError.Check(writer((nint)parameters, list.Count), connection, function);
        }
        finally
        {
            virTypedParamsFree(parameters, list.Count);
        }
    }

    /// <summary>Reads parameters that libvirt filled in; the caller still frees them.</summary>
    public static Dictionary<string, object> Decode(NativeTypedParameter* parameters, int count)
    {
        var values = new Dictionary<string, object>(count, StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var parameter = &parameters[i];
            var name = NameOf(new ReadOnlySpan<byte>(parameter->Field, NativeTypedParameter.FieldLength));
            object? value = parameter->Type switch
            {
                ParameterType.Int32 => parameter->Int32,
                ParameterType.UInt32 => parameter->UInt32,
                ParameterType.Int64 => parameter->Int64,
                ParameterType.UInt64 => parameter->UInt64,
                ParameterType.Double => parameter->Double,
                ParameterType.Boolean => parameter->Boolean != 0,
                ParameterType.String => Marshal.PtrToStringUTF8((nint)parameter->String) ?? "",
                _ => null, // a type that this version does not know, or an entry that was not filled in
            };
            if (value is not null)
            {
                values[name] = value;
            }
        }

        return values;
    }

    /// <summary>A name in a fixed field: up to the first zero.</summary>
    public static string NameOf(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    // From C's heap and zeroed, since virTypedParamsFree frees it and its strings with C's free.
    private static NativeTypedParameter* Allocate(int count)
        => (NativeTypedParameter*)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(NativeTypedParameter));

    private static void Encode(string name, object value, ref NativeTypedParameter parameter)
    {
        fixed (byte* field = parameter.Field)
        {
            // The last byte stays zero.
            var room = new Span<byte>(field, NativeTypedParameter.FieldLength - 1);
            if (!Encoding.UTF8.TryGetBytes(NativeUtf8String.RequireNoNull(name, nameof(name)), room, out _))
            {
                throw new ArgumentException($"The parameter name '{name}' is longer than libvirt allows.", nameof(name));
            }
        }

        switch (value)
        {
            case int number:
                parameter.Int32 = number;
                parameter.Type = ParameterType.Int32;
                break;
            case uint number:
                parameter.UInt32 = number;
                parameter.Type = ParameterType.UInt32;
                break;
            case long number:
                parameter.Int64 = number;
                parameter.Type = ParameterType.Int64;
                break;
            case ulong number:
                parameter.UInt64 = number;
                parameter.Type = ParameterType.UInt64;
                break;
            case double number:
                parameter.Double = number;
                parameter.Type = ParameterType.Double;
                break;
            case bool flag:
                parameter.Boolean = flag ? (sbyte)1 : (sbyte)0;
                parameter.Type = ParameterType.Boolean;
                break;
            case string text:
                parameter.String = Copy(NativeUtf8String.RequireNoNull(text, nameof(value)));
                parameter.Type = ParameterType.String;
                break;
            default:
                throw new ArgumentException(
                    $"The value of '{name}' is a {value?.GetType().Name ?? "null"}; libvirt takes int, uint, long, ulong, " +
                    "double, bool and string.",
                    nameof(value));
        }
    }

    private static byte* Copy(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        var copy = (byte*)NativeMemory.AllocZeroed((nuint)length + 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(copy, length));
        return copy;
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial void virTypedParamsFree(NativeTypedParameter* parameters, int count);
}
