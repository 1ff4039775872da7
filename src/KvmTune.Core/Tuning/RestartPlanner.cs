// Chooses the way of a restart, with the reason if it is not a suspend.
using System.Globalization;
using System.Xml.Linq;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Chooses between a suspend and a reboot.</summary>
internal static class RestartPlanner
{
    /// <summary>The error id of a required suspend that is not possible.</summary>
    public const string CannotSuspend = "CannotSuspend";

    /// <summary>Chooses the way of the restart of a running VM.</summary>
    /// <param name="host">The host.</param>
    /// <param name="domain">The VM.</param>
    /// <param name="running">Its running document.</param>
    /// <param name="seen">The settings that wait to come into force and whose change the guest can see.</param>
    /// <param name="options">The options of the restart.</param>
    /// <exception cref="KvmTuneException">A suspend is required and is not possible (<see cref="CannotSuspend"/>); nothing was changed.</exception>
    public static RestartWay Choose(HostConnection host, LibvirtDomain domain, DomainDocument running, IReadOnlyList<string> seen, RestartOptions options)
    {
        if (options.By == RestartBy.Reboot)
        {
            return RestartWay.Reboot;
        }

        if (WhyNot(domain, running, seen) is { } obstacle)
        {
            return Instead(obstacle);
        }

        var forecast = SuspendForecast.Of(host, domain, running, measure: !options.WritesNothing);
        if (!forecast.HasRoom)
        {
            return Instead(string.Create(
                CultureInfo.InvariantCulture,
                $"its state takes up to {forecast.NeededBytes >> 20} MiB, and {forecast.FreeBytes >> 20} MiB are free in {forecast.Folder}"));
        }

        return options.By == RestartBy.Auto && forecast.Pause > options.TimeLimit
            ? Instead(string.Create(
                CultureInfo.InvariantCulture,
                $"it would be {forecast}, and a shutdown may take {options.TimeLimit.TotalSeconds:0} s (-ShutdownTimeLimit)"))
            : new RestartWay(RestartBy.Suspend, null, forecast);

        RestartWay Instead(string reason) => options.By == RestartBy.Auto
            ? new RestartWay(RestartBy.Reboot, reason, null)
            : throw new KvmTuneException(
                CannotSuspend, KvmTuneErrorCategory.InvalidOperation,
                $"'{domain.Name}' cannot be suspended for this: {reason}. Nothing was done. A reboot can put it in force (-RestartBy Reboot, or Auto, which takes what is possible).");
    }

    // Checks the known obstacles in advance. libvirt and QEMU refuse further devices by themselves, before they stop anything.
    private static string? WhyNot(LibvirtDomain domain, DomainDocument running, IReadOnlyList<string> seen)
    {
        if (seen.Count > 0)
        {
            return $"the guest can see {string.Join(", ", seen.Take(4))}{(seen.Count > 4 ? " and more" : null)} change, so it has to boot";
        }

        if (!domain.Connection.Uri.StartsWith("qemu", StringComparison.Ordinal))
        {
            return $"the driver of {domain.Connection.Uri} is not QEMU's";
        }

        return PassedThrough(running.Domain) is { } device
            ? $"{device} is passed through to the guest, and its state cannot be saved"
            : domain.GetState() is not (DomainState.Running or DomainState.Blocked) and var state ? $"it is in state {state}" : null;
    }

    internal static string? PassedThrough(XElement domain)
    {
        var devices = domain.Element("devices");
        var found = devices?.Elements("hostdev").Select(device => $"a host device ({(string?)device.Attribute("type") ?? (string?)device.Attribute("mode") ?? "hostdev"})")
            .Concat(devices.Elements("interface").Where(nic => (string?)nic.Attribute("type") is "hostdev" or "vdpa").Select(nic => $"NIC {(string?)nic.Element("mac")?.Attribute("address")}"))
            .Concat(devices.Elements("disk").Where(disk => (string?)disk.Attribute("type") is "nvme" or "vhostvdpa").Select(disk => $"disk {(string?)disk.Element("target")?.Attribute("dev")}"))
            .FirstOrDefault();
        return found is null ? null : TerminalText.Line(found);
    }
}
