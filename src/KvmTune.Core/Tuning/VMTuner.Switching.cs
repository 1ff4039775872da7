// Applies a change that is made and taken back many times: the VM is held, planned again and journalled once, and then switched.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning;

public sealed partial class VMTuner
{
    /// <summary>Holds a VM and records the intent, so that the change can be switched in the running VM. The change is not made yet.</summary>
    /// <exception cref="KvmTuneException">As for <see cref="ApplyAsync"/>; or it cannot be switched live (<c>CannotSwitchLive</c>).</exception>
    internal async Task<ILiveSwitch> OpenSwitchAsync(VMTuningPlan plan, ApplyOptions options, CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow();
        var record = await journal.HoldAsync(plan, cancellationToken);
        try
        {
            var checkedPlan = planner.CheckAnew(plan, planner.Read(plan.Change.Scope));
            VMPlanner.RefuseErrors(checkedPlan);
            if (LiveSwitch.WhyNot(checkedPlan) is { } why)
            {
                throw new KvmTuneException(
                    "CannotSwitchLive", KvmTuneErrorCategory.InvalidOperation, $"'{plan.Title}' cannot be switched in the running '{plan.VMName}': {why}.");
            }

            cancellationToken.ThrowIfCancellationRequested();
            var inverse = ChangeApplication.InverseOf(checkedPlan);
            var id = record.Begin(new ChangeIntent
            {
                Plan = checkedPlan,
                Inverse = inverse,
                WasRunning = true,
                Restarts = false,
                StartedAt = started,
                ExperimentId = options.ExperimentId,
                HostCpus = checkedPlan.Change.Parts.Any(part => part is PinChange) ? checkedPlan.HostCpus : null,
            });
            return new LiveSwitch(planner, record, checkedPlan, new VMTuningResult
            {
                Outcome = TuningOutcome.Applied,
                Plan = checkedPlan,
                AppliedAt = started,
                Elapsed = TimeSpan.Zero,
                Inverse = new[] { inverse },
                JournalId = id,
            });
        }
        catch (Exception exception)
        {
            record.Dispose();
            if (exception is LibvirtException refused)
            {
                throw LibvirtErrors.Calling(refused, $"{plan.Title} ('{plan.VMName}')");
            }

            throw;
        }
    }
}
