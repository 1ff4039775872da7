// Holds a VM or a host against other processes of all users, with any journal, while it is changed.
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace KvmTune.Journal;

/// <summary>
/// An exclusive lock on this machine: a bound socket address in Linux' abstract namespace (unix(7)). Two sockets cannot be bound to one
/// address; it needs no file, so that root and the members of the group libvirt share it without rights to a common folder; and the kernel
/// frees it when the process ends, however. Who holds it can be asked (SO_PEERCRED).
/// </summary>
/// <remarks>
/// It is as wide as the machine (its network namespace) that KvmTune runs on. Processes on two machines that change a VM of a third one, and
/// programs that know nothing of this lock, meet at the check right before a define.
/// </remarks>
internal sealed class VMLock : IDisposable
{
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly Socket _socket;

    private VMLock(Socket socket) => _socket = socket;

    /// <summary>The lock of a VM. A UUID says which VM is meant, by whatever URI its host is reached.</summary>
    public static string NameOf(Guid vmId, string uri) => $"vm-{vmId:D}{OwnWorld(uri)}";

    /// <summary>The lock of a host. All ways to this machine are one host; others differ by their name.</summary>
    public static string NameOf(string uri)
    {
        var host = Uri.TryCreate(uri, UriKind.Absolute, out var parsed) ? parsed.IdnHost.ToLowerInvariant() : uri;
        return $"host-{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(host)))[..32]}{OwnWorld(uri)}";
    }

    /// <summary>Takes a lock, or waits for it.</summary>
    /// <param name="name">What is locked: see <see cref="NameOf(Guid, string)"/>.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The lock; null when somebody held it all the time.</returns>
    /// <exception cref="SocketException">The kernel gives no socket.</exception>
    public static async Task<VMLock?> TakeAsync(string name, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (TryTake(name) is { } taken)
            {
                return taken;
            }

            if (time.GetElapsedTime(began) >= limit)
            {
                return null;
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    /// <summary>Who holds a lock, in words: the process, its program and its user.</summary>
    /// <returns>Null where nobody does any more, or the kernel does not say.</returns>
    public static string? Holder(string name)
    {
        using var socket = NewSocket();
        socket.Blocking = false;
        var credentials = new byte[12];
        try
        {
            socket.Connect(Address(name));
            socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
        }
        catch (SocketException)
        {
            return null;
        }

        // struct ucred: pid, uid, gid, each of 32 bits.
        var process = BitConverter.ToInt32(credentials, 0);
        var user = BitConverter.ToUInt32(credentials, 4);
        return string.Create(CultureInfo.InvariantCulture, $"{JournalOwner.ProgramOf(process) ?? "process"} ({process}) of {JournalOwner.UserOf(user)}");
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static VMLock? TryTake(string name)
    {
        var socket = NewSocket();
        try
        {
            socket.Bind(Address(name));
            socket.Listen();
            return new VMLock(socket);
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    // An address that begins with a zero byte has no file.
    private static UnixDomainSocketEndPoint Address(string name) => new($"\0kvmtune/{name}");

    // Each process has test hosts of its own, with the same VMs.
    private static string? OwnWorld(string uri) => uri.StartsWith("test:", StringComparison.Ordinal)
        ? string.Create(CultureInfo.InvariantCulture, $"-{Environment.ProcessId}")
        : null;
}
