// Runs one experiment that switches sides inside one load: pair by pair and look by look until the verdict is clear, then leaves the VM as decided.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Experiments.Switchback;

/// <summary>One experiment. Use an instance once.</summary>
internal sealed class SwitchbackRun
{
    private const int MostFailedLoads = 2;

    // This many pairs tell whether the load reports at all, and whether its reports fit into slots of this length.
    private const int FirstPairs = 3;

    // After slots were made longer, the time is extended for this many pairs, unless the user set a time.
    private const int LongerPairs = 12;

    private static readonly TimeSpan SettlingTime = TimeSpan.FromSeconds(1);

    // The last load may still run; then its entry is from the last look.
    private readonly List<SlottedLoad> _loads = [];
    private readonly List<string> _notes = [];
    private (double Seconds, DateTimeOffset At) _zero;
    private TimeSpan _slot;
    private TimeSpan _guard;
    private int _countsFrom = 1;
    private double _levels = 1;
    private TimeSpan _loadTime = SlotPlan.DefaultTime;
    private string? _whyNotSettled;
    private bool _isIdle;
    private int _failed;
    private long _started;
    private VMPerformance? _template;
    private MeasurementConditions? _candidateConditions;
    private ILiveSwitch? _live;

    public required IExperimentSubject Subject { get; init; }

    public required IMeasurementTarget Target { get; init; }

    public required WorkloadCatalog Catalog { get; init; }

    public required TimeProvider Time { get; init; }

    public required WorkloadRequest Workload { get; init; }

    public required StreamShape Shape { get; init; }

    public required ExperimentOptions Options { get; init; }

    public required int Seed { get; init; }

    public required Guid ExperimentId { get; init; }

    public IProgress<MeasurementProgress>? Progress { get; init; }

