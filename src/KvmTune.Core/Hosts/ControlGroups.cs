// The control groups of a thread, under the kernel's names: version 2, or one hierarchy for each controller of version 1.
namespace KvmTune.Hosts;

/// <summary>A control group in the file system.</summary>
/// <param name="Mount">The mount point of its hierarchy.</param>
/// <param name="Path">Its path below the mount point, with a leading slash.</param>
/// <param name="IsVersion2">Whether it belongs to version 2.</param>
internal sealed record ControlGroup(string Mount, string Path, bool IsVersion2);

/// <summary>Finds control groups (source: cgroups(7)).</summary>
internal static class ControlGroups
{
    /// <summary>The usual mount point.</summary>
    public const string Root = "/sys/fs/cgroup";

    /// <summary>
    /// The group of a thread for one controller; null if there is none, or if it lies outside the part that this process can see.
    /// </summary>
    /// <param name="groups">
    /// The text of <c>/proc/PID/task/TID/cgroup</c>. A line is "id:controllers:path"; version 2 has one with id 0 and no controllers.
    /// </param>
    /// <param name="controller">The controller, for example cpu.</param>
    /// <param name="root">The mount point of the control groups.</param>
    public static ControlGroup? Of(string? groups, string controller, string root)
    {
        ControlGroup? found = null;
        foreach (var line in groups?.Split('\n') ?? [])
        {
            var parts = line.Split(':', 3);
            if (parts.Length < 3 || !parts[2].StartsWith('/') || parts[2].Split('/').Contains("..", StringComparer.Ordinal))
            {
                continue;
            }

            if (parts[1].Length == 0)
            {
                found ??= new ControlGroup(root, parts[2], IsVersion2: true);
            }
            else if (parts[1].Split(',').Contains(controller, StringComparer.Ordinal)
                && new[] { parts[1], controller }.Select(mount => $"{root}/{mount}").FirstOrDefault(mount => Directory.Exists(mount + parts[2])) is { } mount)
            {
                // Version 1 mounts a controller under its own name, or under the joined names of the controllers in the same hierarchy.
                found = new ControlGroup(mount, parts[2], IsVersion2: false);
            }
        }

        return found;
    }

    /// <summary>
    /// The CPU weight of a group that sets none: 100 in version 2 (<c>cpu.weight</c>), 1024 in version 1 (<c>cpu.shares</c>); null if no
    /// controller is found.
    /// </summary>
    /// <param name="root">The mount point of the control groups.</param>
    public static long? DefaultShares(string root)
    {
        var controllers = Path.Combine(root, "cgroup.controllers");
        return File.Exists(controllers) && File.ReadAllText(controllers).Split(' ', '\n').Contains("cpu", StringComparer.Ordinal) ? 100
            : Directory.Exists(Path.Combine(root, "cpu")) || Directory.Exists(Path.Combine(root, "cpu,cpuacct")) ? 1024
            : null;
    }

    /// <summary>
    /// The host CPUs that a thread's groups allow, with the file that says so; null if no group restricts them. A group of version 2 without the
    /// controller has the CPUs of its parent.
    /// </summary>
    /// <param name="groups">The text of <c>/proc/PID/task/TID/cgroup</c>.</param>
    /// <param name="read">Reads a file; null if it cannot be read.</param>
    /// <param name="root">The mount point of the control groups.</param>
    public static (string File, string Cpus)? CpusOf(string? groups, Func<string, string?> read, string root)
    {
        if (Of(groups, "cpuset", root) is not { } group)
        {
            return null;
        }

        for (var path = group.Path; path is { Length: > 1 }; path = Path.GetDirectoryName(path))
        {
            var file = $"{group.Mount}{path}/{(group.IsVersion2 ? "cpuset.cpus.effective" : "cpuset.cpus")}";
            if (read(file)?.Trim() is { Length: > 0 } cpus)
            {
                return (file, cpus);
            }
        }

        return null;
    }
}
