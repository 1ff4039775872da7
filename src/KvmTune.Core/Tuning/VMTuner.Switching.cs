// The path of changes for one that is made and taken back many times: held, planned anew and journalled once, then switched.
using KvmTune.Libvirt;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning;

public sealed partial class VMTuner
{
    /// <summary>Holds a VM and records the intent, so that the change can be switched in the running VM. Nothing of it is made yet.</summary>
    /// <exception cref="KvmTuneException">As for <see cref="ApplyAsync"/>; or the change cannot be switched so (<c>CannotSwitchLive</c>).</exception>
    internal async Task<ILiveSwitch> OpenSwitchAsync(VMTuningPlan plan, ApplyOptions options, CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow();
        var record = await journal.HoldAsync(plan.Change, cancellationToken);
        LibvirtDomain? found = null;
        try
        {
            var domain = FindDomain(plan.Change);
            found = domain == known ? null : domain;
            var checkedPlan = PlanAnew(plan, VMReading.Snapshot(domain, plan.Change.Scope));
            RefuseErrors(checkedPlan);
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
            var result = new VMTuningResult
            {
                Outcome = TuningOutcome.Applied,
                Plan = checkedPlan,
                AppliedAt = started,
                Elapsed = TimeSpan.Zero,
                Inverse = new[] { inverse },
                JournalId = id,
            };
            return new LiveSwitch(
                host, domain, found, record, checkedPlan, result, () => Plan(checkedPlan.Change, VMReading.Snapshot(domain, checkedPlan.Change.Scope)));
        }
        catch (Exception exception)
        {
            record.Dispose();
            found?.Dispose();
            if (exception is LibvirtException refused)
            {
                throw Hosts.LibvirtErrors.Calling(refused, $"{plan.Title} ('{plan.VMName}')");
            }

            throw;
        }
    }
}
