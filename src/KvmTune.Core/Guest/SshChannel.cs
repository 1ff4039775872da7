// Runs programs in a guest with the system's own ssh, with its keys, its agent, its configuration and its host key checks.
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using KvmTune.Hosts;

namespace KvmTune.Guest;

/// <summary>SSH as a channel. One connection is opened and shared by all commands; <see cref="DisposeAsync"/> closes it.</summary>
/// <remarks>
/// ssh passes one line to the login shell in the guest (ssh(1)), so every argument is quoted for a POSIX shell here. In the guest, a script
/// writes the process id before the program starts and its exit code after it, both to standard error, from which they are removed again.
/// </remarks>
public sealed class SshChannel : IGuestChannel
{
    private const string ProcessMark = "kvmtune-process ";
    private const string ExitMark = "\nkvmtune-exit ";
    private const string Script = """echo "kvmtune-process $$" >&2; "$0" "$@"; printf '\nkvmtune-exit %s\n' $? >&2""";

    // A limit on the output, because a guest may write any amount. Above it the program is ended with an error.
    private const int MostOutput = 256 * 1024 * 1024;
    private const int MostErrors = 16 * 1024 * 1024;
    private const int MostBefore = 64 * 1024;

    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(30);

    private readonly SshEndpoint _endpoint;
    private readonly TimeProvider _time;
    private readonly DirectoryInfo _folder;
    private HostProcess? _master;

    /// <summary>Creates the channel; nothing is connected yet.</summary>
    /// <exception cref="ArgumentException">The endpoint's names or its port are invalid.</exception>
    public SshChannel(SshEndpoint endpoint, TimeProvider timeProvider)
    {
        foreach (var name in (string?[])[endpoint.HostName, endpoint.UserName])
        {
            if (name is not null && (name.Length == 0 || name[0] == '-' || name.Any(character => char.IsWhiteSpace(character) || char.IsControl(character))))
            {
                throw new ArgumentException($"'{name}' is not a valid name of a host or user for SSH.", nameof(endpoint));
            }
        }

        if (endpoint.Port is < 1 or > 65535)
        {
            throw new ArgumentException($"The SSH port must be from 1 to 65535, and is {endpoint.Port}.", nameof(endpoint));
        }

        _endpoint = endpoint;
        _time = timeProvider;
        // Only its owner may enter the folder: any process that can reach the socket can use the connection.
        _folder = Directory.CreateTempSubdirectory("kvmtune-");
    }

