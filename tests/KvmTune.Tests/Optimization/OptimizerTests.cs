// The optimizer on a scripted VM: the changes that it tries, their order, the changes that it keeps, and its end. The experiments are real ones.
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Optimization;
using KvmTune.Tests.Experiments;
using KvmTune.Tests.Measurement;
using KvmTune.Tests.Statistics;
using KvmTune.Tuning;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Optimization;

public sealed class OptimizerTests
{
    private readonly ScriptedSubject _vm = new();
    private readonly List<VMTuningPlan> _asked = [];

    [Fact]
    public async Task A_VM_in_which_nothing_is_slow_is_left_alone_and_not_even_looked_at()
    {
        var ledger = await RunAsync(new OptimizationOptions());

        Assert.Equal(OptimizationOutcome.LeftAlone, ledger.Outcome);
        Assert.Equal(VMBottleneckReport.NoBottleneck, ledger.Reason);
        Assert.Empty(ledger.Steps);
        Assert.Equal(["diagnose"], _vm.Calls);
    }

    [Fact]
    public async Task What_improved_is_kept_what_did_not_is_undone_and_after_a_change_that_was_kept_it_looks_again()
    {
        _vm.Slow.Enqueue(TuningArea.Cpu);
        _vm.Findings.AddRange([Finding("Useless"), Finding("Useful"), Finding("NeverReached")]);
        _vm.Factors["Useless"] = 1;
        _vm.Factors["Useful"] = 1.5;

        var ledger = await RunAsync(new OptimizationOptions());

        Assert.Equal(["diagnose", "look", "try Useless", "try Useful", "diagnose"], _vm.Calls);
        Assert.Equal(OptimizationOutcome.Improved, ledger.Outcome);
        Assert.Equal([CandidateDecision.Undone, CandidateDecision.Kept], ledger.Steps.Select(step => step.Decision));
        Assert.All(ledger.Steps, step => Assert.NotNull(step.Experiment));
        Assert.Equal(2, ledger.Diagnoses.Count);
        Assert.Equal("Useful", Assert.Single(ledger.Kept).Finding.Id);
    }

    [Fact]
    public async Task A_candidate_has_one_try_and_where_none_helps_it_says_so()
    {
        _vm.Slow.Enqueue(TuningArea.Cpu);
        _vm.Slow.Enqueue(TuningArea.Cpu);
        _vm.Findings.AddRange([Finding("Useful"), Finding("Useless")]);
        _vm.Factors["Useful"] = 1.5;
        _vm.Factors["Useless"] = 1;

        var ledger = await RunAsync(new OptimizationOptions());

        Assert.Equal(["diagnose", "look", "try Useful", "diagnose", "look", "try Useless"], _vm.Calls);
        Assert.Equal(OptimizationOutcome.Improved, ledger.Outcome);
        Assert.Contains("did not help", ledger.Reason, StringComparison.Ordinal);
        Assert.Equal([1, 2], ledger.Steps.Select(step => step.Round));
    }

    [Fact]
    public async Task Other_areas_than_the_slow_one_are_not_touched()
    {
        _vm.Slow.Enqueue(TuningArea.Disk);
        _vm.Findings.Add(Finding("Pins"));

        var ledger = await RunAsync(new OptimizationOptions());

        Assert.Equal(OptimizationOutcome.NothingToTry, ledger.Outcome);
        Assert.Empty(ledger.Steps);
        Assert.Equal(["diagnose", "look"], _vm.Calls);
    }

    [Theory]
    [InlineData(BottleneckCause.CpuQuota, "virsh schedinfo")]
    [InlineData(BottleneckCause.DiskLimit, "Set-DiskThrottle")]
    [InlineData(BottleneckCause.NicLimit, "virsh domiftune")]
    public async Task Under_a_limit_that_is_set_nothing_else_is_tried_and_the_limit_is_named(BottleneckCause cause, string way)
    {
        _vm.Slow.Enqueue(TuningArea.Cpu);
        _vm.Cause = cause;
        _vm.Findings.AddRange([Finding("Useless"), Finding("CpuQuotaBinds") with { Plan = null, NoPlanReason = "It may be meant." }]);
        _vm.Factors["Useless"] = 1.5;

        var ledger = await RunAsync(new OptimizationOptions());

        Assert.Equal(["diagnose", "look"], _vm.Calls);
        Assert.Equal(OptimizationOutcome.NothingToTry, ledger.Outcome);
        Assert.StartsWith("Cpu is slow.", ledger.Reason, StringComparison.Ordinal);
        Assert.Contains(way, ledger.Reason, StringComparison.Ordinal);
        Assert.All(ledger.Steps, step => Assert.Equal(CandidateDecision.Skipped, step.Decision));
        Assert.Contains(way, ledger.Steps[0].Reason, StringComparison.Ordinal);
        Assert.Equal("It may be meant.", ledger.Steps[1].Reason);
    }

