// Where and how a guest is reached by SSH.
namespace KvmTune.Guest;

/// <summary>A guest as an SSH client reaches it. What is not set is as the user's own ssh configuration has it.</summary>
public sealed record SshEndpoint
{
    /// <summary>The guest's address or name.</summary>
    public required string HostName { get; init; }

    /// <summary>The user in the guest; null as ssh has it.</summary>
    public string? UserName { get; init; }

    /// <summary>The port; null as ssh has it.</summary>
    public int? Port { get; init; }

    /// <summary>A file with the private key; null as ssh has it (agent, default keys).</summary>
    public string? IdentityFile { get; init; }

    /// <summary>The file with the known host keys; null as ssh has it. Host keys are always checked.</summary>
    public string? KnownHostsFile { get; init; }

    /// <summary>For example <c>admin@db01:22</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{(UserName is null ? null : $"{UserName}@")}{HostName}{(Port is { } port ? FormattableString.Invariant($":{port}") : null)}");
}
