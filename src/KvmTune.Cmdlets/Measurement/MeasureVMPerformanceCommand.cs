// Measure-VMPerformance: loads a guest with a workload several times and keeps every run.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Measurement;

/// <summary>
/// Measures VMs. A change on the pipeline is measured with the workload of the measurement that came before it, so that
/// the two can be compared.
/// </summary>
[Cmdlet(VerbsDiagnostic.Measure, "VMPerformance", SupportsShouldProcess = true)]
[OutputType(typeof(VMPerformance))]
public sealed class MeasureVMPerformanceCommand : VMCmdlet
{
    private static readonly WorkloadRequest Defaults = new() { Name = string.Empty };

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. Several are measured one after the other.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>What to run in the guest; by default what the measurement on the pipeline ran.</summary>
    [Parameter(Position = 1)]
    [ArgumentCompleter(typeof(WorkloadCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Workload { get; set; }

    /// <summary>How many runs are counted, besides the warm-up.</summary>
    [Parameter]
    [ValidateRange(1, 10_000)]
    public int Runs { get; set; } = Defaults.Runs;

    /// <summary>How long the steady load of one run lasts; a ramp of a second comes on top.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan RunTime { get; set; } = Defaults.RunTime;

    /// <summary>The folder in the guest where a disk workload makes its file; by default the largest writable file system.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? GuestPath { get; set; }

    /// <summary>The size of a disk workload's file in MiB; by default chosen by free space.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? FileSizeMiB { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: true, vm =>
    {
        var before = vm.Reference.Performance ?? vm.Reference.Change?.Baseline;
        var request = Request(before?.Workload, vm);
        if (!ShouldProcess(vm.Domain.Name, $"load the guest with {request.Name}, {Runs + 1} runs of {request.RunTime.TotalSeconds:0.#} s"))
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

    private WorkloadRequest Request(WorkloadRequest? before, VMTarget vm)
    {
        if ((Workload ?? before?.Name) is not { } name)
        {
            throw new KvmTuneException(
                "WorkloadMissing", KvmTuneErrorCategory.InvalidArgument,
                $"Say with -Workload what to run in '{vm.Domain.Name}': {string.Join(", ", WorkloadCatalog.CreateDefault().All.Select(known => known.Name))}.{(vm.Reference.Change is null ? null : " The change on the pipeline followed no measurement whose workload could be repeated.")}");
        }

        var request = before is not null && (Workload is null || before.Name.Equals(Workload, StringComparison.OrdinalIgnoreCase))
            ? before
            : new WorkloadRequest { Name = name };
        return request with
        {
            Name = name,
            Runs = IsGiven(nameof(Runs)) ? Runs : request.Runs,
            RunTime = IsGiven(nameof(RunTime)) ? RunTime : request.RunTime,
            GuestPath = GuestPath ?? request.GuestPath,
            FileSizeMiB = FileSizeMiB ?? request.FileSizeMiB,
        };
    }

    private bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
