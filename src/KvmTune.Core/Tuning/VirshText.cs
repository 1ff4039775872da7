// Writes virsh command lines that can be pasted into a shell.
using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace KvmTune.Tuning;

/// <summary>Quoting for POSIX shells.</summary>
internal static partial class VirshText
{
    /// <summary>A virsh command on a connection.</summary>
    public static string Command(string uri, params string[] words) => $"virsh -c {string.Join(' ', words.Prepend(uri).Select(Quote))}";

    /// <summary>The command that redefines a device of the persistent configuration; it reads the new definition from standard input.</summary>
    public static string UpdateDevice(VMIdentity vm, XElement device) =>
        $"{Command(vm.ConnectionUri, "update-device", vm.VirshName, "/dev/stdin", "--config")} <<'XML'\n{XElement.Parse(device.ToString())}\nXML";

    /// <summary>The command that sets a pool of huge pages, or adds pages to it.</summary>
    public static string AllocatePages(string uri, long pageSizeKiB, long count, int? node, bool add) => Command(
        uri,
        [
            "allocpages", string.Create(CultureInfo.InvariantCulture, $"{pageSizeKiB}KiB"), count.ToString(CultureInfo.InvariantCulture),
            .. node is { } number ? ["--cellno", number.ToString(CultureInfo.InvariantCulture)] : Array.Empty<string>(),
            .. add ? ["--add"] : Array.Empty<string>(),
        ]);

    /// <summary>
    /// The argument that names a VM to virsh: its name, or its UUID if virsh would mistake the name for an option or for the number of
    /// another VM (it looks for the number first, then the UUID, then the name), or if a backslash may stand for a character that is not shown.
    /// </summary>
    public static string Domain(string name, Guid id) =>
        name.StartsWith('-') || name.All(char.IsAsciiDigit) || Guid.TryParse(name, out _) || name.Contains('\\', StringComparison.Ordinal) ? id.ToString() : name;

    /// <summary>The argument for a shell: bare if that is safe, otherwise in single quotes.</summary>
    public static string Quote(string word) =>
        Safe().IsMatch(word) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>The flags for the place of a command: live, config or both.</summary>
    public static string[] Flags(bool live, bool config) => [.. live ? ["--live"] : Array.Empty<string>(), .. config ? ["--config"] : Array.Empty<string>()];

    [GeneratedRegex(@"\A[A-Za-z0-9_@%+=:,./-]+\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Safe();
}
