// Runs programs in a guest through the QEMU guest agent: guest-exec starts one, guest-exec-status tells its end and its output.
using System.Globalization;
using System.Text;

namespace KvmTune.Guest;

/// <summary>The guest agent as a channel.</summary>
/// <remarks>
/// A question to the agent wakes it in the guest, so a run is left alone until its expected end, and then asked after with growing
/// pauses. Programs are started through <c>setsid</c> (util-linux, busybox) where the guest has it, so that all of them can be ended.
/// </remarks>
public sealed class AgentChannel : IGuestChannel
{
    // One answer of a living agent takes milliseconds; a guest under full load has needed up to 2 s.
    private static readonly TimeSpan ReplyLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(4);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LifeCheckInterval = TimeSpan.FromSeconds(1);

    // SIGTERM, 3 s, SIGKILL, 3 s: more than fio needs to finish its last requests.
    private const string EndTenths = "30";
    private static readonly TimeSpan ReconnectLimit = TimeSpan.FromSeconds(10);

    private const long MostOutputBytes = 256 * 1024 * 1024;

    // The size in GuestScripts.ReadPiece.
    private const long PieceBytes = 1024 * 1024;

    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(15);

    // What a guest under load needs for a piece, and time to spare: one that takes its time with each answer would be read for hours.
    private static readonly TimeSpan ReadLimit = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ReadLimitOfPiece = TimeSpan.FromSeconds(2);

    private readonly IAgentTransport _transport;
    private readonly TimeProvider _time;
    private volatile bool _guestHasNoSetsid;

    /// <summary>Creates the channel; nothing is sent yet.</summary>
    public AgentChannel(IAgentTransport transport, TimeProvider timeProvider)
    {
        _transport = transport;
        _time = timeProvider;
    }

    /// <inheritdoc/>
    public string Name => "Agent";

    /// <inheritdoc/>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        if (!_transport.IsRunning())
        {
            throw NotRunning();
        }

