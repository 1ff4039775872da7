// Finds and checks the journal's folder and file: only their owner can read them, from the first moment on, and no other user can plant them.
namespace KvmTune.Journal;

/// <summary>The journal's folder.</summary>
public static class JournalPlace
{
    /// <summary>The variable of the environment that names another folder.</summary>
    public const string Variable = "KVMTUNE_HOME";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode WrittenByOthers = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>The journal's folder; a relative <c>KVMTUNE_HOME</c> starts at the current folder of the process.</summary>
    /// <exception cref="KvmTuneException">There is no home folder (<c>JournalUnavailable</c>).</exception>
    public static string Default => From(static () => Environment.CurrentDirectory);

    /// <summary>
    /// The journal's folder: <c>KVMTUNE_HOME</c>, for root <c>/var/lib/kvmtune</c>, else <c>kvmtune</c> in
    /// <c>$XDG_STATE_HOME</c> (<c>~/.local/state</c>; source: XDG Base Directory Specification).
    /// </summary>
    /// <param name="currentFolder">Gets the folder that a relative path in <c>KVMTUNE_HOME</c> starts at.</param>
    /// <exception cref="KvmTuneException">There is no home folder (<c>JournalUnavailable</c>).</exception>
    public static string From(Func<string> currentFolder)
    {
        ArgumentNullException.ThrowIfNull(currentFolder);
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen)
        {
            return Path.GetFullPath(Path.IsPathRooted(chosen) ? chosen : Path.Combine(currentFolder(), chosen));
        }

        if (string.Equals(Environment.UserName, "root", StringComparison.Ordinal))
        {
            return "/var/lib/kvmtune";
        }

        // The specification says to ignore a relative path in the variable.
        var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME") is { Length: > 0 } given && Path.IsPathRooted(given)
            ? given
            : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home
                ? Path.Combine(home, ".local", "state")
                : throw JournalError.Unavailable($"there is no home folder to keep it in; set {Variable} to a folder");
        return Path.Combine(state, "kvmtune");
    }

    /// <summary>Whether the file exists. Nothing is touched.</summary>
    /// <exception cref="IOException">The folder may not be entered.</exception>
    /// <exception cref="KvmTuneException">The folder or the file is unsafe (<c>JournalUnsafe</c>).</exception>
    internal static bool HasFile(string folder, string path) => IsSafe(folder, PathKind.Folder) && IsSafe(path, PathKind.File);

    /// <summary>Makes a folder that only its owner can read and enter; an existing one stays as it is.</summary>
    /// <exception cref="KvmTuneException">It is unsafe (<c>JournalUnsafe</c>).</exception>
    internal static void MakeFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("The journal's rights are those of Unix.");
        }

        if (!IsSafe(path, PathKind.Folder))
        {
            Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
            IsSafe(path, PathKind.Folder);
        }
    }

    /// <summary>Makes a new file that only its owner can read and write.</summary>
    internal static void MakeFile(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("The journal's rights are those of Unix.");
        }

        using var made = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly });
    }

    /// <summary>Takes all rights to a file from its group and others.</summary>
    internal static void HideFromOthers(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("The journal's rights are those of Unix.");
        }

        // The file is this user's and no link, and nobody else can replace it in its folder.
        if ((File.GetUnixFileMode(path) & ~OwnerOnly) is not UnixFileMode.None)
        {
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) & OwnerOnly);
        }
    }

    /// <summary>Whether the path exists and is safe: a path that another user made or could change is neither used nor touched.</summary>
    /// <exception cref="KvmTuneException">It is unsafe (<c>JournalUnsafe</c>).</exception>
    internal static bool IsSafe(string path, PathKind kind)
    {
        if (PathFacts.Of(Path.TrimEndingDirectorySeparator(path)) is not { } facts)
        {
            return false;
        }

        return facts switch
        {
            { Kind: PathKind.Link } => throw JournalError.Unsafe(path, "is a link", $"name what it leads to in {Variable}, or remove it"),
            _ when facts.Kind != kind => throw JournalError.Unavailable(
                $"'{path}' is not a {(kind == PathKind.Folder ? "folder" : "file")}. Move it away, or set {Variable} to another folder"),
            { Kind: PathKind.File, Links: > 1 } => throw JournalError.Unsafe(path, "is a hard link: the file has another name elsewhere", "copy it and put the copy in its place"),
            _ when facts.UserId != PathFacts.CurrentUserId => throw JournalError.Unsafe(
                path, $"belongs to {JournalOwner.UserOf(facts.UserId)}, and you are {JournalOwner.UserOf(PathFacts.CurrentUserId)}", $"set {Variable} to a folder of your own"),
            _ when (facts.Mode & WrittenByOthers) != UnixFileMode.None => throw JournalError.Unsafe(
                path, $"can be written by others (mode {Convert.ToString((int)facts.Mode, 8)})", $"see that nobody did, and take that right away: chmod go-w '{path}'"),
            _ => true,
        };
    }
}
