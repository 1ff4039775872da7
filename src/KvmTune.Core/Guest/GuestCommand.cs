// A program to run in a guest, and its result. Arguments stay a list: KvmTune never joins them for a shell to split.
namespace KvmTune.Guest;

/// <summary>A program to run in a guest.</summary>
/// <param name="Path">The program: an absolute path, or a name that the guest's <c>PATH</c> finds.</param>
/// <param name="Arguments">Its arguments, each passed unchanged. None of them may contain a NUL character.</param>
public sealed record GuestCommand(string Path, IReadOnlyList<string> Arguments)
{
    /// <summary>How long the program may run. After that the program and its children are ended in the guest.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the program is expected to run, if known: before that time the guest is not asked about it.</summary>
    public TimeSpan? ExpectedDuration { get; init; }

    /// <summary>The program's standard input, as UTF-8; null for an empty one.</summary>
    public string? StandardInput { get; init; }

    /// <summary>
    /// True promises that the program writes little (below 1 MiB in all), so that the agent keeps its output in memory. Otherwise the output goes
    /// to a temporary file in the guest and is read in pieces, because libvirt closes its connection to an agent whose answer is too long.
    /// </summary>
    public bool HasShortOutput { get; init; }

    /// <summary>The user's program, if <see cref="Path"/> is a shell of KvmTune that runs it; else null.</summary>
    internal string? Wrapped { get; init; }

    /// <summary>The program's name for messages.</summary>
    internal string Program => Wrapped ?? Path;

    /// <summary>The command for people to read; for messages only.</summary>
    public override string ToString() => string.Join(' ', [Path, .. Arguments]);

    internal static void Validate(GuestCommand command)
    {
        if (string.IsNullOrWhiteSpace(command.Path))
        {
            throw new ArgumentException("A guest command needs a program: its path is empty.", nameof(command));
        }

        if (command.ToString().Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException($"A guest command cannot hold a NUL character: {command}".Replace('\0', '␀'), nameof(command));
        }

        if (command.TimeLimit <= TimeSpan.Zero)
        {
            throw new ArgumentException(
                $"The time limit of a guest command must be above zero, and is {command.TimeLimit}.", nameof(command));
        }
    }
}

/// <summary>The result of a <see cref="GuestCommand"/> that ended by itself.</summary>
/// <param name="ExitCode">The exit code; null when a signal ended the program.</param>
/// <param name="Signal">The signal that ended the program; null when it exited.</param>
/// <param name="StandardOutput">Its whole standard output, read as UTF-8.</param>
/// <param name="StandardError">Its whole standard error, read as UTF-8.</param>
/// <param name="Duration">The time from the start of the call until the end was seen, on the host's clock.</param>
public sealed record GuestCommandResult(int? ExitCode, int? Signal, string StandardOutput, string StandardError, TimeSpan Duration)
{
    /// <summary>True for exit code 0.</summary>
    public bool Succeeded => ExitCode == 0;

    /// <summary>Converts the exit code of a shell that passes on its program's one: 128 plus a number means that signal (POSIX 2.8.2).</summary>
    internal GuestCommandResult OfShell() => ExitCode > 128 ? this with { ExitCode = null, Signal = ExitCode - 128 } : this;

    /// <summary>The end in words: <c>exit code 3</c> or <c>signal 9</c>, with the first lines of the program's own messages.</summary>
    public string Describe()
    {
        var end = ExitCode is { } code ? $"exit code {code}" : $"signal {Signal}";
        var said = StandardError.Trim();
        if (said.Length == 0)
        {
            said = StandardOutput.Trim();
        }

        return said.Length == 0 ? end : $"{end}: {GuestText.Shown(said)}";
    }
}
