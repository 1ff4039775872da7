// Where the journal is kept: a folder and a file that only their owner can read, from the first moment on.
namespace KvmTune.Journal;

/// <summary>The journal's folder.</summary>
public static class JournalPlace
{
    /// <summary>The variable of the environment that names another folder.</summary>
    public const string Variable = "KVMTUNE_HOME";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>
    /// The folder that is meant: <c>KVMTUNE_HOME</c>, for root <c>/var/lib/kvmtune</c>, else <c>kvmtune</c> in
    /// <c>$XDG_STATE_HOME</c> (<c>~/.local/state</c>; source: XDG Base Directory Specification).
    /// </summary>
    /// <exception cref="KvmTuneException">There is no home folder (<c>JournalUnavailable</c>).</exception>
    public static string Default
    {
        get
        {
            if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen)
            {
                return Path.GetFullPath(chosen);
            }

            if (string.Equals(Environment.UserName, "root", StringComparison.Ordinal))
            {
                return "/var/lib/kvmtune";
            }

            // A relative path in the variable is to be ignored, as the specification says.
            var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } given && Path.IsPathRooted(given)
                ? given
                : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home
                    ? Path.Combine(home, ".local", "state")
                    : throw JournalError.Unavailable($"there is no home folder to keep it in; set {Variable} to a folder");
            return Path.Combine(state, "kvmtune");
        }
    }

    /// <summary>Makes a folder that only its owner can look into; one that is there stays as it is.</summary>
    internal static void MakeFolder(string path)
    {
        if (!Directory.Exists(path))
        {
            if (OperatingSystem.IsWindows())
            {
                throw new PlatformNotSupportedException("The journal's rights are those of Unix.");
            }

            Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Makes a file that only its owner can read and write, and makes one that is there so.</summary>
    internal static void MakeFile(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("The journal's rights are those of Unix.");
        }

        if (!File.Exists(path))
        {
            try
            {
                using var made = new FileStream(path, new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = OwnerOnly,
                });
            }
            catch (IOException) when (File.Exists(path))
            {
                // Another process was faster.
            }
        }
        else if ((File.GetUnixFileMode(path) & ~OwnerOnly) != UnixFileMode.None)
        {
            File.SetUnixFileMode(path, OwnerOnly);
        }
    }
}
