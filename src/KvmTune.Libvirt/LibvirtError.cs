// Turns libvirt's return values and its per-thread error record into exceptions.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

/// <summary>
/// Every native call uses one of these checks. libvirt keeps the last error per thread, so it is read on the calling thread right after the call,
/// and cleared, so that a later failure without its own error cannot report it.
/// </summary>
internal static unsafe partial class LibvirtError
{
    /// <summary>Receives the name of every libvirt function that this thread calls, for tests that count them; null for none.</summary>
    [ThreadStatic]
    internal static Action<string>? Watcher;

    /// <summary>Returns a result that is not negative; throws for any other.</summary>
    /// <param name="result">The function's result.</param>
    /// <param name="connection">The connection of the call, to find out whether it is still alive.</param>
    /// <param name="call">The call as written, or the function's name.</param>
    public static int Check(
        int result,
        ConnectionHandle? connection = null,
        [CallerArgumentExpression(nameof(result))] string call = "")
    {
        Note(call);
        return result >= 0 ? result : throw Last(call, connection);
    }

    /// <summary>Returns a pointer that is not null; throws for null.</summary>
    public static nint Check(
        nint result,
        ConnectionHandle? connection = null,
        [CallerArgumentExpression(nameof(result))] string call = "")
    {
        Note(call);
        return result != 0 ? result : throw Last(call, connection);
    }

    /// <summary>Returns a valid handle; throws for an invalid one.</summary>
    public static T CheckHandle<T>(
        T result,
        ConnectionHandle? connection = null,
        [CallerArgumentExpression(nameof(result))] string call = "")
        where T : SafeHandle
    {
        Note(call);
        if (!result.IsInvalid)
        {
            return result;
        }

        var error = Last(call, connection);
        result.Dispose();
        throw error;
    }

    /// <summary>Notifies the watcher, if there is one.</summary>
    /// <param name="call">The call as written, or the function's name.</param>
    public static void Note(string call) => Watcher?.Invoke(FunctionOf(call));

    /// <summary>This thread's last error as an exception; clears it.</summary>
    public static LibvirtException Last(string call, ConnectionHandle? connection)
    {
        var function = FunctionOf(call);
        var error = (NativeError*)virGetLastError();
        if (error is null)
        {
            return new LibvirtException($"{function} failed without saying why.", 0, 0, 2, function, IsLost(connection));
        }

        var code = error->Code;
        var domain = error->Domain;
        var level = error->Level;
        var message = Marshal.PtrToStringUTF8((nint)error->Message) ?? $"{function} failed with libvirt's error {code}.";
        virResetLastError();
        return new LibvirtException(message, code, domain, level, function, IsLost(connection));
    }

    private static string FunctionOf(string call) => call.IndexOf('(', StringComparison.Ordinal) is >= 0 and var end ? call[..end] : call;

    /// <summary>Clears this thread's last error.</summary>
    public static void Reset() => virResetLastError();

    // The state of the connection itself shows whether it is lost; no error text is parsed. The call is local: the client knows when its socket
    // is closed.
    private static bool IsLost(ConnectionHandle? connection)
    {
        if (connection is null || connection.IsInvalid || connection.IsClosed)
        {
            return false;
        }

        var lost = ConnectionHandle.virConnectIsAlive(connection) == 0;
        virResetLastError();
        return lost;
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virGetLastError();

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial void virResetLastError();

    // The first fields of virError (virterror.h); the others are deprecated or not needed.
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct NativeError
    {
        public readonly int Code;
        public readonly int Domain;
        public readonly byte* Message;
        public readonly int Level;
    }
}