    /// <summary>The design in words, before anything is measured.</summary>
    public static string Describe(StreamShape shape, ExperimentOptions options)
    {
        var slot = SlotPlan.SlotFor(shape.Interval);
        var pairs = options.Runs ?? SlotPlan.PairsIn(options.TimeLimit ?? SlotPlan.DefaultTime, slot, TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(3));
        var looks = pairs < LookPlan.FewestPairs ? "as many as the time allows" : options.Runs is null
            ? $"looked at after {string.Join(", ", SlotPlan.Looks(pairs).Looks.Select(look => look.Pairs.ToString(CultureInfo.InvariantCulture)))} pairs"
            : string.Create(CultureInfo.InvariantCulture, $"{pairs} pairs");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"one load without a pause, the side changes every {slot.TotalSeconds:0.#} s, {looks}, the order inside each at random. The load runs with each side for half of the time");
    }

    /// <summary>Makes the experiment.</summary>
    /// <exception cref="NotStreamingException">The workload does not report while it runs; the VM was not changed.</exception>
    public async Task<VMExperiment> RunAsync(CancellationToken cancellationToken)
    {
        _started = Time.GetTimestamp();
        var startedAt = Time.GetUtcNow();
        var log = new ExperimentLog(Time);
        _slot = SlotPlan.SlotFor(Shape.Interval);
        Report("checking the plan on the VM as it is now", Options.TimeLimit ?? SlotPlan.DefaultTime);
        await log.DoAsync(ExperimentStepKind.Check, "check the plan", async () =>
        {
            await Task.Run(Subject.Check, cancellationToken);
            await Target.ReadRunningXmlAsync(cancellationToken);
            RefuseTooShortLimit();
        });
        MeasurementSession? session = null;
        SwitchedLoads? loads = null;
        try
        {
            session = await log.DoAsync(ExperimentStepKind.Prepare, $"prepare {Workload.Name}", () => MeasurementSession.OpenAsync(
                Target, Workload, Catalog, Time, (activity, _) => Report(activity, Left()), cancellationToken));
            _template = session.ToPerformance()!;
            var stream = session.Stream ?? throw new NotStreamingException($"{Workload.Name} does not report while it runs");
            _template = stream.SwitchedNotes is { } notes ? _template with { Notes = notes } : _template;
            loads = new SwitchedLoads(stream, Shape, session.Channel, Time);
            if (Shape.NeedsTrial)
            {
                await log.DoAsync(ExperimentStepKind.Prepare, "see how often it reports", () => TryAsync(loads, cancellationToken));
            }

            await log.DoAsync(ExperimentStepKind.Switch, "switch there and back once", () => OpenAsync(loads, cancellationToken));
            _zero = (GuestClock.Now(Time), Time.GetUtcNow());
            var comparison = await MeasureAsync(loads, log, cancellationToken);
            var decision = KeepDecision.Of(Options.Keep, comparison);
            cancellationToken.ThrowIfCancellationRequested();
            Report(decision.IsKept ? "leaving the VM with the change" : "leaving the VM as it was before", SettlingTime);
            await log.DoAsync(ExperimentStepKind.Switch, decision.IsKept ? "leave the VM with the change" : "leave the VM as it was before", () => Task.Run(
                () =>
                {
                    if (decision.IsKept)
                    {
                        _live!.Keep();
                    }
                    else
                    {
                        _live!.TakeBack(null);
                    }
                },
                CancellationToken.None));
            await CloseAsync(session, log);
            if (session.LeftNote is { } leftNote)
            {
                _notes.Add(TerminalText.Of(leftNote));
            }

            session = null;
            return Experiment(comparison, decision, loads, log, startedAt);
        }
        catch (Exception exception)
        {
            var wasTouched = _live is not null;
            // The change comes first, because with it the guest may be too slow to end a load. Each step is done even if one before it failed.
            var failure = await TryAsync(() => Task.Run(() => _live?.TakeBack(exception)));
            var left = await LeaveGuestAsync(session, loads, log, exception);
            if (exception is NotStreamingException && failure is null && left is null)
            {
                throw;
            }

            if (ExperimentEnd.Of(Subject, Target, exception, failure, left, wasTouched, Performances(), cancellationToken) is { } ended)
            {
                throw ended;
            }

            throw;
        }
        finally
        {
            _live?.Dispose();
        }
    }

    private static async Task<Exception?> TryAsync(Func<Task> action)
    {
        try
        {
            await action();
            return null;
        }
#pragma warning disable CA1031 // Any error: the caller reports it with the one that ended the experiment, and the other steps still run.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return exception;
        }
    }

    // Ends the load and removes the workload's files from the guest. Returns what is left there, in words; null for nothing.
    private static async Task<string?> LeaveGuestAsync(MeasurementSession? session, SwitchedLoads? loads, ExperimentLog log, Exception cause)
    {
        var running = loads is null ? null : await TryAsync(loads.AbandonAsync);
        var unclean = session is null ? null : await TryAsync(() => CloseAsync(session, log));
        // Awaiting a failed load throws its error again, which is already the cause.
        List<string?> left = [running == cause ? null : running?.Message, session?.LeftNote, unclean?.Message];
        left.RemoveAll(sentence => sentence is null);
        return left.Count == 0 ? null : string.Join(' ', left);
    }

    private async Task TryAsync(SwitchedLoads loads, CancellationToken cancellationToken)
    {
        var (interval, failure) = await loads.TryAsync(cancellationToken);
        if (interval is not { } often)
        {
            throw new NotStreamingException($"{Workload.Command?.Path ?? Workload.Name} does not report while it runs: {TerminalText.Of(failure ?? "it wrote nothing")}");
        }

        var slot = SlotPlan.SlotFor(often);
        if (slot > SlotPlan.LongestSlot)
        {
            throw new NotStreamingException(string.Create(
                CultureInfo.InvariantCulture, $"{Workload.Command?.Path ?? Workload.Name} reports every {often.TotalSeconds:0.#} s only, which is not often enough"));
        }

        _slot = slot;
    }

    // Switches there and back once before the load, to know that it works and how long it takes before anything is measured.
    private async Task OpenAsync(SwitchedLoads loads, CancellationToken cancellationToken)
    {
        _live = await Subject.OpenSwitchAsync(cancellationToken);
        await loads.SwitchAsync(_live, isCandidate: true, cancellationToken);
        var now = await Target.ReadConditionsAsync(await Target.ReadRunningXmlAsync(cancellationToken), cancellationToken);
        var known = _template!.Conditions;
        _candidateConditions = known with { ConfigurationHash = now.ConfigurationHash };
        await loads.SwitchAsync(_live, isCandidate: false, cancellationToken);
    }

    private async Task<VMComparison> MeasureAsync(SwitchedLoads loads, ExperimentLog log, CancellationToken cancellationToken)
    {
        var plan = Plan(loads);
        using var coin = SlotPlan.Coin(Seed).GetEnumerator();
        var (current, made, passed) = (false, 0, 0);
        while (true)
        {
            var counted = Cut().Pairs;
            var due = plan.NextAfter(passed) ?? plan.Looks[^1];
            var wanted = Math.Min(due.Pairs - counted, PairsLeft(loads));
            if (wanted < 1)
            {
                NoteTheEnd(counted, due);
                break;
            }

            if (loads.IsRunning && loads.PairsLeft(_slot) < 1)
            {
                await EndAsync(loads, log, cancellationToken);
            }

            if (!loads.IsRunning)
            {
                await log.DoAsync(ExperimentStepKind.Measure, "start the load", () => loads.StartAsync(LoadLength(loads, counted), cancellationToken));
                _loads.Add(new([], [], 0));
            }

            wanted = counted == 0 ? Math.Min(wanted, FirstPairs) : wanted;
            var sides = new bool[Math.Min(wanted, Math.Max(1, loads.PairsLeft(_slot)))];
            for (var i = 0; i < sides.Length; i++)
            {
                coin.MoveNext();
                sides[i] = coin.Current;
            }

            var first = made + 1;
            made += sides.Length;
            await log.DoAsync(
                ExperimentStepKind.Measure,
                string.Create(CultureInfo.InvariantCulture, $"pairs {first} to {made}, slots of {_slot.TotalSeconds:0.#} s"),
                async () =>
                {
                    current = await loads.RunPairsAsync(
                        _live!, current, sides, first, _slot, pair => Report(PairText(counted + pair + 1, due), Left()), cancellationToken);
                    var (load, failure) = await loads.LookAsync(cancellationToken);
                    Take(load, failure);
                    if (failure is null && !loads.IsRunning && Cut().Pairs <= counted)
                    {
                        RefuseFailedLoads("it ended before another pair of slots was complete");
                    }
                });
            if (Settle(passed > 0, loads) is { } anew)
            {
                (plan, passed) = (anew, 0);
                continue;
            }

            counted = Cut().Pairs;
            // One missing pair is not worth starting another load, so the look is taken one pair early, at its own level.
            if (counted >= LookPlan.FewestPairs && counted >= due.Pairs - 1)
            {
                passed = due.Pairs;
                if (plan.NextAfter(passed) is null)
                {
                    break;
                }

                // Only the deciding metric stops the experiment. The others are judged once at the end with the whole 5 %, and not at every look.
                var look = await LookAsync(log, plan, counted, isLast: false, cancellationToken);
                if (look.PrimaryMetric.Verdict != Verdict.Inconclusive || _isIdle)
                {
                    break;
                }
            }

            if (_whyNotSettled is not null)
            {
                break;
            }
        }

        await EndAsync(loads, log, cancellationToken);
        if (_loads.Count == 0)
        {
            throw new MeasurementException(MeasurementReason.TooManyFailedRuns, $"{Workload.Name} on {Target.VMName} reported nothing that could be used. {_notes.LastOrDefault()}");
        }

        return await LookAsync(log, plan, Cut().Pairs, isLast: true, cancellationToken);
    }

    // Replaces the load's entry by its reports so far. A load that fails keeps its entry from the look before.
    private void Take(SlottedLoad load, string? failure)
    {
        if (failure is null)
        {
            _loads[^1] = load;
        }
        else if (_loads[^1].Samples.Count == 0)
        {
            _loads.RemoveAt(_loads.Count - 1);
        }

        RefuseFailedLoads(failure);
    }

    private async Task EndAsync(SwitchedLoads loads, ExperimentLog log, CancellationToken cancellationToken)
    {
        if (loads.IsRunning)
        {
            Report("ending the load", SettlingTime);
            await log.DoAsync(ExperimentStepKind.Measure, "end the load", async () =>
            {
                var (load, failure) = await loads.EndAsync(cancellationToken);
                Take(load, failure);
            });
        }
    }

    // After each series of slots, measures how long a slot still shows the side before. If slots are too short for that, they are doubled, and
    // the pairs so far do not count.
    private LookPlan? Settle(bool wasLookedAt, SwitchedLoads loads)
    {
        var usable = _loads.SelectMany(load => load.Slots).Count(slot => slot.Pair >= _countsFrom);
        var found = CarryOver.Measure(_loads, Shape.Primary.Name, Shape.Interval, _slot, _countsFrom);
        _guard = found.Guard > _guard ? found.Guard : _guard;
        var isShort = usable >= 4 && Cut().Pairs * 2 < usable / 2;
        if (found.IsEnough && !isShort)
        {
            return null;
        }

        // The two causes have different remedies. If most pairs lack a report, nobody knows how long the load needs after a switch.
        var isSeldom = isShort && (found.IsEnough || Cut(TimeSpan.Zero).Pairs * 2 < usable / 2);
        if (_slot * 2 > SlotPlan.LongestSlot)
        {
            _whyNotSettled = isSeldom ? SwitchbackWords.TooSeldom(Workload.Name, _slot, _guard, Cut().Pairs, usable / 2) : SwitchbackWords.NotSettled(Workload.Name, _slot);
            _guard = isSeldom ? _guard : _slot / 2;
            return null;
        }

        _notes.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"Slots of {_slot.TotalSeconds:0.#} s were too short: {(isSeldom ? "most had no whole report of the load" : "half a slot after a switch the load still showed the side before")}. They were doubled, and the pairs made so far do not count."));
        _countsFrom = _loads.SelectMany(load => load.Slots).Select(slot => slot.Pair).DefaultIfEmpty().Max() + 1;
        // The part of the 5 % that earlier looks spent is gone, so the next looks share half of it.
        _levels = wasLookedAt ? _levels / 2 : _levels;
        _slot *= 2;
        _guard = TimeSpan.Zero;
        // Longer slots may need more than the default minute. A time that the user set stays.
        var needed = TimeSpan.FromSeconds(GuestClock.Now(Time) - _zero.Seconds) + (loads.LookTime * 3) + ((_slot + loads.SwitchTime) * (2 * LongerPairs));
        _loadTime = needed > _loadTime ? needed : _loadTime;
        return Plan(loads);
    }

    private LookPlan Plan(SwitchedLoads loads)
    {
        var pairs = Options.Runs ?? PairsLeft(loads);
        if (pairs < LookPlan.FewestPairs)
        {
            var needed = loads.Overhead + ((_slot + loads.SwitchTime) * (2 * LookPlan.FewestPairs));
            if (_loads.Count == 0)
            {
                throw TooShort($"{LookPlan.FewestPairs} pairs of slots of {Seconds(_slot)} take {Seconds(needed)} beside the preparation, and {Seconds(Left())} are left");
            }

            _notes.Add($"There was no time for pairs of longer slots: {Seconds(needed)} more are needed (-TimeLimit).");
            return LookPlan.Fixed(LookPlan.FewestPairs);
        }

        // A metric that is known only after the load ends rules out earlier looks.
        var isKnown = !Shape.KnownAtTheEnd.Contains(Options.Metric ?? Shape.Primary.Name, StringComparer.OrdinalIgnoreCase);
        var looks = Options.Runs is null && isKnown ? SlotPlan.Looks(pairs) : LookPlan.Fixed(pairs);
        return new() { Looks = [.. looks.Looks.Select(look => look with { Alpha = look.Alpha * _levels })] };
    }

    // How long to run the load: the remaining time for measuring and a margin, because ending a load costs more than letting it run.
    private TimeSpan LoadLength(SwitchedLoads loads, int counted) => TimeSpan.FromSeconds(5) + (Options is { Runs: { } runs, TimeLimit: null }
        ? ((_slot + loads.SwitchTime) * (2.2 * Math.Max(1, runs - counted))) + (loads.LookTime * 2)
        : Left());

    private int PairsLeft(SwitchedLoads loads) => Options is { Runs: { } runs, TimeLimit: null }
        ? Math.Max(0, runs - Cut().Pairs)
        : SlotPlan.PairsIn(Left(), _slot, loads.SwitchTime, loads.IsRunning ? loads.LookTime : loads.Overhead);

    // The remaining time for loads.
    private TimeSpan Left()
    {
        var whole = Options.TimeLimit is { } limit ? limit - Time.GetElapsedTime(_started) - SettlingTime : TimeSpan.MaxValue;
        if ((Options.LoadTime ?? (Options.TimeLimit is null ? _loadTime : null)) is not { } most)
        {
            return whole;
        }

        var left = most - (_zero == default ? TimeSpan.Zero : TimeSpan.FromSeconds(GuestClock.Now(Time) - _zero.Seconds));
        return left < whole ? left : whole;
    }

    private void RefuseTooShortLimit()
    {
        if (Options.TimeLimit is { } limit && limit < _slot * (2 * LookPlan.FewestPairs))
        {
            throw TooShort($"{LookPlan.FewestPairs} pairs of slots of {Seconds(_slot)}, the fewest that give a verdict, take {Seconds(_slot * (2 * LookPlan.FewestPairs))} alone");
        }
    }

    private KvmTuneException TooShort(string why) => new(
        "TimeLimitTooShort", KvmTuneErrorCategory.InvalidArgument,
        $"{why}; the time limit is {Seconds(Options.TimeLimit ?? SlotPlan.DefaultTime)}. Give more time (-TimeLimit).");

    private static string Seconds(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, span.TotalSeconds):0.#} s");

    private void RefuseFailedLoads(string? said)
    {
        if (said is null)
        {
            return;
        }

        // The text contains the guest's own words, so it is cleaned for the terminal.
        var failure = TerminalText.Of(said);

        _notes.Add($"A load failed and does not count: {failure}");
        if (++_failed >= MostFailedLoads)
        {
            throw new MeasurementException(
                MeasurementReason.TooManyFailedRuns,
                string.Create(CultureInfo.InvariantCulture, $"{_failed} loads of {Workload.Name} on {Target.VMName} failed; the last one: {failure}"));
        }
    }

    private void NoteTheEnd(int counted, Look next)
    {
        if (counted < next.Pairs)
        {
            _notes.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"The time{(Options.TimeLimit is { } limit ? $" limit of {ExperimentPace.Words(limit)}" : " for switching")} ended the experiment after {counted} of {next.Pairs} pairs: its verdict rests on these alone."));
        }
    }

    private SlotRuns Cut(TimeSpan? guard = null) => SlotRuns.Of(_loads, _countsFrom, Shape, guard ?? _guard, _zero);

    private Task<VMComparison> LookAsync(ExperimentLog log, LookPlan plan, int counted, bool isLast, CancellationToken cancellationToken) => log.DoAsync(
        ExperimentStepKind.Compare,
        string.Create(CultureInfo.InvariantCulture, $"{(isLast ? "compare" : "look after")} {counted} pairs"),
        () => Task.Run(() => Judged(plan, isLast), cancellationToken));

    private VMComparison Judged(LookPlan plan, bool isLast)
    {
        var sides = Performances();
        var (baseline, candidate) = (sides[0], sides[1] with { Change = _live!.Result, Baseline = sides[0] });
        var comparison = VMComparer.Compare(baseline, candidate, new ComparisonOptions
        {
            Design = ComparisonDesign.Pairs,
            Plan = plan,
            Metric = Options.Metric,
            Unit = ComparisonUnit.Run,
            ThresholdPercent = Options.ThresholdPercent,
            Forecasts = isLast,
        });
        var counted = baseline.CountedRuns.Concat(candidate.CountedRuns).ToList();
        _isIdle = SwitchbackWords.WhyTooIdle(counted, Shape, _slot) is not null;
        var why = _whyNotSettled ?? SwitchbackWords.WhyTooIdle(counted, Shape, _slot);
        return why is null
            ? comparison
            : comparison with { Verdict = Verdict.Inconclusive, Sentence = $"{Workload.Name} is inconclusive: {why}" };
    }

    private VMExperiment Experiment(VMComparison comparison, KeepDecision decision, SwitchedLoads loads, ExperimentLog log, DateTimeOffset startedAt)
    {
        var runs = Cut();
        var times = loads.SwitchTimes.Order().ToList();
        var switching = new SwitchingSummary
        {
            SlotSeconds = _slot.TotalSeconds,
            GuardSeconds = _guard.TotalSeconds,
            IsSettled = _whyNotSettled is null,
            SwitchCount = times.Count,
            MedianSwitchTimeSeconds = times[times.Count / 2].TotalSeconds,
            LongestSwitchTimeSeconds = times[^1].TotalSeconds,
            ClockErrorSeconds = _loads.Count == 0 ? 0 : _loads.Max(load => load.ErrorSeconds),
        };
        _notes.Add(SwitchbackWords.Of(switching));
        if (runs.Note() is { } left)
        {
            _notes.Add(left);
        }

        if (comparison.Verdict == Verdict.Inconclusive && _whyNotSettled is null && !_isIdle && SwitchbackWords.WhatItTakes(comparison, switching, Seed) is { } outlook)
        {
            _notes.Add(outlook);
        }

        return new VMExperiment
        {
            ExperimentId = ExperimentId,
            VMName = Target.VMName,
            VMId = Target.VMId,
            ConnectionUri = Target.ConnectionUri,
            Title = Subject.Title,
            Changes = new[] { _live!.Result },
            Baseline = comparison.Baseline,
            Candidate = comparison.Candidate,
            Comparison = comparison,
            Decision = decision.IsKept ? ExperimentDecision.Kept : ExperimentDecision.Undone,
            Reason = decision.Reason,
            Keep = Options.Keep,
            Design = ExperimentDesign.Switchback,
            Seed = Seed,
            PairCount = runs.Pairs,
            ScreenedPairCount = 0,
            RestartCount = 0,
            Switching = switching,
            Steps = log.Steps,
            Notes = [.. comparison.Candidate.Notes.Union(_notes, StringComparer.Ordinal)],
            JournalIds = Subject.JournalIds,
            StartedAt = startedAt,
            Elapsed = Time.GetElapsedTime(_started),
        };
    }

    private void Report(string activity, TimeSpan remaining)
    {
        var elapsed = _started == 0 ? TimeSpan.Zero : Time.GetElapsedTime(_started);
        var left = remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
        Progress?.Report(new MeasurementProgress(Target.VMName, activity, elapsed + left > TimeSpan.Zero ? elapsed / (elapsed + left) : 0, left));
    }

    private string PairText(int pair, Look due) => string.Create(
        CultureInfo.InvariantCulture, $"pair {pair} of {due.Pairs}, slots of {_slot.TotalSeconds:0.#} s");

    private static Task CloseAsync(MeasurementSession session, ExperimentLog log) => log.DoAsync(
        ExperimentStepKind.Prepare, $"remove what {session.Request.Name} made in the guest", async () => await session.DisposeAsync());

    private IReadOnlyList<VMPerformance> Performances()
    {
        if (_template is null || _loads.Count == 0 || _candidateConditions is null)
        {
            return [];
        }

        var runs = Cut();
        return [Performance(runs.Baseline, _template.Conditions), Performance(runs.Candidate, _candidateConditions)];
    }

    private VMPerformance Performance(IReadOnlyList<MeasuredRun> runs, MeasurementConditions conditions) => _template! with
    {
        Id = Guid.NewGuid(),
        Metrics = Shape.Metrics,
        Runs = runs,
        Conditions = conditions,
        StartedAt = runs.Count > 0 ? runs[0].StartedAt : _template.StartedAt,
        Elapsed = TimeSpan.FromTicks(runs.Sum(run => run.Duration.Ticks)),
        Notes = [.. _template.Notes, .. _notes],
    };
}
