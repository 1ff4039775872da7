// The user and the process that make a change. The process is recorded so that later processes can find out whether it still runs.
using System.Globalization;
using System.Reflection;

namespace KvmTune.Journal;

/// <summary>A process, identified among all before and after it (sources: proc(5); random(4) for the boot id).</summary>
/// <param name="ProcessId">The process id.</param>
/// <param name="ProcessStart">When it was started, in clock ticks since the host's start: an id may be used again, this pair is not.</param>
/// <param name="BootId">The id of the host's boot.</param>
internal sealed record JournalOwner(int ProcessId, long ProcessStart, string BootId)
{
    /// <summary>This process.</summary>
    public static JournalOwner Current { get; } = new(Environment.ProcessId, StartOf(Environment.ProcessId) ?? 0, ReadBootId());

    /// <summary>The user of this process; after sudo, also the user who called it.</summary>
    public static string User { get; } = Environment.GetEnvironmentVariable("SUDO_USER") is { Length: > 0 } by && by != Environment.UserName
        ? $"{Environment.UserName} (sudo by {by})"
        : Environment.UserName;

    /// <summary>The program of this process, for example <c>pwsh</c>, even if it is a .NET tool, whose process is <c>dotnet</c>.</summary>
    public static string Program { get; } = Assembly.GetEntryAssembly()?.GetName().Name ?? Path.GetFileName(Environment.ProcessPath) ?? "unknown";

    /// <summary>Whether the process still runs.</summary>
    public bool IsAlive => BootId == Current.BootId && StartOf(ProcessId) == ProcessStart;

    /// <summary>
    /// The program of a process, for example <c>pwsh</c>; null if the process has ended. A program chooses its own name, so control characters
    /// are removed.
    /// </summary>
    public static string? ProgramOf(int processId)
    {
        try
        {
            return string.Concat(File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/comm")).Where(character => !char.IsControl(character)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The name of a user of this machine, else the number (passwd(5)).</summary>
    public static string UserOf(uint userId)
    {
        var number = userId.ToString(CultureInfo.InvariantCulture);
        try
        {
            return File.ReadLines("/etc/passwd").Select(line => line.Split(':')).FirstOrDefault(fields => fields.Length > 2 && fields[2] == number)?[0] ?? $"user {number}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"user {number}";
        }
    }

    // The second field is the name in parentheses, which may contain anything. The state is the third field, the start the 22nd.
    private static long? StartOf(int processId)
    {
        try
        {
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string ReadBootId()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }
}
