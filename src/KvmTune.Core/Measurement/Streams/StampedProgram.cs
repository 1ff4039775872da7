// Runs a program in a guest and reads its output lines as samples. Each line gets the guest's time when it arrives, and goes to a file.
// The file is read now and then while the program runs, and again when it has ended.
using System.Globalization;
using KvmTune.Guest;

namespace KvmTune.Measurement.Streams;

/// <summary>A line of a program's output.</summary>
/// <param name="Uptime">When the line arrived, in seconds since the guest's start.</param>
/// <param name="Text">The line.</param>
internal sealed record StampedLine(double Uptime, string Text);

/// <summary>A program's output.</summary>
/// <param name="Lines">Its lines.</param>
/// <param name="ExitCode">Its exit code (for a signal 128 plus its number); null if it has not ended by itself.</param>
/// <param name="WasEnded">Whether KvmTune ended it, because its time was over.</param>
internal sealed record StampedOutput(IReadOnlyList<StampedLine> Lines, int? ExitCode, bool WasEnded)
{
    /// <summary>Whether the program has ended by itself with an error.</summary>
    public bool HasFailed => !WasEnded && ExitCode is not (null or 0);

    /// <summary>Whether the program has ended.</summary>
    public bool HasEnded => WasEnded || ExitCode is not null;

    /// <summary>The last lines, for an error.</summary>
    public string Tail => string.Join(" / ", Lines.TakeLast(3).Select(line => line.Text.Length <= 200 ? line.Text : line.Text[..200]));
}

/// <summary>Runs programs in one guest, with a folder for their output.</summary>
internal sealed class StampedProgram(IGuestChannel channel, TimeProvider time)
{
    private const string LogName = "rate_lines.log";
    private const string ExitMark = "kvmtune-exit ";

    // A limit on the output, because a guest may write any amount.
    private const int MostBytes = 32 * 1024 * 1024;
    private const int LongestLine = 4096;

    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    // read and printf are builtins of every shell, so no line starts a process. stdbuf, if the guest has it, makes a program write line by line.
    private const string Script = "folder=$1\n" + GuestTestFolder.NoteProcess + """
        : > "$folder/lease"
        buffer=$2
        shift 2
        if [ "$buffer" = line ] && command -v stdbuf >/dev/null 2>&1; then set -- stdbuf -oL -eL "$@"; fi
        {
            "$@" 2>&1 </dev/null &
            echo "$!" > "$folder/rate_pid"
            wait "$!"
            printf '\nkvmtune-exit %s\n' "$?"
            rm -f -- "$folder/rate_pid"
        } | while IFS= read -r line; do
            read -r up rest < /proc/uptime
            printf '%s %s\n' "$up" "$line"
        done > "$folder/rate_lines.log"
        """;

    // Sends only SIGTERM and waits, so that fio can write its histograms. A program that does not end then is killed together with the script.
    private const string EndScript = """
        { read -r pid < "$1/rate_pid"; } 2>/dev/null || exit 0
        kill -s TERM "$pid" 2>/dev/null
        read -r now rest < /proc/uptime
        until=$((${now%%.*} + 10))
        while [ -e "$1/rate_pid" ] && [ "${now%%.*}" -lt "$until" ]; do
            sleep 0.1 2>/dev/null || sleep 1
            read -r now rest < /proc/uptime
        done
        """;

    private GuestTestFolder? _folder;
    private CancellationTokenSource? _over;

    /// <summary>The folder's path; null if there is none.</summary>
    public string? Folder => _folder?.Path;

