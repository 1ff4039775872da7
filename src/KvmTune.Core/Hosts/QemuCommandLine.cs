// QEMU's command line as options by name: the settings that a VM's process was started with.
using System.Text.Json;

namespace KvmTune.Hosts;

/// <summary>
/// The <c>-blockdev</c>, <c>-device</c>, <c>-netdev</c> and <c>-object</c> options of a QEMU process. libvirt writes them as JSON, older versions
/// as <c>name,key=value</c>; here each is a flat list, in which <c>cache.direct</c> is the member <c>direct</c> of <c>cache</c>.
/// </summary>
public sealed class QemuCommandLine
{
    private readonly IReadOnlyList<(string Option, IReadOnlyDictionary<string, string> Values)> _options;

    /// <summary>Reads a command line.</summary>
    public QemuCommandLine(IReadOnlyList<string> arguments)
    {
        var options = new List<(string, IReadOnlyDictionary<string, string>)>();
        for (var index = 0; index + 1 < arguments.Count; index++)
        {
            if (arguments[index] is "-blockdev" or "-device" or "-netdev" or "-object")
            {
                options.Add((arguments[index], Parse(arguments[index + 1])));
            }
        }

        _options = options;
    }

    /// <summary>The device with this id, which is its alias in the running domain XML; null if there is none.</summary>
    public IReadOnlyDictionary<string, string>? Device(string id) => Find("-device", "id", id);

    /// <summary>The network device with this hardware address; null if there is none.</summary>
    public IReadOnlyDictionary<string, string>? Nic(string mac) => Find("-device", "mac", mac);

    /// <summary>The host's side of a NIC; null if there is none.</summary>
    public IReadOnlyDictionary<string, string>? Netdev(string id) => Find("-netdev", "id", id);

    /// <summary>The block node with this name; null if there is none.</summary>
    public IReadOnlyDictionary<string, string>? BlockNode(string name) => Find("-blockdev", "node-name", name);

    /// <summary>The ids of the I/O threads.</summary>
    public IEnumerable<string> IOThreads => _options
        .Where(option => option.Option == "-object" && option.Values.GetValueOrDefault("qom-type", option.Values.GetValueOrDefault(string.Empty, "")) == "iothread")
        .Select(option => option.Values.GetValueOrDefault("id", string.Empty));

    private IReadOnlyDictionary<string, string>? Find(string option, string key, string value) => _options
        .FirstOrDefault(candidate => candidate.Option == option
            && string.Equals(candidate.Values.GetValueOrDefault(key), value, StringComparison.OrdinalIgnoreCase)).Values;

    private static Dictionary<string, string> Parse(string text)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        if (text.StartsWith('{'))
        {
            using var document = JsonDocument.Parse(text);
            Flatten(values, string.Empty, document.RootElement);
            return values;
        }

        // The first word names the kind; a comma within a value is written twice.
        foreach (var part in text.Replace(",,", "\0", StringComparison.Ordinal).Split(',').Select(part => part.Replace('\0', ',')))
        {
            var end = part.IndexOf('=', StringComparison.Ordinal);
            values[end < 0 ? string.Empty : part[..end]] = end < 0 ? part : Normalised(part[(end + 1)..]);
        }

        return values;
    }

    private static void Flatten(Dictionary<string, string> values, string prefix, JsonElement element)
    {
        foreach (var member in element.EnumerateObject())
        {
            var name = prefix + member.Name;
            if (member.Value.ValueKind == JsonValueKind.Object)
            {
                Flatten(values, name + ".", member.Value);
            }
            else
            {
                values[name] = Normalised(member.Value.ToString());
            }
        }
    }

    private static string Normalised(string value) => value switch
    {
        "True" or "on" or "yes" => "true",
        "False" or "off" or "no" => "false",
        _ => value,
    };
}
