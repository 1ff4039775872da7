// Which programs this machine has.
namespace KvmTune.Hosts;

/// <summary>Looks for programs on the PATH and in the system folders.</summary>
internal static class LocalPrograms
{
    /// <summary>Whether a program is there.</summary>
    public static bool Exists(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Concat(["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
            .Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, name)));
}