    /// <inheritdoc/>
    public string Name => "Ssh";

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var master = _master = Start(["-M", "-N"], null);
        var errors = master.ReadErrorsAsync();
        var started = _time.GetTimestamp();
        while (!File.Exists(ControlPath))
        {
            if (master.Ended.IsCompleted)
            {
                throw Refused(await errors);
            }

            if (_time.GetElapsedTime(started) > ConnectLimit)
            {
                throw Refused("no answer within 30 s");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), _time, cancellationToken);
        }

        await RunAsync(new GuestCommand("true", []), cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        GuestCommand.Validate(command);
        cancellationToken.ThrowIfCancellationRequested();
        return await RunAsync(command, endsWhenLost: true, cancellationToken);
    }

    private async Task<GuestCommandResult> RunAsync(GuestCommand command, bool endsWhenLost, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var line = "exec " + string.Join(' ', ((string[])["sh", "-c", Script, command.Path, .. command.Arguments]).Select(Quote));
        var process = Start(command.StandardInput is null ? ["-n"] : [], line, command.StandardInput);
        await using (process)
        {
            // A start is not cancelled half-way: without the process id nobody could end the program.
            var (processId, first) = await ReadProcessIdAsync(process, command);
            var rest = process.ReadErrorsAsync();
            using var limit = new CancellationTokenSource(command.TimeLimit, _time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
            int exitCode;
            try
            {
                await Task.WhenAny(process.Ended, process.TooMuch).WaitAsync(both.Token);
                if (process.TooMuch.IsCompleted)
                {
                    await EndAsync(command, processId);
                    throw new GuestChannelException(
                        GuestChannelReason.OutputTooLarge,
                        $"{command.Program} in {_endpoint.HostName} wrote more than 256 MiB, or 16 MiB of errors, and was ended there. Redirect its output to a file instead.");
                }

                exitCode = await process.Ended;
            }
            catch (OperationCanceledException)
            {
                await EndAsync(command, processId);
                cancellationToken.ThrowIfCancellationRequested();
                throw new GuestChannelException(
                    GuestChannelReason.CommandTimedOut,
                    $"{command.Program} in {_endpoint.HostName} did not end within {command.TimeLimit.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s. "
                    + "It was ended there.");
            }

            try
            {
                return Result(command, exitCode, await process.OutputAsync(), first + await rest, _time.GetElapsedTime(started));
            }
            catch (GuestChannelException loss) when (loss.Reason == GuestChannelReason.GuestLost && endsWhenLost)
            {
                throw new GuestChannelException(loss.Reason, $"{loss.Message} {await EndLostAsync(command, processId)}", loss);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_master is { } master)
        {
            _master = null;
            await master.DisposeAsync();
        }

        try
        {
            _folder.Delete(recursive: true);
        }
        catch (IOException)
        {
            // It is already deleted, or ssh is just removing its socket. An empty folder in /tmp does no harm.
        }
    }

    /// <summary>Quotes a text for a POSIX shell, so that no character in it is special.</summary>
    internal static string Quote(string text) => "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private string ControlPath => Path.Combine(_folder.FullName, "c");

    private GuestCommandResult Result(GuestCommand command, int sshExitCode, string output, string errors, TimeSpan duration)
    {
        var mark = errors.LastIndexOf(ExitMark, StringComparison.Ordinal);
        if (mark < 0 || !int.TryParse(errors.AsSpan(mark + ExitMark.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var code))
        {
            throw new GuestChannelException(
                GuestChannelReason.GuestLost,
                $"The SSH connection to {_endpoint.HostName} was lost while {command.Program} ran there (ssh ended with {sshExitCode}): {GuestText.Shown(errors)}");
        }

        var said = errors[..mark];
        if (code is 126 or 127 && said.Contains(command.Path, StringComparison.Ordinal))
        {
            throw new GuestChannelException(
                GuestChannelReason.CommandNotFound, $"The guest {_endpoint.HostName} cannot run '{command.Path}': {GuestText.Shown(said)}");
        }

        return new GuestCommandResult(code, null, output, said, duration).OfShell();
    }

    // Skips the lines that ssh itself writes before (a banner, a warning).
    private async Task<(string ProcessId, string Before)> ReadProcessIdAsync(
        HostProcess process, GuestCommand command)
    {
        var before = "";
        using var limit = new CancellationTokenSource(ConnectLimit, _time);
        try
        {
            while (before.Length < MostBefore && await process.ReadErrorLineAsync(MostBefore).WaitAsync(limit.Token) is { } line)
            {
                if (line.StartsWith(ProcessMark, StringComparison.Ordinal)
                    && int.TryParse(line.AsSpan(ProcessMark.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var processId))
                {
                    return (processId.ToString(CultureInfo.InvariantCulture), "");
                }

                before += line + "\n";
            }
        }
        catch (OperationCanceledException)
        {
            before += $"no answer within {ConnectLimit.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s, starting {command.Path}";
        }

        throw Refused(before);
    }

    // Not cancellable: this is the clean-up.
    private async Task EndAsync(GuestCommand command, string processId)
    {
        try
        {
            var ended = await RunAsync(GuestScripts.End(processId), endsWhenLost: false, CancellationToken.None);
            if (!ended.Succeeded)
            {
                throw new GuestChannelException(GuestChannelReason.CommandStillRunning, ended.Describe());
            }
        }
        catch (GuestChannelException exception)
        {
            throw new GuestChannelException(
                GuestChannelReason.CommandStillRunning,
                $"{command.Program} (process {processId}) may still run in {_endpoint.HostName}: its end was not confirmed. {exception.Message}",
                exception);
        }
    }

    // The guest and the program in it may go on after the connection is lost. Without the shared connection, ssh opens another one.
    private async Task<string> EndLostAsync(GuestCommand command, string processId)
    {
        try
        {
            await EndAsync(command, processId);
            return "It was ended there.";
        }
        catch (GuestChannelException exception)
        {
            return exception.Message;
        }
    }

    private HostProcess Start(string[] options, string? remoteLine, string? standardInput = null)
    {
        List<string> arguments =
        [
            .. options,
            "-S", ControlPath,
            "-T",
            "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=yes",
            "-o", "ConnectTimeout=15",
            "-o", "ServerAliveInterval=5",
            "-o", "ServerAliveCountMax=3",
            "-o", "LogLevel=ERROR",
        ];
        void Add(string option, string? value)
        {
            if (value is not null)
            {
                arguments.AddRange([option, value]);
            }
        }

        Add("-l", _endpoint.UserName);
        Add("-p", _endpoint.Port?.ToString(CultureInfo.InvariantCulture));
        if (_endpoint.IdentityFile is { } identity)
        {
            arguments.AddRange(["-i", identity, "-o", "IdentitiesOnly=yes"]);
        }

        // Quoted for ssh, because the option is a list of files.
        Add("-o", _endpoint.KnownHostsFile is { } known ? $"UserKnownHostsFile=\"{known}\"" : null);
        arguments.Add(_endpoint.HostName);
        if (remoteLine is not null)
        {
            arguments.Add(remoteLine);
        }

        return HostProcess.Start("ssh", arguments, standardInput, MostOutput, MostErrors)
            ?? throw new GuestChannelException(
                GuestChannelReason.SshNotInstalled,
                "This machine has no ssh. Install it: apt install openssh-client | dnf install openssh-clients | zypper install openssh-clients.");
    }

    [SuppressMessage("Globalization", "CA1307", Justification = "The words are ssh's own, which are not translated.")]
    private GuestChannelException Refused(string said)
    {
        said = GuestText.Shown(said, 2000);
        bool Says(string words) => said.Contains(words, StringComparison.OrdinalIgnoreCase);
        if (Says("Host key verification failed") || Says("host key is known") || Says("HOST IDENTIFICATION HAS CHANGED"))
        {
            return new GuestChannelException(
                GuestChannelReason.SshHostKeyRefused,
                $"The host key of {_endpoint.HostName} is unknown or has changed. Connect once with ssh, compare the key with the guest's "
                + $"own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there) and accept it, or name the file of known host keys. ssh says: {said}");
        }

        if (Says("Permission denied") || Says("Too many authentication failures"))
        {
            return new GuestChannelException(
                GuestChannelReason.SshAuthenticationFailed,
                $"{_endpoint.HostName} accepts no key for {_endpoint.UserName ?? "this user"}. Put your public key there (ssh-copy-id), load it into the agent "
                + $"(ssh-add) or name its file; passwords are not supported. ssh says: {said}");
        }

        return new GuestChannelException(
            GuestChannelReason.SshUnreachable, $"{_endpoint.HostName} cannot be reached by SSH: {(said.Length == 0 ? "ssh ended without a message" : said)}");
    }
}
