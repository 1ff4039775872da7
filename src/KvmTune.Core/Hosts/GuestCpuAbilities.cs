// The CPUs that QEMU can give a guest on a host, from libvirt's domain capabilities.
using System.Xml.Linq;
using KvmTune.Libvirt;

namespace KvmTune.Hosts;

/// <summary>A named CPU model.</summary>
/// <param name="IsUsable">Whether a guest can have it on this host.</param>
/// <param name="Vendor">AMD, Intel and others; null if the model has no vendor.</param>
public sealed record GuestCpuModel(bool IsUsable, string? Vendor);

/// <summary>
/// The CPU modes, models and features of a host for one architecture, machine type and kind of virtualization (libvirt: formatdomaincaps).
/// </summary>
public sealed record GuestCpuAbilities
{
    /// <summary>The supported CPU modes: host-passthrough, host-model, maximum, custom.</summary>
    public IReadOnlySet<string> Modes { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>The named models, by their names.</summary>
    public IReadOnlyDictionary<string, GuestCpuModel> Models { get; init; } = new Dictionary<string, GuestCpuModel>(StringComparer.Ordinal);

    /// <summary>The vendor of the CPU that host-model stands for.</summary>
    public string? Vendor { get; init; }

    /// <summary>The named model that host-model stands for.</summary>
    public string? HostModel { get; init; }

    /// <summary>The features that host-model adds to or removes from its model, with the policy: <c>require</c> or <c>disable</c>.</summary>
    public IReadOnlyDictionary<string, string> HostModelFeatures { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>All features that a guest can have on this host; null if libvirt does not report them.</summary>
    public IReadOnlySet<string>? Features { get; init; }

    /// <summary>Whether libvirt knows a feature of that name; null if that cannot be found out.</summary>
    internal Func<string, bool?> KnowsFeature { get; init; } = static _ => null;

    /// <summary>Reads the abilities of a host.</summary>
    /// <param name="host">The host. libvirt reports them only to a writable connection.</param>
    /// <param name="architecture">The guest's architecture; null for the host's.</param>
    /// <param name="machine">The machine type; null for the default one.</param>
    /// <param name="domainType">kvm or qemu; null for the default one.</param>
    /// <returns>Null if the driver cannot report them.</returns>
    /// <exception cref="KvmTuneException">The host cannot be reached, or refuses.</exception>
    public static GuestCpuAbilities? Read(HostConnection host, string? architecture = null, string? machine = null, string? domainType = null)
    {
        ArgumentNullException.ThrowIfNull(host);
        var connection = host.Write();
        try
        {
            var abilities = Parse(connection.GetDomainCapabilitiesXml(null, architecture, machine, domainType), out var hostModel);
            if (abilities.Modes.Count == 0)
            {
                // This driver reports no CPUs.
                return null;
            }

            return hostModel is null || Expand(connection, hostModel, architecture, machine, domainType) is not { } features ? abilities : abilities with
            {
                Features = features,
                KnowsFeature = name => features.Contains(name) || Expand(connection, Without(hostModel, name), architecture, machine, domainType) is not null,
            };
        }
        catch (LibvirtException exception) when (exception.ErrorCode is LibvirtErrorCode.NoSupport or LibvirtErrorCode.ArgumentUnsupported or LibvirtErrorCode.InvalidArgument)
        {
            return null;
        }
    }

    /// <summary>Reads domain capabilities.</summary>
    /// <param name="xml">The document.</param>
    /// <param name="hostModel">The CPU that host-model stands for, in the form that libvirt accepts; null if there is none.</param>
    internal static GuestCpuAbilities Parse(string xml, out string? hostModel)
    {
        var modes = XDocument.Parse(xml).Root?.Element("cpu")?.Elements("mode").Where(mode => (string?)mode.Attribute("supported") == "yes").ToList() ?? [];
        var host = modes.Find(mode => Name(mode) == "host-model");
        hostModel = host?.Element("model") is null ? null : new XElement("cpu", host.Elements()).ToString();
        return new GuestCpuAbilities
        {
            Modes = modes.Select(Name).ToHashSet(StringComparer.Ordinal),
            Vendor = host?.Element("vendor")?.Value,
            HostModel = host?.Element("model")?.Value,
            HostModelFeatures = (host?.Elements("feature") ?? []).DistinctBy(Name, StringComparer.Ordinal)
                .ToDictionary(Name, feature => (string?)feature.Attribute("policy") ?? "require", StringComparer.Ordinal),
            Models = modes.Where(mode => Name(mode) == "custom").Elements("model").DistinctBy(model => model.Value, StringComparer.Ordinal).ToDictionary(
                model => model.Value,
                model => new GuestCpuModel((string?)model.Attribute("usable") != "no", (string?)model.Attribute("vendor") is { } vendor and not "unknown" ? vendor : null),
                StringComparer.Ordinal),
        };
    }

    private static string Name(XElement element) => (string?)element.Attribute("name") ?? string.Empty;

    // libvirt expands no CPU that names an unknown feature, even with the policy to disable it.
    private static string Without(string hostModel, string feature)
    {
        var cpu = new XElement("cpu", XElement.Parse(hostModel).Element("model"), new XElement("feature", new XAttribute("policy", "disable"), new XAttribute("name", feature)));
        return cpu.ToString();
    }

    // The features that are part of the host's model and not listed beside it.
    private static HashSet<string>? Expand(LibvirtConnection connection, string hostModel, string? architecture, string? machine, string? domainType)
    {
        try
        {
            return XElement.Parse(connection.ExpandCpu(hostModel, architecture, machine, domainType)).Elements("feature")
                .Where(feature => (string?)feature.Attribute("policy") is null or "require" or "force").Select(Name).ToHashSet(StringComparer.Ordinal);
        }
        catch (LibvirtException exception) when (!exception.IsConnectionLost)
        {
            // libvirt is older than 4.4, or the architecture is another one.
            return null;
        }
    }
}