    /// <summary>Runs a program for the given time, until it ends by itself, or until <see cref="EndAsync"/>.</summary>
    /// <param name="command">The program.</param>
    /// <param name="length">The time after which the program is ended in the guest, which is not a failure.</param>
    /// <param name="endsByItself">Whether the program ends by itself after that time. Then it gets more time, and is not watched before.</param>
    /// <param name="cancellationToken">Ends the program, and the call.</param>
    public async Task<StampedOutput> RunAsync(GuestCommand command, TimeSpan length, bool endsByItself, CancellationToken cancellationToken)
    {
        var folder = await OpenAsync(cancellationToken);
        using var over = new CancellationTokenSource(endsByItself ? (length * 2) + Margin : length, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        _over = over;
        var wasEnded = false;
        try
        {
            var result = await channel.RunAsync(
                command with
                {
                    Wrapped = command.Program,
                    Path = "/bin/sh",
                    Arguments = ["-c", Script, "kvmtune", folder, endsByItself ? "as-it-is" : "line", command.Path, .. command.Arguments],
                    HasShortOutput = true,
                    ExpectedDuration = endsByItself ? length : null,
                    TimeLimit = (length * 2) + Margin + Margin,
                },
                either.Token);
            if (!result.Succeeded)
            {
                return new([new(0, result.Describe())], result.ExitCode ?? 1, WasEnded: false);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            wasEnded = true;
        }
        finally
        {
            _over = null;
        }

        var output = await SoFarAsync(cancellationToken);
        return wasEnded ? output with { WasEnded = true } : output;
    }

    /// <summary>The program's output so far; the program goes on.</summary>
    public async Task<StampedOutput> SoFarAsync(CancellationToken cancellationToken) => Parse(await ReadAsync(LogName, cancellationToken));

    /// <summary>Ends the running program with SIGTERM first.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        if (_over is { } over)
        {
            await channel.RunAsync(GuestScripts.Command(EndScript, await OpenAsync(cancellationToken)), cancellationToken);
            await over.CancelAsync();
        }
    }

    /// <summary>Reads a file of the folder, up to 32 MiB, and renews the folder's lease.</summary>
    /// <returns>Its text; empty if the file does not exist.</returns>
    public async Task<string> ReadAsync(string name, CancellationToken cancellationToken)
    {
        var folder = await OpenAsync(cancellationToken);
        var result = await channel.RunAsync(
            GuestScripts.Command(""": > "$1/lease"; exec head -c "$2" "$1/$3" """, folder, MostBytes.ToString(CultureInfo.InvariantCulture), name) with { HasShortOutput = false },
            cancellationToken);
        return result.Succeeded ? result.StandardOutput : string.Empty;
    }

    /// <summary>Reads a file of the folder and removes it; null if the file does not exist or is empty.</summary>
    public async Task<string?> TakeAsync(string name, CancellationToken cancellationToken)
    {
        var text = await ReadAsync(name, cancellationToken);
        await channel.RunAsync(GuestScripts.Command("""rm -f -- "$1" """, $"{await OpenAsync(cancellationToken)}/{name}"), cancellationToken);
        return text.Length > 0 ? text : null;
    }

    /// <summary>Writes a file into the folder. Its name must begin with <c>rate_</c>, since those files are removed with the folder.</summary>
    /// <returns>Its path in the guest.</returns>
    public async Task<string> WriteAsync(string name, string text, CancellationToken cancellationToken)
    {
        var folder = await OpenAsync(cancellationToken);
        var result = await channel.RunAsync(
            GuestScripts.Command("""cat > "$1" """, $"{folder}/{name}") with { StandardInput = text }, cancellationToken);
        return result.Succeeded
            ? $"{folder}/{name}"
            : throw new MeasurementException(MeasurementReason.PreparationFailed, $"{name} could not be written in the guest: {result.Describe()}");
    }

    /// <summary>Removes the folder.</summary>
    public async Task CleanUpAsync()
    {
        if (_folder is { } folder)
        {
            await folder.RemoveAsync();
            _folder = null;
        }
    }

    /// <summary>Reads the file of stamped lines; lines in another format are skipped.</summary>
    internal static StampedOutput Parse(string text)
    {
        var lines = new List<StampedLine>();
        int? exit = null;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            var blank = line.IndexOf(' ');
            if (blank <= 0
                || GuestClock.ReadUptime(line[..blank]) is not { } uptime
                || line[(blank + 1)..] is not { Length: > 0 and <= LongestLine } rest)
            {
                continue;
            }

            if (rest.StartsWith(ExitMark, StringComparison.Ordinal)
                && int.TryParse(rest[ExitMark.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var code))
            {
                exit = code;
            }
            else
            {
                lines.Add(new(uptime, rest.ToString()));
            }
        }

        return new(lines, exit, WasEnded: false);
    }

    /// <summary>Makes the folder if there is none yet.</summary>
    /// <returns>Its path in the guest.</returns>
    /// <exception cref="MeasurementException">It cannot be made.</exception>
    public async Task<string> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            _folder ??= await GuestTestFolder.MakeAsync(channel, "/tmp", cancellationToken);
            return _folder.Path;
        }
        catch (IOException exception)
        {
            throw new MeasurementException(MeasurementReason.PreparationFailed, $"{exception.Message} The lines of the load go to a file there.", exception);
        }
    }
}
