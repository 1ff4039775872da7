// Locks a VM or a host while it is changed, against processes of all users and with any journal.
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace KvmTune.Journal;

/// <summary>
/// An exclusive lock on this machine: a bound socket address in Linux' abstract namespace (unix(7)). Two sockets cannot be bound to one
/// address; it needs no file, so that root and the members of the group libvirt share it without rights to a common folder; and the kernel
/// frees it whenever the process ends, even by a crash. The kernel also names its holder (SO_PEERCRED).
/// </summary>
/// <remarks>
/// It covers the machine (its network namespace) that KvmTune runs on. The check right before a define notices changes by processes on other
/// machines and by programs without this lock.
/// </remarks>
internal sealed class VMLock : IDisposable
{
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly Socket _socket;

    private VMLock(Socket socket) => _socket = socket;

    /// <summary>The name of a VM's lock. The UUID identifies the VM for every URI of its host.</summary>
    public static string NameOf(Guid vmId, string uri) => $"vm-{vmId:D}{OwnWorld(uri)}";

    /// <summary>The name of a host's lock. All local URIs have one lock; other hosts differ by their name.</summary>
    public static string NameOf(string uri)
    {
        var host = Uri.TryCreate(uri, UriKind.Absolute, out var parsed) ? parsed.IdnHost.ToLowerInvariant() : uri;
        return $"host-{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(host)))[..32]}{OwnWorld(uri)}";
    }

    /// <summary>Whether two URIs lead to the VMs of one host: <c>qemu:///system</c> and <c>qemu+unix:///system</c> do, <c>qemu:///session</c> has others.</summary>
    public static bool IsOneHost(string uri, string other) => string.Equals(uri, other, StringComparison.Ordinal)
        || (NameOf(uri) == NameOf(other) && Uri.TryCreate(uri, UriKind.Absolute, out var one) && Uri.TryCreate(other, UriKind.Absolute, out var two)
            && one.AbsolutePath == two.AbsolutePath);

    /// <summary>Takes a lock, or waits for it.</summary>
    /// <param name="name">Its name: see <see cref="NameOf(Guid, string)"/>.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The lock; null if another process held it all the time.</returns>
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

    /// <summary>The holder of a lock, in words: the process, its program and its user.</summary>
    /// <returns>Null if the lock is free again, or the kernel does not name its holder.</returns>
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

    // libvirt's test hosts exist in each process separately, with the same UUIDs, so their lock names contain the process id.
    private static string? OwnWorld(string uri) => uri.StartsWith("test:", StringComparison.Ordinal)
        ? string.Create(CultureInfo.InvariantCulture, $"-{Environment.ProcessId}")
        : null;
}
