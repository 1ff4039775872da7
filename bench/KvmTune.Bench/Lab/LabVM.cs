// The lab's guest lab2 for the benches: its location and access, from the environment variables of the lab's scripts.
using KvmTune.Guest;
using KvmTune.Libvirt;

namespace KvmTune.Bench.Lab;

/// <summary>The lab's guest lab2, running.</summary>
internal sealed class LabVM : IDisposable
{
    private readonly LibvirtConnection _connection;

    private LabVM(LibvirtConnection connection, LibvirtDomain domain)
    {
        _connection = connection;
        Domain = domain;
    }

    /// <summary>The domain.</summary>
    public LibvirtDomain Domain { get; }

    /// <summary>The SSH access to the guest.</summary>
    public static SshEndpoint Ssh => new()
    {
        HostName = Environment("KVMTUNE_LAB_LAB2_ADDRESS"),
        UserName = "root",
        IdentityFile = Environment("KVMTUNE_LAB_SSH_KEY"),
        KnownHostsFile = Environment("KVMTUNE_LAB_KNOWN_HOSTS"),
    };

    /// <summary>A folder on the disk with the lab's images.</summary>
    public static string Folder => Environment("KVMTUNE_LAB_DIR");

    /// <summary>Connects.</summary>
    /// <exception cref="InvalidOperationException">There is no lab.</exception>
    public static LabVM Open()
    {
        var connection = LibvirtConnection.Open(Environment("KVMTUNE_LAB_URI"), ConnectionAccess.ReadWrite);
        return new LabVM(connection, connection.TryLookupByName("lab2") ?? throw new InvalidOperationException("The lab has no guest 'lab2'."));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Domain.Dispose();
        _connection.Dispose();
    }

    private static string Environment(string name) => System.Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
        ? value
        : throw new InvalidOperationException($"{name} is not set: this bench needs the lab. Run it as ./bootstrap.sh bench NAME.");
}
