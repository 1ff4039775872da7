// The ways to give a VM a new QEMU process, and the reason for the chosen one.
namespace KvmTune.Tuning;

/// <summary>The way to give a VM the new QEMU process that a change needs to come into force.</summary>
[JsonText(typeof(EnumName))]
public enum RestartBy
{
    /// <summary>Suspend, if it can bring the change into force and is not likely to take longer than a shutdown may; otherwise Reboot.</summary>
    Auto,

    /// <summary>
    /// The guest's state is saved (libvirt's managed save), the definition saved with it is edited, and the guest resumes: a pause instead of
    /// a reboot. It can bring settings into force that the guest cannot see.
    /// </summary>
    Suspend,

    /// <summary>The guest shuts down and boots.</summary>
    Reboot,
}

/// <summary>The chosen way of one restart.</summary>
/// <param name="By">Suspend or Reboot.</param>
/// <param name="Reason">Why it is not Suspend, as words; null for Suspend, and if the user chose Reboot.</param>
/// <param name="Forecast">The expected cost of a suspend; null for a reboot.</param>
public sealed record RestartWay(RestartBy By, string? Reason, SuspendForecast? Forecast)
{
    /// <summary>The planned steps as a clause, for example <c>the VM is shut down and started</c>.</summary>
    public string Description => By == RestartBy.Suspend
        ? $"the guest's state is saved and goes on with the new settings, without a reboot{(Forecast is null ? null : $" ({Forecast})")}"
        : "the VM is shut down and started" + (Reason is null ? null : $" (no suspend: {Reason})");

    /// <summary>A reboot, without a reason to report.</summary>
    internal static RestartWay Reboot { get; } = new(RestartBy.Reboot, null, null);
}

/// <summary>The result of a restart.</summary>
/// <param name="By">Suspend or Reboot.</param>
/// <param name="Pause">How long the guest was paused by a suspend; null for a reboot.</param>
/// <param name="Reason">Why it was not a suspend; null for a suspend, and if the user chose a reboot.</param>
/// <param name="Notes">What the user should know or still has to do.</param>
public sealed record RestartOutcome(RestartBy By, TimeSpan? Pause, string? Reason, IReadOnlyList<string> Notes);
