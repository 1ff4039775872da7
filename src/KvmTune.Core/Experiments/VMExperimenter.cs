// The entry point: tries a change on a VM. The files beside it measure, choose the order, and decide whether the change is kept.
using KvmTune.Experiments.Switchback;
using KvmTune.Hosts;
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>The outline of an experiment before it is made.</summary>
/// <param name="Design">The order of its runs; never Auto.</param>
/// <param name="Description">The design in words.</param>
/// <param name="EstimatedTime">How long it is likely to take, up to the first look if there are several. A guess: nothing was measured yet.</param>
/// <param name="Reach">How small a change it can show, and when, as words that follow "it".</param>
/// <param name="Warnings">The questions that it cannot answer, each a sentence.</param>
public sealed record ExperimentOutline(
    ExperimentDesign Design, string Description, TimeSpan EstimatedTime, string Reach, IReadOnlyList<string> Warnings)
{
    /// <summary>How the VM is restarted; null if no restart is needed.</summary>
    public RestartWay? Way { get; init; }
}

/// <summary>Tries changes: baseline, exactly one change, candidate, comparison, decision.</summary>
/// <param name="host">The host.</param>
/// <param name="tuner">Makes changes on that host.</param>
/// <param name="target">The VM for measuring.</param>
/// <param name="catalog">The workloads.</param>
/// <param name="time">The clock.</param>
public sealed class VMExperimenter(HostConnection host, VMTuner tuner, IMeasurementTarget target, WorkloadCatalog catalog, TimeProvider time)
{
    // A guess of the time for noting the conditions and preparing a workload.
    private static readonly TimeSpan PreparationTime = TimeSpan.FromSeconds(5);

    /// <summary>Describes what an experiment would do and can show, after checking that it can be made. Nothing is changed.</summary>
    /// <param name="plans">The change.</param>
    /// <param name="workload">The workload in the guest.</param>
    /// <param name="options">The options.</param>
    /// <param name="last">The last measurement of that workload on the VM, for its noise; null for a typical noise.</param>
    /// <exception cref="KvmTuneException">It would be refused, for the reasons listed at <see cref="RunAsync"/>.</exception>
    /// <exception cref="ArgumentException">A setting is invalid.</exception>
    public ExperimentOutline Outline(
        IReadOnlyList<VMTuningPlan> plans, WorkloadRequest workload, ExperimentOptions options, VMPerformance? last = null)
    {
        var subject = SubjectOf(plans, options, experimentId: null);
        subject.Check();
        var (shape, why) = Streams(subject, workload, options);
        if (shape is not null)
        {
            return new ExperimentOutline(
                ExperimentDesign.Switchback, SwitchbackRun.Describe(shape, options), (options.TimeLimit ?? SlotPlan.DefaultTime) + PreparationTime, SwitchbackWords.Reach, []);
        }

        options = Otherwise(options);
        var pace = PaceOf(workload, subject, null);
        var schedule = ExperimentSchedule.Create(options, subject.NeedsRestart, options.Seed ?? 0, (order, stages) => pace.TimeOf(order, 0, stages), subject.Way?.By == RestartBy.Suspend);
        var reach = new ExperimentReach(
            schedule, workload, MetricsOf(workload), options, stages => pace.TimeOf(schedule, 0, stages) + pace.SettlingTime);
        return new ExperimentOutline(
            schedule.Design, schedule.Describe() + (why is null ? null : $" ({why})"), pace.TimeOf(schedule, 0, schedule.NextLook(0)) + pace.SettlingTime, reach.Describe(last), [.. reach.Warnings()])
        {
            Way = subject.Way,
        };
    }

    /// <summary>
    /// Makes one experiment. However it ends, the VM is left as it was before or, if that was decided, with the change:
    /// after an error or a cancellation the change is taken back first, and the token does not stop that.
    /// </summary>
    /// <param name="plans">The change: one plan, or several of one VM that count as one.</param>
    /// <param name="workload">The workload in the guest. Its number of runs is ignored; the number in the options is used.</param>
    /// <param name="options">The options.</param>
    /// <param name="progress">Receives each step and how long it is likely to take.</param>
    /// <param name="cancellationToken">Ends the experiment.</param>
    /// <exception cref="ArgumentException">A setting is invalid, or there are no plans or plans of several VMs; nothing was changed.</exception>
    /// <exception cref="KvmTuneException">
    /// Refused before anything was changed: a rule forbids the change (its id), somebody changed the same settings (<c>ConcurrentEdit</c>), the VM
    /// already has the setting (<c>NothingToTry</c>), a restart is needed and not allowed (<c>RestartRequired</c>), <c>OtherChangesPending</c>,
    /// <c>TimeLimitTooShort</c>.
    /// </exception>
    /// <exception cref="ExperimentInterruptedException">The experiment ended early; it contains the runs.</exception>
    /// <exception cref="ExperimentCanceledException">Cancelled; the change was taken back.</exception>
    public Task<VMExperiment> RunAsync(
        IReadOnlyList<VMTuningPlan> plans,
        WorkloadRequest workload,
        ExperimentOptions options,
        IProgress<MeasurementProgress>? progress,
        CancellationToken cancellationToken)
    {
        var experimentId = Guid.NewGuid();
        var subject = SubjectOf(plans, options, experimentId);
        subject.ChooseWay(plans);
        return RunOnAsync(subject, experimentId, workload, options, progress, cancellationToken);
    }

