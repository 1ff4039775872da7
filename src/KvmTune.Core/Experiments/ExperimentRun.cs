// Runs one experiment: checks, measures stage by stage, compares, decides, and leaves the VM as decided, also after an error.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>One experiment. Use an instance once.</summary>
internal sealed class ExperimentRun
{
    private readonly ExperimentRuns _runs = new();
    private int _screened;

    public required IExperimentSubject Subject { get; init; }

    public required IMeasurementTarget Target { get; init; }

    public required WorkloadCatalog Catalog { get; init; }

    public required TimeProvider Time { get; init; }

    public required WorkloadRequest Workload { get; init; }

    public required ExperimentOptions Options { get; init; }

    public required ExperimentSchedule Schedule { get; init; }

    public required ExperimentPace Pace { get; init; }

    public required int Seed { get; init; }

    public required Guid ExperimentId { get; init; }

    /// <summary>Makes the experiment.</summary>
    public async Task<VMExperiment> RunAsync(CancellationToken cancellationToken)
    {
        var startedAt = Time.GetUtcNow();
        var log = new ExperimentLog(Time);
        Pace.Report("checking the plan on the VM as it is now", Pace.TimeOf(Schedule, 0, Schedule.NextLook(0)) + Pace.SettlingTime);
        await log.DoAsync(ExperimentStepKind.Check, "check the plan", async () =>
        {
            await Task.Run(Subject.Check, cancellationToken);
            await Target.ReadRunningXmlAsync(cancellationToken);
            RefuseTooShortLimit();
        });
        var guest = new ExperimentGuest(Subject, Target, Catalog, Time, Workload, Schedule, Pace, log, _runs);
        try
        {
            var (comparison, stages) = await MeasureAsync(guest, log, cancellationToken);
            var decision = KeepDecision.Of(Options.Keep, comparison);
            await guest.SettleAsync(decision.IsKept, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            // Compares again for the notes added when the sessions were closed; the numbers are the same.
            comparison = Compare(guest, stages);
            return new VMExperiment
            {
                ExperimentId = ExperimentId,
                VMName = Target.VMName,
                VMId = Target.VMId,
                ConnectionUri = Target.ConnectionUri,
                Title = Subject.Title,
                Changes = guest.Changes,
                Baseline = comparison.Baseline,
                Candidate = comparison.Candidate,
                Comparison = comparison,
                Decision = decision.IsKept ? ExperimentDecision.Kept : ExperimentDecision.Undone,
                Reason = decision.Reason,
                Keep = Options.Keep,
                Design = Schedule.Design,
                Seed = Seed,
                PairCount = Schedule.Design == ExperimentDesign.Pairs ? stages : 0,
                ScreenedPairCount = _screened,
                RestartCount = guest.RestartCount,
                Steps = log.Steps,
                Notes = _runs.Notes,
                JournalIds = Subject.JournalIds,
                StartedAt = startedAt,
                Elapsed = Pace.Elapsed,
            };
        }
        catch (Exception exception)
        {
            var failure = await guest.TryAbandonAsync();
            if (ExperimentEnd.Of(Subject, Target, exception, failure, guest.LeftInGuest, guest.WasTouched, _runs.ToPerformances(), cancellationToken) is { } ended)
            {
                throw ended;
            }

            throw;
        }
    }

    private async Task<(VMComparison Comparison, int Stages)> MeasureAsync(ExperimentGuest guest, ExperimentLog log, CancellationToken cancellationToken)
    {
        var stage = 0;
        while (stage < Schedule.MostStages && !IsOutOfTime(stage))
        {
            var mark = _runs.Count;
            await guest.RunStageAsync(stage, cancellationToken);
            _runs.StopWhereCounterMoved();
            if (IsRepeated(stage, mark))
            {
                continue;
            }

            stage++;
            if (Schedule.Design == ExperimentDesign.Pairs && Schedule.Looks.Looks.Any(look => look.Pairs == stage))
            {
                var look = await log.DoAsync(
                    ExperimentStepKind.Compare, string.Create(CultureInfo.InvariantCulture, $"look after {stage} pairs"), () => Task.Run(() => Compare(guest, stage, isLook: true), cancellationToken));
                // Only the deciding metric stops the experiment. Guards are judged once at the end with the whole 5 %, and not at every look.
                if (Schedule.Looks.ShouldStop(stage, look.PrimaryMetric.Verdict))
                {
                    return (look, stage);
                }
            }
        }

        return (await log.DoAsync(ExperimentStepKind.Compare, "compare", () => Task.Run(() => Compare(guest, stage), cancellationToken)), stage);
    }

    // A disturbed pair is repeated as a whole, never one side of it, and at most half as many pairs again.
    private bool IsRepeated(int stage, int mark)
    {
        if (Schedule.Design != ExperimentDesign.Pairs
            || _runs.WhyDisturbed(mark) is not { } why
            || _screened >= ScreeningRule.MostRepeats(Schedule.NextLook(stage)))
        {
            return false;
        }

        _runs.Screen(mark);
        _screened++;
        _runs.Note(string.Create(CultureInfo.InvariantCulture, $"Pair {stage + 1} was repeated, since {why}."));
        return true;
    }

    private bool IsOutOfTime(int stage)
    {
        if (Options.TimeLimit is not { } limit || stage == 0 || Pace.Elapsed + Pace.TimeOf(Schedule, stage, stage + 1) + Pace.SettlingTime <= limit)
        {
            return false;
        }

        if (_runs.ToPerformances().Count < 2)
        {
            throw TooShort(string.Create(
                CultureInfo.InvariantCulture,
                $"After {ExperimentPace.Words(Pace.Elapsed)} only the baseline is measured, and the candidate is likely to take {ExperimentPace.Words(Pace.TimeOf(Schedule, stage, stage + 1))} more"));
        }

        var whole = Schedule.Design == ExperimentDesign.Pairs
            ? string.Create(CultureInfo.InvariantCulture, $"{stage} of {Schedule.NextLook(stage)} pairs")
            : string.Create(CultureInfo.InvariantCulture, $"{stage} of {Schedule.MostStages} blocks");
        _runs.Note($"The time limit of {ExperimentPace.Words(limit)} ended the experiment after {whole}: its verdict rests on these alone.");
        return true;
    }

    // The least useful experiment: each side once, counting only the time of the runs.
    private void RefuseTooShortLimit()
    {
        if (Options.TimeLimit is not { } limit)
        {
            return;
        }

        var units = Schedule.Design == ExperimentDesign.Pairs
            ? Schedule.Stage(0).Units
            : [.. Schedule.Stage(0).Units, .. Schedule.Stage(1).Units];
        var least = Pace.TimeOfRuns(units.Sum(unit => unit.Runs + 1));
        if (least > limit)
        {
            throw TooShort($"One turn of each side alone takes {ExperimentPace.Words(least)}");
        }
    }

    private KvmTuneException TooShort(string why) => new(
        "TimeLimitTooShort", KvmTuneErrorCategory.InvalidArgument,
        $"{why}; the time limit is {ExperimentPace.Words(Options.TimeLimit!.Value)}. Give more time, or make fewer or shorter runs (-Runs, -RunTime).");

    private VMComparison Compare(ExperimentGuest guest, int stages, bool isLook = false)
    {
        var baseline = _runs.ToPerformance(isCandidate: false)!;
        var candidate = _runs.ToPerformance(isCandidate: true)! with { Change = guest.Changes[0], Baseline = baseline };
        return VMComparer.Compare(baseline, candidate, new ComparisonOptions
        {
            // If the time limit cut the blocks short, they are not A B B A any more.
            Design = Schedule.Design == ExperimentDesign.Blocks && stages < Schedule.MostStages ? ComparisonDesign.Sequential : Schedule.ComparisonDesign,
            Unit = Schedule.Unit,
            Metric = Options.Metric,
            ThresholdPercent = Options.ThresholdPercent,
            Plan = Schedule.Looks,
            RunsPerUnit = Schedule.RunsPerUnit,
            Forecasts = !isLook,
        });
    }
}
