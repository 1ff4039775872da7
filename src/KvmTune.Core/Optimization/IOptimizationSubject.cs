// The operations that an optimization needs of a VM: watch it under load, inspect it, and try changes.
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Optimization;

/// <summary>A VM as something to optimize.</summary>
public interface IOptimizationSubject
{
    /// <summary>The VM's name.</summary>
    string VMName { get; }

    /// <summary>The VM's UUID.</summary>
    Guid VMId { get; }

    /// <summary>The libvirt connection that the VM is reached by.</summary>
    string ConnectionUri { get; }

    /// <summary>The workload that loads the guest and judges changes; <c>Observe</c> for the guest's own load.</summary>
    string Workload { get; }

    /// <summary>Watches the VM under its load.</summary>
    Task<VMBottleneckReport> DiagnoseAsync(IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken);

    /// <summary>The findings in the VM's configuration, each with its plan on the present VM.</summary>
    Task<IReadOnlyList<VMTuningFinding>> LookAsync(CancellationToken cancellationToken);

    /// <summary>Makes one experiment.</summary>
    /// <param name="plan">The change.</param>
    /// <param name="area">The area that is slow.</param>
    /// <param name="timeLimit">How long it may take; null for as long as it needs.</param>
    /// <param name="progress">Gets each step.</param>
    /// <param name="cancellationToken">Ends it; the change is taken back.</param>
    Task<VMExperiment> TryAsync(
        VMTuningPlan plan, TuningArea area, TimeSpan? timeLimit, IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken);
}