    [Fact]
    public async Task What_needs_a_restart_is_tried_only_where_that_is_allowed()
    {
        _vm.Findings.Add(Finding("Restarts", plan => plan with { RequiresRestart = true }));
        _vm.Factors["Restarts"] = 1.5;
        _vm.Slow.Enqueue(TuningArea.Cpu);
        var without = await RunAsync(new OptimizationOptions());
        _vm.Slow.Enqueue(TuningArea.Cpu);
        var with = await RunAsync(new OptimizationOptions { Restart = true });

        Assert.Equal(OptimizationOutcome.NothingToTry, without.Outcome);
        Assert.Equal(CandidateDecision.Skipped, Assert.Single(without.Steps).Decision);
        Assert.Contains("-Restart", without.Steps[0].Reason, StringComparison.Ordinal);
        Assert.Equal(OptimizationOutcome.Improved, with.Outcome);
    }

    [Theory]
    [InlineData(true, CandidateDecision.Kept)]
    [InlineData(false, CandidateDecision.Skipped)]
    public async Task What_puts_data_at_risk_is_asked_for_first(bool answer, CandidateDecision decision)
    {
        var risk = new RuleFinding("WritebackHoldsData", TuningArea.Disk, RuleSeverity.Confirm, false, "Data can be lost.", "", "");
        _vm.Findings.Add(Finding("Risky", plan => plan with { Findings = [risk] }));
        _vm.Factors["Risky"] = 1.5;
        _vm.Slow.Enqueue(TuningArea.Cpu);

        var ledger = await RunAsync(new OptimizationOptions(), answer);

        Assert.Single(_asked);
        Assert.Equal(decision, Assert.Single(ledger.Steps).Decision);
        Assert.Equal(answer, _vm.Calls.Contains("try Risky"));
    }

    [Fact]
    public async Task A_failed_experiment_is_a_line_of_the_ledger_and_the_next_candidate_has_its_turn()
    {
        _vm.Slow.Enqueue(TuningArea.Cpu);
        _vm.Findings.AddRange([Finding("Broken"), Finding("Useful")]);
        _vm.Errors["Broken"] = new KvmTuneException("RestartRequired", KvmTuneErrorCategory.InvalidOperation, "It cannot be tried.");
        _vm.Factors["Useful"] = 1.5;

        var ledger = await RunAsync(new OptimizationOptions());

        Assert.Equal([CandidateDecision.Failed, CandidateDecision.Kept], ledger.Steps.Select(step => step.Decision));
        Assert.Equal("It cannot be tried.", ledger.Steps[0].Reason);
    }

    [Fact]
    public async Task A_change_that_could_not_be_taken_back_ends_it_with_that_error()
    {
        _vm.Slow.Enqueue(TuningArea.Cpu);
        _vm.Findings.AddRange([Finding("Stuck"), Finding("NeverReached")]);
        _vm.Errors["Stuck"] = new ExperimentInterruptedException(
            ExperimentInterruptedException.UndoFailed, KvmTuneErrorCategory.InvalidResult, "It is still there.", [], isUndone: false, null);

        var thrown = await Assert.ThrowsAsync<ExperimentInterruptedException>(() => RunAsync(new OptimizationOptions()));

        Assert.Equal(ExperimentInterruptedException.UndoFailed, thrown.ErrorId);
        Assert.DoesNotContain("try NeverReached", _vm.Calls);
    }

    [Fact]
    public async Task The_time_limit_is_handed_down_and_nothing_begins_after_it()
    {
        _vm.Slow.Enqueue(TuningArea.Cpu);
        _vm.Findings.AddRange([Finding("Useless"), Finding("NeverReached")]);
        _vm.Factors["Useless"] = 1;

        var ledger = await RunAsync(new OptimizationOptions { TimeLimit = TimeSpan.FromSeconds(20) });

        Assert.Equal(OptimizationOutcome.TimeLimitReached, ledger.Outcome);
        Assert.Equal(["diagnose", "look", "try Useless"], _vm.Calls);
        Assert.Equal(TimeSpan.FromSeconds(10), _vm.TimeLimit);
    }

    [Fact]
    public async Task A_time_that_is_too_short_for_an_experiment_ends_it()
    {
        _vm.Slow.Enqueue(TuningArea.Cpu);
        _vm.Findings.Add(Finding("Long"));
        _vm.Errors["Long"] = new KvmTuneException("TimeLimitTooShort", KvmTuneErrorCategory.InvalidArgument, "Too short.");

        Assert.Equal(OptimizationOutcome.TimeLimitReached, (await RunAsync(new OptimizationOptions { TimeLimit = TimeSpan.FromMinutes(1) })).Outcome);
    }

