// Runs a program in a guest whose output lines are the samples: each line gets the guest's time as it comes, and goes to a file that is read
// now and then while the program goes on, and when it has ended.
using System.Globalization;
using KvmTune.Guest;

namespace KvmTune.Measurement.Streams;

/// <summary>A line of a program's output.</summary>
/// <param name="Uptime">When it came, in seconds since the guest's start.</param>
/// <param name="Text">The line.</param>
internal sealed record StampedLine(double Uptime, string Text);

/// <summary>What a program wrote.</summary>
/// <param name="Lines">Its lines.</param>
/// <param name="ExitCode">Its exit code (a signal's is 128 and its number); null where it has not ended by itself.</param>
/// <param name="WasEnded">Whether it was ended here since its time was over.</param>
internal sealed record StampedOutput(IReadOnlyList<StampedLine> Lines, int? ExitCode, bool WasEnded)
{
    /// <summary>Whether the program is seen to have ended by itself, and not well.</summary>
    public bool HasFailed => !WasEnded && ExitCode is not (null or 0);

    /// <summary>Whether the program is seen to have ended.</summary>
    public bool HasEnded => WasEnded || ExitCode is not null;

    /// <summary>The last lines, for an error.</summary>
    public string Tail => string.Join(" / ", Lines.TakeLast(3).Select(line => line.Text.Length <= 200 ? line.Text : line.Text[..200]));
}

/// <summary>Runs programs in one guest, with a folder for what they write.</summary>
internal sealed class StampedProgram(IGuestChannel channel, TimeProvider time)
{
    private const string LogName = "rate_lines.log";
    private const string ExitMark = "kvmtune-exit ";

    // What a guest writes is bounded, whatever it is.
    private const int MostBytes = 32 * 1024 * 1024;
    private const int LongestLine = 4096;

    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    // Both are builtins of every shell: no process is started for a line. stdbuf, where the guest has it, lets a program write line by line.
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

    // SIGTERM alone, and time to write what is left to write (fio's histograms); whatever does not end by it is ended with the script.
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

    /// <summary>The folder's path while there is one.</summary>
    public string? Folder => _folder?.Path;

    /// <summary>Runs a program for so long, until it ends by itself, or until it is ended.</summary>
    /// <param name="command">The program.</param>
    /// <param name="length">After that time the program is ended in the guest, which is not a failure.</param>
    /// <param name="endsByItself">Whether the program takes so long by itself: then the guest is asked nothing until then.</param>
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

    /// <summary>What the program has written so far; it goes on meanwhile.</summary>
    public async Task<StampedOutput> SoFarAsync(CancellationToken cancellationToken) => Parse(await ReadAsync(LogName, cancellationToken));

    /// <summary>Ends the program that runs, as its user would.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        if (_over is { } over)
        {
            await channel.RunAsync(GuestScripts.Command(EndScript, await OpenAsync(cancellationToken)), cancellationToken);
            await over.CancelAsync();
        }
    }

    /// <summary>Reads a file of the folder, as far as it is read at all; the folder's lease is renewed.</summary>
    /// <returns>Its text; an empty one where there is no such file.</returns>
    public async Task<string> ReadAsync(string name, CancellationToken cancellationToken)
    {
        var folder = await OpenAsync(cancellationToken);
        var result = await channel.RunAsync(
            GuestScripts.Command(""": > "$1/lease"; exec head -c "$2" "$1/$3" """, folder, MostBytes.ToString(CultureInfo.InvariantCulture), name) with { HasShortOutput = false },
            cancellationToken);
        return result.Succeeded ? result.StandardOutput : string.Empty;
    }

    /// <summary>Reads a file of the folder and removes it; null where there is none.</summary>
    public async Task<string?> TakeAsync(string name, CancellationToken cancellationToken)
    {
        var text = await ReadAsync(name, cancellationToken);
        await channel.RunAsync(GuestScripts.Command("""rm -f -- "$1" """, $"{await OpenAsync(cancellationToken)}/{name}"), cancellationToken);
        return text.Length > 0 ? text : null;
    }

    /// <summary>Writes a file of the folder; its name begins with <c>rate_</c>, as all that is removed with it.</summary>
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

    /// <summary>Reads the file of stamped lines; what is none is left out.</summary>
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

    /// <summary>Makes the folder where there is none yet.</summary>
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
