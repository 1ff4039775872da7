// The script block of Invoke-VMExperiment -Change: runs it only to plan, and makes sure that it describes exactly one change.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Experiments;
using KvmTune.Hosts;
using KvmTune.Measurement;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Experiments;

/// <summary>A script block that describes a change.</summary>
internal sealed class BlockOfChanges(CancellableCmdlet cmdlet, ScriptBlock block, bool allowMultiple)
{
    /// <summary>The changes that the block describes for one VM, which is <c>$_</c> in the block. None of them is made.</summary>
    /// <exception cref="KvmTuneException">
    /// The block describes no change (<c>NothingToTry</c>), several (<c>MoreThanOneChange</c>), one of another VM (<c>ChangeOfAnotherVM</c>), or
    /// changed the VM directly (<c>ChangedAtOnce</c>), which was taken back.
    /// </exception>
    public IReadOnlyList<VMTuningPlan> Plan(VMTarget vm)
    {
        var topology = VMTopologyReader.Read(vm.Domain, vm.Host.Uri, HostReading.OnlineCpus(vm.Host));
        var guard = new VMStateGuard(vm.Host, vm.Domain);
        IReadOnlyList<VMTuningPlan> plans;
        IReadOnlyList<string> madeAtOnce = [];
        try
        {
            plans = PlanCollector.Collect(() => block
                .InvokeWithContext(null, [new PSVariable("_", topology)])
                .Select(output => output?.BaseObject));
        }
        finally
        {
            // Also after an error in the block, and after Ctrl+C.
            madeAtOnce = cmdlet.Await((_, _) => guard.TakeBackAsync(CancellationToken.None));
        }

        Check(vm, plans, madeAtOnce);
        return plans;
    }

    /// <summary>The steps of an experiment in words, for -WhatIf and -Confirm.</summary>
    public static string Description(
        IReadOnlyList<VMTuningPlan> plans, WorkloadRequest workload, ExperimentOptions options, ExperimentOutline outline)
    {
        var lines = plans.Select(plan => PlanApplication.Description(plan, plan.RequiresRestart ? outline.Way : null)).ToList();
        lines.Add(string.Create(CultureInfo.InvariantCulture, $"  tried under {workload.Name}{(outline.Design == ExperimentDesign.Switchback ? null : $", runs of {workload.RunTimeSeconds:0.#} s")}: {outline.Description}"));
        lines.Add($"  it {outline.Reach}");
        lines.Add(string.Create(CultureInfo.InvariantCulture, $"  about {Formatting.Duration(outline.EstimatedTime)}{(options.TimeLimit is { } limit ? $", at most {Formatting.Duration(limit)}" : null)}; then ")
            + options.Keep switch
            {
                KeepRule.Improved => "kept if it improved, else undone",
                KeepRule.NotWorse => "kept if it improved or is shown to make no difference, else undone",
                KeepRule.Always => "kept, whatever the verdict",
                _ => "undone, whatever the verdict",
            });
        return string.Join('\n', lines);
    }

    private void Check(VMTarget vm, IReadOnlyList<VMTuningPlan> plans, IReadOnlyList<string> madeAtOnce)
    {
        if (madeAtOnce.Count > 0)
        {
            throw new KvmTuneException(
                "ChangedAtOnce", KvmTuneErrorCategory.InvalidOperation,
                $"-Change changed '{vm.Domain.Name}' at once, with something other than a cmdlet of this module: {string.Join("; ", madeAtOnce)}. The change was taken back, and nothing was measured. Make the change with a cmdlet of this module.");
        }

        if (plans.FirstOrDefault(plan => plan.VMId != vm.Domain.Id) is { } other)
        {
            throw new KvmTuneException(
                "ChangeOfAnotherVM", KvmTuneErrorCategory.InvalidArgument,
                $"-Change was called for '{vm.Domain.Name}' and gave a change of '{other.VMName}': {other.Title}. Use $_ as the VM. Nothing was changed.");
        }

        if (plans.Count == 0)
        {
            throw new KvmTuneException(
                "NothingToTry", KvmTuneErrorCategory.InvalidArgument,
                $"-Change gave no change of '{vm.Domain.Name}'. Give one, for example -Change {{ $_ | Set-VcpuPin -Vcpu 0 -HostCpu 1 }}.");
        }

        if (plans.Count > 1 && !allowMultiple)
        {
            throw new KvmTuneException(
                "MoreThanOneChange", KvmTuneErrorCategory.InvalidArgument,
                $"-Change gave {plans.Count.ToString(CultureInfo.InvariantCulture)} changes of '{vm.Domain.Name}': {string.Join("; ", plans.Select(plan => plan.Title))}. A measurement of all of them together could not show which one helped. None of them was made. Try them one by one, or add -AllowMultiple to try them as one.");
        }
    }
}
