// The NICs that a user names: by hardware address, by index, by the host's device, by wildcard, or all.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Network;

/// <summary>Resolves NIC names.</summary>
internal static class NicNames
{
    /// <summary>The word for all NICs.</summary>
    public const string All = "all";

    /// <summary>The named NICs; without a name, the VM's only NIC.</summary>
    /// <exception cref="KvmTuneException">A name matches no NIC (<c>NicNotFound</c>), or several NICs need a name (<c>NicAmbiguous</c>).</exception>
    public static IReadOnlyList<NicConfiguration> Of(VMTarget vm, IReadOnlyList<string>? names)
    {
        var configured = PersistentDocument.Of(vm).ToConfiguration();
        if (names is null)
        {
            return configured.Nics.Count == 1
                ? configured.Nics
                : configured.Nics.Count == 0 ? throw NicQueuesChange.NotFound("*", configured) : throw new KvmTuneException(
                    "NicAmbiguous", KvmTuneErrorCategory.InvalidArgument,
                    $"The VM '{vm.Domain.Name}' has {configured.Nics.Count.ToString(CultureInfo.InvariantCulture)} NICs: {string.Join(", ", configured.Nics.Select(nic => nic.Mac))}. Choose with -Nic, or use -Nic all.");
        }

        // Only a running VM has devices on the host (vnet0).
        var devices = DomainXmlReader.Read(vm.Domain.GetXml()).Nics.Where(nic => nic.HostDevice is not null)
            .ToLookup(nic => nic.Mac, nic => nic.HostDevice!, StringComparer.OrdinalIgnoreCase);
        return [.. names.SelectMany(name => Matching(configured, devices, name)).Distinct()];
    }

    private static IEnumerable<NicConfiguration> Matching(VMConfiguration vm, ILookup<string, string> devices, string name)
    {
        if (name.Equals(All, StringComparison.OrdinalIgnoreCase) || name == "*")
        {
            return vm.Nics;
        }

        if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index))
        {
            return index < vm.Nics.Count ? [vm.Nics[index]] : throw NicQueuesChange.NotFound(name, vm);
        }

        var pattern = new WildcardPattern(name, WildcardOptions.IgnoreCase);
        var found = vm.Nics.Where(nic => pattern.IsMatch(nic.Mac) || devices[nic.Mac].Any(pattern.IsMatch)).ToList();
        return found.Count > 0 || WildcardPattern.ContainsWildcardCharacters(name) ? found : throw NicQueuesChange.NotFound(name, vm);
    }
}
