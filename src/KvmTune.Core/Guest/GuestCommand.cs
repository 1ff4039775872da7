// One program to run in a guest, and its result. Arguments are a list and stay one: no shell of ours joins or splits them.
namespace KvmTune.Guest;

/// <summary>A program to run in a guest.</summary>
/// <param name="Path">The program: an absolute path, or a name that the guest's <c>PATH</c> finds.</param>
/// <param name="Arguments">Its arguments, each handed over as it stands. None of them may hold a NUL character.</param>
public sealed record GuestCommand(string Path, IReadOnlyList<string> Arguments)
{
    /// <summary>How long the program may run. Past it the program and its children are ended in the guest.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the program is expected to run, where that is known: until then the guest is not disturbed by questions.</summary>
    public TimeSpan? ExpectedDuration { get; init; }

    /// <summary>What the program gets on its standard input, as UTF-8; null for an empty one.</summary>
    public string? StandardInput { get; init; }

    /// <summary>
    /// True promises that the program writes little (below 1 MiB in all): then the agent keeps its output in memory. Otherwise it goes to a
    /// temporary file in the guest and is read piece by piece, since libvirt drops its connection to an agent that answers too much at once.
    /// </summary>
    public bool HasShortOutput { get; init; }

    /// <summary>The program that <see cref="Path"/>, a shell of ours, runs; null where it is the program itself.</summary>
    internal string? Wrapped { get; init; }

    /// <summary>The program that is meant, for messages.</summary>
    internal string Program => Wrapped ?? Path;

    /// <summary>The command as a person reads it, for messages only.</summary>
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

/// <summary>What came of a <see cref="GuestCommand"/> that ended by itself.</summary>
/// <param name="ExitCode">The exit code; null when a signal ended the program.</param>
/// <param name="Signal">The signal that ended the program; null when it exited.</param>
/// <param name="StandardOutput">All that it wrote to its standard output, read as UTF-8.</param>
/// <param name="StandardError">All that it wrote to its standard error, read as UTF-8.</param>
/// <param name="Duration">From the start of the call until its end was seen, on the host's clock.</param>
public sealed record GuestCommandResult(int? ExitCode, int? Signal, string StandardOutput, string StandardError, TimeSpan Duration)
{
    /// <summary>True for exit code 0.</summary>
    public bool Succeeded => ExitCode == 0;

    /// <summary>The end of the program that a shell ran and whose exit code it took over: an end by a signal is reported as 128 and its number (POSIX 2.8.2).</summary>
    internal GuestCommandResult OfShell() => ExitCode > 128 ? this with { ExitCode = null, Signal = ExitCode - 128 } : this;

    /// <summary>The end in words: <c>exit code 3</c> or <c>signal 9</c>, with the first lines of what the program said about it.</summary>
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