    [Fact]
    public void Candidates_come_by_the_part_that_is_slow_then_by_severity_then_without_restart_and_only_those_that_matter()
    {
        var order = CandidateOrder.Of(
            [
                Finding("Restarts", plan => plan with { RequiresRestart = true }),
                Finding("Live"),
                Finding("Grave") with { Severity = FindingSeverity.High },
                Finding("SlowPart") with { Severity = FindingSeverity.Low, Subject = "vCPU 1" },
                Finding("OtherWork") with { Workloads = ["CpuLatency"] },
                Finding("OtherArea") with { Area = TuningArea.Disk },
            ],
            TuningArea.Cpu, "vcpu 1", "Cpu");

        Assert.Equal(["SlowPart", "Grave", "Live", "Restarts"], order.Select(finding => finding.Id));
    }

    [Fact]
    public void For_the_users_own_load_nobody_knows_what_matters_so_all_of_the_area_are_candidates() =>
        Assert.Equal(2, CandidateOrder.Of([Finding("One"), Finding("Two") with { Workloads = ["CpuLatency"] }], TuningArea.Cpu, null, "Observe").Count);

    [Fact]
    public void The_guests_own_load_is_judged_by_the_counters_of_the_area_and_a_named_workload_by_itself()
    {
        Assert.Equal(ObservedArea.Disk, OptimizationSubject.WorkloadFor(null, TuningArea.Disk).Area);
        Assert.Equal((ObservedArea.Network, 3), OptimizationSubject.WorkloadFor(new() { Name = "observe", Runs = 3 }, TuningArea.Network) is var own ? (own.Area, own.Runs) : default);
        var named = new WorkloadRequest { Name = "RandomWrite" };
        Assert.Same(named, OptimizationSubject.WorkloadFor(named, TuningArea.Network));
    }

    private Task<VMOptimization> RunAsync(OptimizationOptions options, bool answer = false) => new VMOptimizer(_vm.Time).RunAsync(
        _vm,
        options,
        plan =>
        {
            _asked.Add(plan);
            return Task.FromResult(answer);
        },
        _ => { },
        null,
        CancellationToken.None);

    private static VMTuningFinding Finding(string id, Func<VMTuningPlan, VMTuningPlan>? plan = null)
    {
        var pin = Performances.Pin(TuningOutcome.Applied).Plan;
        return new VMTuningFinding
        {
            VMName = pin.VMName,
            VMId = pin.VMId,
            ConnectionUri = pin.ConnectionUri,
            Area = TuningArea.Cpu,
            Severity = FindingSeverity.Medium,
            Id = id,
            Subject = "vCPU 0",
            Evidence = [],
            Workloads = ["Cpu"],
            Suggestion = "try it",
            Reason = "why",
            Source = "where",
            Plan = (plan ?? (same => same))(pin),
        };
    }

    // Returns the scripted diagnoses, and "not slow" after the last one; a diagnosis takes ten seconds.
    private sealed class ScriptedSubject : IOptimizationSubject
    {
        public Queue<TuningArea> Slow { get; } = [];

        public BottleneckCause? Cause { get; set; }

        public List<VMTuningFinding> Findings { get; } = [];

        public Dictionary<string, double> Factors { get; } = [];

        public Dictionary<string, Exception> Errors { get; } = [];

        public List<string> Calls { get; } = [];

        public FastTime Time { get; } = new();

        public TimeSpan? TimeLimit { get; private set; }

        public string VMName => "db01";

        public Guid VMId { get; } = Guid.NewGuid();

        public string ConnectionUri => "qemu:///system";

        public string Workload => "Cpu";

        public Task<VMBottleneckReport> DiagnoseAsync(IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken)
        {
            Calls.Add("diagnose");
            Time.Pass(TimeSpan.FromSeconds(10));
            TuningArea? area = Slow.TryDequeue(out var slow) ? slow : null;
            return Task.FromResult(new VMBottleneckReport
            {
                VMName = VMName,
                VMId = VMId,
                ConnectionUri = ConnectionUri,
                StartedAt = Time.GetUtcNow(),
                Interval = TimeSpan.FromSeconds(10),
                Area = area,
                Cause = area is null ? null : Cause,
                Verdict = area is null ? VMBottleneckReport.NoBottleneck : $"{area} is slow.",
                Areas = [],
                Notes = [],
            });
        }

        public Task<IReadOnlyList<VMTuningFinding>> LookAsync(CancellationToken cancellationToken)
        {
            Calls.Add("look");
            return Task.FromResult<IReadOnlyList<VMTuningFinding>>(Findings);
        }

        public async Task<VMExperiment> TryAsync(
            VMTuningPlan plan, TuningArea area, TimeSpan? timeLimit, IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken)
        {
            var id = Findings.First(finding => ReferenceEquals(finding.Plan, plan)).Id;
            Calls.Add($"try {id}");
            TimeLimit = timeLimit;
            if (Errors.TryGetValue(id, out var error))
            {
                throw error;
            }

            var experiment = await new ScriptedExperiment { Factor = Factors[id] }.RunAsync(options: null, progress: null, cancellationToken);
            Time.Pass(experiment.Elapsed);
            return experiment;
        }
    }
}