        await SendAsync(AgentProtocol.Ping, cancellationToken);
        var info = AgentProtocol.ReadInfo(await SendAsync(AgentProtocol.Info, cancellationToken));
        foreach (var command in (string[])["guest-exec", "guest-exec-status"])
        {
            if (!info.Commands.TryGetValue(command, out var isEnabled) || !isEnabled)
            {
                throw ExecDisabled(command, info.Version, null);
            }
        }
    }

    /// <inheritdoc/>
    public async Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        GuestCommand.Validate(command);
        cancellationToken.ThrowIfCancellationRequested();
        return command.HasShortOutput
            ? await RunShortAsync(command, cancellationToken)
            : await RunLongAsync(command, cancellationToken);
    }

    /// <summary>Nothing is held open.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<GuestCommandResult> RunShortAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var (processId, isOwnSession) = await StartAsync(command);
        AgentExecStatus status;
        try
        {
            status = await WaitForEndAsync(command, processId, command.ExpectedDuration, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await EndAsync(command, processId);
            throw;
        }
        catch (GuestChannelException timeout) when (timeout.Reason == GuestChannelReason.CommandTimedOut)
        {
            await EndAsync(command, processId);
            throw;
        }
        catch (GuestChannelException loss) when (loss.Reason == GuestChannelReason.ConnectionLost)
        {
            await TryEndOnceReconnectedAsync(command, processId);
            throw;
        }

        if (status.IsTruncated)
        {
            throw TooMuch(command, "16 MiB, the most that the agent keeps");
        }

        if (isOwnSession && status.ExitCode is 126 or 127 && status.StandardError.StartsWith("setsid:", StringComparison.Ordinal))
        {
            throw NotFound(command.Path, status.StandardError.Trim(), null);
        }

        return new GuestCommandResult(
            status.ExitCode, status.Signal, status.StandardOutput, status.StandardError, _time.GetElapsedTime(started));
    }

    // The program runs under a script that keeps its output in files; the script's own output is short.
    private async Task<GuestCommandResult> RunLongAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        var result = await RunShortAsync(
            command with
            {
                Path = "/bin/sh",
                Arguments = ["-c", GuestScripts.RunIntoFiles, "kvmtune", command.Path, .. command.Arguments],
                Wrapped = command.Program,
                HasShortOutput = true,
            },
            cancellationToken);
        var line = result.StandardOutput.Split('\n', 2)[0];
        if (line is "short")
        {
            result = result with { StandardOutput = result.StandardOutput["short\n".Length..] };
        }
        else if (line.Split(' ', 4) is ["long", var outputBytes, var errorBytes, var folder] && ParseLength(outputBytes) is { } outputLength && ParseLength(errorBytes) is { } errorLength)
        {
            result = await ReadFilesAsync(command, result, folder, outputLength, errorLength, cancellationToken);
        }
        else
        {
            throw new GuestChannelException(
                GuestChannelReason.AgentCommandFailed, $"{command.Path} could not be run in {_transport.VMName}: {result.Describe()}");
        }

        if (result.ExitCode is 126 or 127 && result.StandardError.Contains(command.Path, StringComparison.Ordinal))
        {
            throw NotFound(command.Path, result.StandardError.Trim(), null);
        }

        return result.OfShell();
    }

    private async Task<GuestCommandResult> ReadFilesAsync(
        GuestCommand command, GuestCommandResult result, string folder, long outputBytes, long errorBytes, CancellationToken cancellationToken)
    {
        try
        {
            return outputBytes + errorBytes > MostOutputBytes
                ? throw TooMuch(command, "256 MiB")
                : result with
                {
                    StandardOutput = await ReadFileAsync(folder + "/out", outputBytes, cancellationToken),
                    StandardError = await ReadFileAsync(folder + "/err", errorBytes, cancellationToken),
                };
        }
        finally
        {
            await RunShortAsync(GuestScripts.Command(GuestScripts.RemoveFiles, folder), CancellationToken.None);
        }
    }

    private async Task<string> ReadFileAsync(string path, long length, CancellationToken cancellationToken)
    {
        // It grows with what has really come: the length is only what the guest says.
        using var bytes = new MemoryStream();
        var started = _time.GetTimestamp();
        for (var piece = 0; bytes.Length < length; piece++)
        {
            if (_time.GetElapsedTime(started) is var gone && gone > ReadLimit + (piece * ReadLimitOfPiece))
            {
                throw new GuestChannelException(
                    GuestChannelReason.AgentCommandFailed,
                    string.Create(CultureInfo.InvariantCulture, $"Reading the output in {GuestText.Shown(path, 100)} in {_transport.VMName} was given up: {bytes.Length} of {length} bytes came in {gone.TotalSeconds:0} s."));
            }

            var script = GuestScripts.Command(GuestScripts.ReadPiece, path, piece.ToString(CultureInfo.InvariantCulture));
            var reader = await ExecAsync(script);
            var status = await WaitForEndAsync(script, reader, null, cancellationToken);
            // Each piece is full but the last: a file that shrinks or grows, and a guest that hands out crumbs, end here.
            if (status.OutputBytes.Length != Math.Min(PieceBytes, length - bytes.Length))
            {
                throw new GuestChannelException(
                    GuestChannelReason.AgentCommandFailed, $"The output in {GuestText.Shown(path, 100)} in {_transport.VMName} could not be read: {GuestText.Shown(status.StandardError)}");
            }

            bytes.Write(status.OutputBytes);
        }

        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }

    private static long? ParseLength(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length) && length < long.MaxValue / 2 ? length : null;

    private async Task<(long ProcessId, bool IsOwnSession)> StartAsync(GuestCommand command)
    {
        // A start is not cancelled half-way: its process id would be lost, and with it the means to end the program.
        if (!_guestHasNoSetsid)
        {
            try
            {
                return (await ExecAsync(command, inOwnSession: true), true);
            }
            catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.CommandNotFound)
            {
                _guestHasNoSetsid = true;
            }
        }

        return (await ExecAsync(command), false);
    }

    private async Task<long> ExecAsync(GuestCommand command, bool inOwnSession = false)
    {
        var message = inOwnSession
            ? AgentProtocol.Exec("setsid", [command.Path, .. command.Arguments], command.StandardInput)
            : AgentProtocol.Exec(command.Path, command.Arguments, command.StandardInput);
        try
        {
            return AgentProtocol.ReadProcessId(await SendAsync(message, CancellationToken.None));
        }
        catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.AgentCommandFailed)
        {
            if (Says(exception, "disabled") || Says(exception, "not been found") || Says(exception, "command was not found"))
            {
                throw ExecDisabled("guest-exec", null, exception);
            }

            if (Says(exception, "Failed to execute child process") || Says(exception, "No such file or directory"))
            {
                throw NotFound(command.Path, exception.Message, exception);
            }

            throw;
        }
        catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.AgentNotResponding)
        {
            // The agent of a guest that is powered off is gone a moment before libvirt says that the guest is. The start is not tried
            // again: it may have come through.
            await Task.Delay(LifeCheckInterval, _time);
            await ThrowIfLostAsync(command, exception);
            throw;
        }
    }

    private async Task<AgentExecStatus> WaitForEndAsync(
        GuestCommand command, long processId, TimeSpan? expectedDuration, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        if (expectedDuration is { } expected)
        {
            await SleepWatchingAsync(expected < command.TimeLimit ? expected : command.TimeLimit, command, cancellationToken);
        }

        var asking = _time.GetTimestamp();
        while (true)
        {
            var status = await StatusAsync(command, processId, cancellationToken);
            if (status.Exited)
            {
                return status;
            }

            var left = command.TimeLimit - _time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                throw new GuestChannelException(
                    GuestChannelReason.CommandTimedOut,
                    $"{command.Program} in {_transport.VMName} did not end within {command.TimeLimit.TotalSeconds:0.#} s. It was ended there.");
            }

            // A fifth of what has been waited already: few questions, and the end is seen late by a fifth of that at most.
            var pause = TimeSpan.FromTicks(Math.Clamp(_time.GetElapsedTime(asking).Ticks / 5, FirstPause.Ticks, LongestPause.Ticks));
            await SleepWatchingAsync(pause < left ? pause : left, command, cancellationToken);
        }
    }

    // Waits without a word to the guest; libvirt alone is asked now and then whether the VM still runs.
    private async Task SleepWatchingAsync(TimeSpan duration, GuestCommand command, CancellationToken cancellationToken)
    {
        while (duration > TimeSpan.Zero)
        {
            var part = duration < LifeCheckInterval ? duration : LifeCheckInterval;
            await Task.Delay(part, _time, cancellationToken);
            duration -= part;
            if (duration > TimeSpan.Zero)
            {
                await ThrowIfLostAsync(command, null);
            }
        }
    }

    private async Task<AgentExecStatus> StatusAsync(GuestCommand command, long processId, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return AgentProtocol.ReadStatus(await SendAsync(AgentProtocol.ExecStatus(processId), CancellationToken.None));
            }
            catch (GuestChannelException exception) when (exception.Reason is GuestChannelReason.AgentNotResponding && attempt == 1)
            {
                // An agent can fall silent under load: once is forgiven, unless the guest itself is gone.
                await ThrowIfLostAsync(command, exception);
                await Task.Delay(LifeCheckInterval, _time, cancellationToken);
            }
            catch (GuestChannelException exception) when (
                exception.Reason is GuestChannelReason.AgentNotResponding or GuestChannelReason.GuestNotRunning)
            {
                await ThrowIfLostAsync(command, exception);
                throw;
            }
            catch (GuestChannelException exception) when (
                exception.Reason == GuestChannelReason.AgentCommandFailed && (Says(exception, "pid") || Says(exception, "PID")))
            {
                throw new GuestChannelException(
                    GuestChannelReason.GuestLost,
                    $"The guest {_transport.VMName} or its agent was restarted while {command.Program} ran: the agent no longer knows the program.",
                    exception);
            }
        }
    }

    private async Task ThrowIfLostAsync(GuestCommand command, Exception? cause)
    {
        if (!await Task.Run(_transport.IsRunning))
        {
            throw new GuestChannelException(
                GuestChannelReason.GuestLost, $"The guest {_transport.VMName} stopped running while {command.Program} ran in it.", cause);
        }
    }

    // A daemon that was restarted answers again after a second or two; the guest went on meanwhile.
    private async Task TryEndOnceReconnectedAsync(GuestCommand command, long processId)
    {
        var started = _time.GetTimestamp();
        while (_time.GetElapsedTime(started) < ReconnectLimit)
        {
            try
            {
                await EndAsync(command, processId);
                return;
            }
            catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.ConnectionLost
                || exception.InnerException is GuestChannelException { Reason: GuestChannelReason.AgentNotResponding })
            {
                // A daemon that is back needs a moment more until it has found the guest's agent.
                await Task.Delay(LifeCheckInterval, _time);
            }
            catch (GuestChannelException)
            {
                // The caller gets the error of the loss.
                return;
            }
        }
    }

    // Ends the program and its children, and waits until they are gone. Not cancellable: this is the clean-up.
    private async Task EndAsync(GuestCommand command, long processId)
    {
        try
        {
            var script = GuestScripts.Command(
                GuestScripts.EndProcesses, processId.ToString(CultureInfo.InvariantCulture), EndTenths) with
            { TimeLimit = EndLimit };
            var ender = await ExecAsync(script);
            var ended = await WaitForEndAsync(script, ender, null, CancellationToken.None);
            // Asking once more lets the agent forget the program.
            var status = await StatusAsync(command, processId, CancellationToken.None);
            if (ended.ExitCode == 0 || status.Exited)
            {
                return;
            }

            throw new GuestChannelException(
                GuestChannelReason.CommandStillRunning, $"{ended.StandardOutput.Trim()} {ended.StandardError.Trim()}".Trim());
        }
        catch (GuestChannelException exception) when (exception.Reason is GuestChannelReason.GuestLost or GuestChannelReason.GuestNotRunning)
        {
            // A guest that does not run, runs no program either.
        }
        catch (GuestChannelException exception)
        {
            throw new GuestChannelException(
                exception.Reason is GuestChannelReason.ConnectionLost ? GuestChannelReason.ConnectionLost : GuestChannelReason.CommandStillRunning,
                $"{command.Program} (process {processId}) may still run in {_transport.VMName}: its end was not confirmed. {exception.Message}",
                exception);
        }
    }

    private Task<string> SendAsync(string message, CancellationToken cancellationToken) =>
        Task.Run(() => _transport.Send(message, ReplyLimit), cancellationToken);

    private static bool Says(GuestChannelException exception, string words) =>
        exception.Message.Contains(words, StringComparison.OrdinalIgnoreCase);

    private GuestChannelException NotRunning() => new(
        GuestChannelReason.GuestNotRunning, $"{_transport.VMName} does not run. Start it first.");

    private GuestChannelException NotFound(string path, string said, Exception? cause) => new(
        GuestChannelReason.CommandNotFound, $"The guest {_transport.VMName} cannot run '{path}': {GuestText.Shown(said)}", cause);

    private GuestChannelException TooMuch(GuestCommand command, string limit) => new(
        GuestChannelReason.OutputTooLarge, $"{command.Program} in {_transport.VMName} wrote more than {limit}. Redirect its output to a file instead.");

    private GuestChannelException ExecDisabled(string command, string? version, Exception? cause)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"The guest agent in {_transport.VMName}");
        if (version is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $" (version {version})");
        }

        text.Append(CultureInfo.InvariantCulture, $" runs, but does not allow {command}. ")
            .Append("On RHEL and its relatives, allow guest-exec and guest-exec-status in /etc/sysconfig/qemu-ga ")
            .Append("(take them out of BLACKLIST_RPC or --block-rpcs, or put them into FILTER_RPC_ARGS=--allow-rpcs=…), ")
            .Append("elsewhere in /etc/qemu/qemu-ga.conf, and restart qemu-guest-agent in the guest; or use SSH instead (-Channel Ssh).");
        return new GuestChannelException(GuestChannelReason.GuestExecDisabled, text.ToString(), cause);
    }
}
