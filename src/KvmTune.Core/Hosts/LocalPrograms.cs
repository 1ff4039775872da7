// The programs on this machine.
namespace KvmTune.Hosts;

/// <summary>Looks for programs on the PATH and in the system folders.</summary>
internal static class LocalPrograms
{
    /// <summary>Whether a program exists.</summary>
    public static bool Exists(string name) => Find(name) is not null;

    /// <summary>The path of a program; null if it does not exist. .NET itself would prefer a program of that name in the current folder.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Concat(["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
            .Where(folder => folder.Length > 0)
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);
}
