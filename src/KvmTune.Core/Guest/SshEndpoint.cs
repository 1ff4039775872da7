// How to reach a guest by SSH.
namespace KvmTune.Guest;

/// <summary>A guest for an SSH client. Null values are taken from the user's own ssh configuration.</summary>
public sealed record SshEndpoint
{
    /// <summary>The guest's address or name.</summary>
    public required string HostName { get; init; }

    /// <summary>The user in the guest; null for ssh's default.</summary>
    public string? UserName { get; init; }

    /// <summary>The port; null for ssh's default.</summary>
    public int? Port { get; init; }

    /// <summary>A file with the private key; null for ssh's default (agent, default keys).</summary>
    public string? IdentityFile { get; init; }

    /// <summary>The file with the known host keys; null for ssh's default. Host keys are always checked.</summary>
    public string? KnownHostsFile { get; init; }

    /// <summary>For example <c>admin@db01:22</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{(UserName is null ? null : $"{UserName}@")}{HostName}{(Port is { } port ? FormattableString.Invariant($":{port}") : null)}");
}
