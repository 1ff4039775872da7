// Runs programs in a guest with the QEMU guest agent: guest-exec starts a program, guest-exec-status returns its end and its output.
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace KvmTune.Guest;

/// <summary>The guest agent as a channel.</summary>
/// <remarks>
/// Every question to the agent wakes it in the guest. So nothing is asked before the program's expected end, and then with growing
/// pauses. Programs are started with <c>setsid</c> (util-linux, busybox) if the guest has it, so that their child processes can be ended too.
/// </remarks>
public sealed class AgentChannel : IGuestChannel
{
    // A working agent answers within milliseconds; a guest under full load has needed up to 2 s.
    private static readonly TimeSpan ReplyLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(4);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LifeCheckInterval = TimeSpan.FromSeconds(1);

    // If the agent does not answer, ending the program is tried again, because nothing may be left running.
    private const int EndAttempts = 3;
    private static readonly TimeSpan ReconnectLimit = TimeSpan.FromSeconds(10);

    private const long MostOutputBytes = 256 * 1024 * 1024;

    // The size in GuestScripts.ReadPiece.
    private const long PieceBytes = 1024 * 1024;

    // What a guest under load needs for a piece, with a margin. Without a limit, slow answers would make the reading take hours.
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

    /// <summary>Does nothing: the channel holds nothing open.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<GuestCommandResult> RunShortAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var (processId, isOwnSession) = await StartAsync(command);
        AgentExecStatus? ended;
        try
        {
            ended = await WaitForEndAsync(command, processId, command.ExpectedDuration, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await EndAsync(command, processId);
            throw;
        }
        catch (GuestChannelException loss) when (loss.Reason is GuestChannelReason.ConnectionLost or GuestChannelReason.AgentNotResponding)
        {
            await TryEndOnceReconnectedAsync(command, processId);
            throw;
        }

        if (ended is not { } status)
        {
            await EndAsync(command, processId);
            throw new GuestChannelException(
                GuestChannelReason.CommandTimedOut,
                $"{command.Program} in {_transport.VMName} did not end within {command.TimeLimit.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s. It was ended there.");
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

    // Runs the program under a script that writes its output to files; the script's own output is short.
    private async Task<GuestCommandResult> RunLongAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        var folder = "kvmtune-" + RandomNumberGenerator.GetHexString(12, lowercase: true);
        GuestCommandResult result;
        try
        {
            result = await RunShortAsync(
                command with
                {
                    Path = "/bin/sh",
                    Arguments = ["-c", GuestScripts.RunIntoFiles, "kvmtune", folder, command.Path, .. command.Arguments],
                    Wrapped = command.Program,
                    HasShortOutput = true,
                },
                cancellationToken);
        }
        catch (Exception exception) when (exception is OperationCanceledException or GuestChannelException)
        {
            // Only if the files may exist and the guest can be asked. If the program still runs, it still writes there.
            if (exception is OperationCanceledException or GuestChannelException { Reason: GuestChannelReason.CommandTimedOut or GuestChannelReason.AgentNotResponding })
            {
                await RemoveFilesAsync(folder, exception);
            }

            throw;
        }

        var line = result.StandardOutput.Split('\n', 2)[0];
        if (line is "short")
        {
            result = result with { StandardOutput = result.StandardOutput["short\n".Length..] };
        }
        else if (line.Split(' ', 4) is ["long", var outputBytes, var errorBytes, var path] && ParseLength(outputBytes) is { } outputLength && ParseLength(errorBytes) is { } errorLength)
        {
            try
            {
                result = await ReadFilesAsync(command, result, path, outputLength, errorLength, cancellationToken);
            }
            finally
            {
                await RemoveFilesAsync(folder, null);
            }
        }
        else
        {
            await RemoveFilesAsync(folder, null);
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
        GuestCommand command, GuestCommandResult result, string folder, long outputBytes, long errorBytes, CancellationToken cancellationToken) =>
        outputBytes + errorBytes > MostOutputBytes
            ? throw TooMuch(command, "256 MiB")
            : result with
            {
                StandardOutput = await ReadFileAsync(folder + "/out", outputBytes, cancellationToken),
                StandardError = await ReadFileAsync(folder + "/err", errorBytes, cancellationToken),
            };

    private async Task RemoveFilesAsync(string folder, Exception? cause)
    {
        try
        {
            var result = await RunShortAsync(GuestScripts.Command(GuestScripts.RemoveFiles, folder), CancellationToken.None);
            if (!result.Succeeded)
            {
                throw new GuestChannelException(GuestChannelReason.AgentCommandFailed, result.Describe());
            }
        }
        catch (GuestChannelException exception)
        {
            throw new GuestChannelException(
                cause is GuestChannelException first ? first.Reason : exception.Reason,
                $"{(cause is null or OperationCanceledException ? null : cause.Message + " ")}The folder {folder} with its output could not be removed from /tmp in {_transport.VMName}: {exception.Message}",
                cause ?? exception);
        }
    }

    private async Task<string> ReadFileAsync(string path, long length, CancellationToken cancellationToken)
    {
        // The stream grows with the received bytes, because the guest's length may be wrong.
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
            var status = await WaitForEndAsync(script, reader, null, cancellationToken)
                ?? throw new GuestChannelException(
                    GuestChannelReason.CommandTimedOut,
                    $"The output in {GuestText.Shown(path, 100)} in {_transport.VMName} could not be read within {script.TimeLimit.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s.");
            // Each piece but the last must be full. So a file that shrinks or grows ends the reading, and so does a guest that sends tiny pieces.
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
        // A start is not cancelled half-way: without the process id nobody could end the program.
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
            // When a guest powers off, its agent is gone a moment before libvirt reports the guest as off. The start is not tried again, because the
            // agent may have carried it out.
            await Task.Delay(LifeCheckInterval, _time);
            await ThrowIfLostAsync(command, exception);
            throw;
        }
    }

    // Returns null if the program still runs after its time limit.
    private async Task<AgentExecStatus?> WaitForEndAsync(
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
                return null;
            }

            // A fifth of the time waited so far: few questions, and the end is seen late by a fifth of that time at most.
            var pause = TimeSpan.FromTicks(Math.Clamp(_time.GetElapsedTime(asking).Ticks / 5, FirstPause.Ticks, LongestPause.Ticks));
            await SleepWatchingAsync(pause < left ? pause : left, command, cancellationToken);
        }
    }

    // Waits without asking the guest. Only libvirt is asked now and then whether the VM still runs.
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
                // An agent can fail to answer under load. One time is tolerated, unless the guest itself is gone.
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

    // A restarted libvirt daemon answers again after a second or two, and the guest kept running. A silent agent may answer again too.
    private async Task TryEndOnceReconnectedAsync(GuestCommand command, long processId)
    {
        var started = _time.GetTimestamp();
        while (_time.GetElapsedTime(started) < ReconnectLimit)
        {
            try
            {
                await EndAsync(command, processId, attempts: 1);
                return;
            }
            catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.ConnectionLost
                || exception.InnerException is GuestChannelException { Reason: GuestChannelReason.AgentNotResponding })
            {
                // A daemon that is back needs a moment until it has found the guest's agent.
                await Task.Delay(LifeCheckInterval, _time);
            }
            catch (GuestChannelException)
            {
                // The caller already gets the error of the lost connection.
                return;
            }
        }
    }

    // Ends the program and its children, and waits until they are gone. Not cancellable: this is the clean-up.
    private async Task EndAsync(GuestCommand command, long processId, int attempts = EndAttempts)
    {
        try
        {
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    await TryEndAsync(command, processId);
                    return;
                }
                catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.AgentNotResponding && attempt < attempts)
                {
                    // Trying again does no harm, even if the first script still ends the same processes.
                }
            }
        }
        catch (GuestChannelException exception) when (exception.Reason is GuestChannelReason.GuestLost or GuestChannelReason.GuestNotRunning)
        {
            // A guest that does not run has no program to end.
        }
        catch (GuestChannelException exception)
        {
            throw new GuestChannelException(
                exception.Reason is GuestChannelReason.ConnectionLost ? GuestChannelReason.ConnectionLost : GuestChannelReason.CommandStillRunning,
                $"{command.Program} (process {processId}) may still run in {_transport.VMName}: its end was not confirmed. {exception.Message}",
                exception);
        }
    }

    private async Task TryEndAsync(GuestCommand command, long processId)
    {
        var script = GuestScripts.End(processId.ToString(CultureInfo.InvariantCulture));
        var ender = await ExecAsync(script);
        var ended = await WaitForEndAsync(script, ender, null, CancellationToken.None);
        // After a status query for an ended program the agent frees its record.
        var status = await StatusAsync(command, processId, CancellationToken.None);
        if (ended is { ExitCode: 0 })
        {
            return;
        }

        throw new GuestChannelException(
            GuestChannelReason.CommandStillRunning,
            ended is null
                ? $"Looking for it and its children took more than {GuestScripts.EndLimit.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s: the guest is too busy."
                : GuestText.Shown($"{ended.StandardOutput.Trim()} {ended.StandardError.Trim()}".Trim()) + (status.Exited ? " (it has ended itself, and its children have not)" : null));
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
