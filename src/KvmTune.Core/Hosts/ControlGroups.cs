// The control groups that a thread is in, as the kernel names them: version 2, or one hierarchy for each controller of version 1.
namespace KvmTune.Hosts;

/// <summary>A control group in the file system.</summary>
/// <param name="Mount">Where its hierarchy is mounted.</param>
/// <param name="Path">Its path below that, with a slash in front.</param>
/// <param name="IsVersion2">Whether it is one of version 2.</param>
internal sealed record ControlGroup(string Mount, string Path, bool IsVersion2);

/// <summary>Finds control groups (source: cgroups(7)).</summary>
internal static class ControlGroups
{
    /// <summary>Where they are mounted.</summary>
    public const string Root = "/sys/fs/cgroup";

    /// <summary>The group of a thread that a controller sees; null where there is none, or it lies outside of what this process can see.</summary>
    /// <param name="groups">What <c>/proc/PID/task/TID/cgroup</c> says. A line is "id:controllers:path"; version 2 has one with id 0 and no controllers.</param>
    /// <param name="controller">The controller, for example cpu.</param>
    /// <param name="root">Where control groups are mounted.</param>
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
                // Version 1 mounts a controller under its name, or under those that share its hierarchy.
                found = new ControlGroup(mount, parts[2], IsVersion2: false);
            }
        }

        return found;
    }

    /// <summary>
    /// The host CPUs that a thread's groups let it have, with the file that says so; null where none does. A group of version 2 without
    /// the controller has what the one above it has.
    /// </summary>
    /// <param name="groups">What <c>/proc/PID/task/TID/cgroup</c> says.</param>
    /// <param name="read">Reads a file; null where it cannot be read.</param>
    /// <param name="root">Where control groups are mounted.</param>
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