    /// <summary>Makes one experiment on the caller's own subject.</summary>
    internal async Task<VMExperiment> RunOnAsync(
        IExperimentSubject subject,
        Guid experimentId,
        WorkloadRequest workload,
        ExperimentOptions options,
        IProgress<MeasurementProgress>? progress,
        CancellationToken cancellationToken)
    {
        VMComparer.DecidingMetric(MetricsOf(workload), workload.Name, options.Metric);
        var seed = options.Seed ?? Random.Shared.Next();
        var (shape, why) = Streams(subject, workload, options);
        if (shape is not null)
        {
            var switchback = new SwitchbackRun
            {
                Subject = subject,
                Target = target,
                Catalog = catalog,
                Time = time,
                Workload = workload with { Name = catalog.Get(workload.Name).Name },
                Shape = shape,
                Options = options,
                Seed = seed,
                ExperimentId = experimentId,
                Progress = progress,
            };
            try
            {
                return await switchback.RunAsync(cancellationToken);
            }
            catch (NotStreamingException exception)
            {
                why = $"{exception.Message}, so it is tried with pairs of runs";
            }
        }

        options = Otherwise(options);
        var pace = PaceOf(workload, subject, progress);
        var schedule = ExperimentSchedule.Create(options, subject.NeedsRestart, seed, (order, stages) => pace.TimeOf(order, 0, stages), subject.Way?.By == RestartBy.Suspend);
        var run = new ExperimentRun
        {
            Subject = subject,
            Target = target,
            Catalog = catalog,
            Time = time,
            Workload = workload,
            Options = options,
            Schedule = schedule,
            Pace = pace,
            Seed = seed,
            ExperimentId = experimentId,
        };
        var experiment = await run.RunAsync(cancellationToken);
        return why is null ? experiment : experiment with { Notes = [Sentence(why), .. experiment.Notes] };
    }

    private ChangeSwitch SubjectOf(IReadOnlyList<VMTuningPlan> plans, ExperimentOptions options, Guid? experimentId)
    {
        ArgumentNullException.ThrowIfNull(plans);
        return plans.Count > 0 && plans.All(plan => plan.VMId == target.VMId)
            ? new ChangeSwitch(
                host,
                tuner,
                plans,
                new ApplyOptions { Restart = options.Restart, RestartOptions = options.RestartOptions, ExperimentId = experimentId })
            : throw new ArgumentException($"An experiment tries one change of one VM: at least one plan is needed, and each of '{target.VMName}'.", nameof(plans));
    }

    private static string Sentence(string words) => $"{char.ToUpperInvariant(words[0])}{words[1..]}.";

    // The other designs do not know Switchback, so pairs take its place.
    private static ExperimentOptions Otherwise(ExperimentOptions options) =>
        options.Design == ExperimentDesign.Switchback ? options with { Design = ExperimentDesign.Pairs } : options;

    // How the workload reports if the side can be switched inside one load; else null, with the reason if the user should know it. A change that
    // needs a restart gives no reason, because that is expected.
    private (StreamShape? Shape, string? Why) Streams(IExperimentSubject subject, WorkloadRequest workload, ExperimentOptions options)
    {
        if (options.Design is not (ExperimentDesign.Auto or ExperimentDesign.Switchback))
        {
            return (null, null);
        }

        if (subject.WhyNotSwitched is { } why)
        {
            return options.Design == ExperimentDesign.Auto ? (null, subject.NeedsRestart ? null : $"{why}, so it is tried with pairs of runs") : throw new KvmTuneException(
                "CannotSwitchLive", KvmTuneErrorCategory.InvalidOperation,
                $"'{subject.Title}' cannot be switched inside one load on '{target.VMName}': {why}. Leave -Design out, or choose Pairs or Blocks.");
        }

        if (options is { Design: ExperimentDesign.Auto, InRuns: true })
        {
            return (null, "-RunTime was given, so it is tried with pairs of runs; without it, the change would be switched inside one load");
        }

        if (options.Runs is < LookPlan.FewestPairs)
        {
            throw new KvmTuneException(
                "InvalidSetting", KvmTuneErrorCategory.InvalidArgument,
                $"-Runs {options.Runs.Value.ToString(System.Globalization.CultureInfo.InvariantCulture)} is too few pairs: with fewer than {LookPlan.FewestPairs.ToString(System.Globalization.CultureInfo.InvariantCulture)}, no p-value under 0.05 exists.");
        }

        var known = catalog.Get(workload.Name);
        return known.StreamOf(workload) is not { } shape
            ? (null, $"{known.Name} does not report while it runs, so it is tried with pairs of runs")
            : options.Metric is { } metric && !shape.Metrics.Any(each => each.Name.Equals(metric, StringComparison.OrdinalIgnoreCase))
                ? (null, $"{known.Name} does not report {metric} by the second, so it is tried with pairs of runs")
                : (shape, null);
    }

    private IReadOnlyList<MetricDefinition> MetricsOf(WorkloadRequest workload) => MeasurementSession.Validate(catalog, workload).MetricsFor(workload);

    private ExperimentPace PaceOf(WorkloadRequest workload, IExperimentSubject subject, IProgress<MeasurementProgress>? progress) => new(
        time,
        ExperimentPace.Guess.Of(MeasurementSession.Validate(catalog, workload).RunLength(workload), subject.NeedsRestart, subject.Way?.Forecast?.Pause),
        target.VMName,
        progress);
}
