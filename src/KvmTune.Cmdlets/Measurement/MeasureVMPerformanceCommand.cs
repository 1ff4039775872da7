// Measure-VMPerformance: loads a guest with a workload several times and keeps every run.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;

namespace KvmTune.Cmdlets.Measurement;

/// <summary>
/// Measures VMs. A change on the pipeline is measured with the workload of the measurement that came before it, so that
/// the two can be compared.
/// </summary>
[Cmdlet(VerbsDiagnostic.Measure, "VMPerformance", SupportsShouldProcess = true)]
[OutputType(typeof(VMPerformance))]
public sealed class MeasureVMPerformanceCommand : WorkloadCmdlet
{
    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. Several are measured one after the other.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: true, vm =>
    {
        var before = vm.Reference.Performance ?? vm.Reference.Change?.Baseline;
        var request = Request(before?.Workload, vm);
        if (!ShouldProcess(vm.Domain.Name, $"load the guest with {request.Name}, {request.Runs + 1} runs of {request.RunTime.TotalSeconds:0.#} s"))
        {
            return;
        }

        using var target = new LibvirtMeasurementTarget(vm.Domain, TimeProvider.System);
        var measurer = new VMMeasurer(WorkloadCatalog.CreateDefault(), TimeProvider.System);
        var progress = new ProgressReporter(this, $"Measuring {vm.Domain.Name}: {request.Name}");
        try
        {
            var performance = Await((post, token) => measurer.MeasureAsync(target, request, progress.Through(post), token));
            WriteObject(performance with { Change = vm.Reference.Change, Baseline = before });
        }
        finally
        {
            progress.Complete();
        }
    });
}
