// How a VM gets a new QEMU process, and why in this way.
namespace KvmTune.Tuning;

/// <summary>How a VM gets the new QEMU process that a change needs to come into force.</summary>
[JsonText(typeof(EnumName))]
public enum RestartBy
{
    /// <summary>Suspend, where that can put the change in force and is not likely to take longer than a shutdown may; else Reboot.</summary>
    Auto,

    /// <summary>
    /// The guest's state is saved (libvirt's managed save), the definition that is saved with it is edited, and the guest goes on: a pause, and
    /// no reboot. It can put in force what the guest cannot see.
    /// </summary>
    Suspend,

    /// <summary>The guest shuts down and boots.</summary>
    Reboot,
}

/// <summary>The way that was chosen for one restart.</summary>
/// <param name="By">Suspend or Reboot.</param>
/// <param name="Reason">Why it is not Suspend, as words; null where it is, and where Reboot was asked for.</param>
/// <param name="Forecast">What a suspend is likely to cost; null for a reboot.</param>
public sealed record RestartWay(RestartBy By, string? Reason, SuspendForecast? Forecast)
{
    /// <summary>What is going to be done, as a clause, for example <c>the guest is suspended for about 4 s and goes on</c>.</summary>
    public string Description => By == RestartBy.Suspend
        ? $"the guest's state is saved and goes on with the new settings, without a reboot{(Forecast is null ? null : $" ({Forecast})")}"
        : "the VM is shut down and started" + (Reason is null ? null : $" (no suspend: {Reason})");

    /// <summary>A reboot, without a reason to report.</summary>
    internal static RestartWay Reboot { get; } = new(RestartBy.Reboot, null, null);
}

/// <summary>The result of a restart.</summary>
/// <param name="By">Suspend or Reboot.</param>
/// <param name="Pause">How long the guest stood still for a suspend; null for a reboot.</param>
/// <param name="Reason">Why it was not a suspend; null where it was, and where a reboot was asked for.</param>
/// <param name="Notes">What is left for a person to know or do.</param>
public sealed record RestartOutcome(RestartBy By, TimeSpan? Pause, string? Reason, IReadOnlyList<string> Notes);
