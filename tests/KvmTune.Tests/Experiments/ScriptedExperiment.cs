// A VM, its single workload and the tried change, all controlled by a test, in virtual time.
using KvmTune.Experiments;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;
using KvmTune.Measurement.Workloads;
using KvmTune.Tests.Measurement;
using KvmTune.Tests.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Tests.Experiments;

internal sealed class ScriptedExperiment : IMeasurementTarget, IWorkload, IWorkloadInstance, IGuestChannel, IRunSampler, IExperimentSubject
{
    private readonly Random _noise = new(7);

    public FastTime Time { get; } = new();

    /// <summary>The calls, in order: boot, prepare, run A, run B, clean, apply, undo.</summary>
    public List<string> Calls { get; } = [];

    public bool NeedsRestart { get; init; }

    public RestartWay? Way { get; init; }

    /// <summary>The ratio of the candidate's values to the baseline's.</summary>
    public double Factor { get; init; } = 1.5;

    /// <summary>Noise of a run, as a share.</summary>
    public double Noise { get; init; } = 0.01;

    /// <summary>The value of the second metric, a latency percentile, on a side.</summary>
    public Func<bool, double> Tail { get; init; } = _ => 5e6;

    /// <summary>Called before each call; may throw.</summary>
    public Action<string> OnCall { get; set; } = _ => { };

    /// <summary>The host's load outside the guest in a run, by its number from 1.</summary>
    public Func<int, double> Busy { get; init; } = _ => 0;

    /// <summary>The additional load of the host outside the guest with the change.</summary>
    public double BusyWithChange { get; init; }

    public Func<int, string?> Failure { get; init; } = _ => null;

    public bool IsCandidate { get; private set; }

    public int Runs { get; private set; }

    public int PreparationsTakenBack { get; private set; }

    public string VMName => "db01";

    public Guid VMId { get; } = new("6f1c1c5e-2d7a-4f2a-9a51-4f6b0c8f0a11");

    public string ConnectionUri => "qemu:///system";

    public string Title => "pin vCPU 0 to host CPU 1";

    public IReadOnlyList<long> JournalIds => [];

    string IWorkload.Name => "Scripted";

    string IGuestChannel.Name => "Agent";

    public string Description => "";

    public GuestProgram? Program => null;

    public string? Version => "scripted 1";

    public string? GuestFile => "/data";

    public string? DiskTarget => null;

    public IReadOnlyList<string> Notes => [];

    public string? LeftInGuest => null;

    /// <summary>The counted runs as letters, in the order of time.</summary>
    public static string Order(VMExperiment experiment) => string.Concat(
        experiment.Baseline.Runs.Select(run => (run.Number, run.IsWarmup, Letter: 'A'))
            .Concat(experiment.Candidate.Runs.Select(run => (run.Number, run.IsWarmup, Letter: 'B')))
            .OrderBy(run => run.Number)
            .Select(run => run.IsWarmup ? char.ToLowerInvariant(run.Letter) : run.Letter));

    public Task<VMExperiment> RunAsync(
        ExperimentOptions? options = null, IProgress<MeasurementProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var host = new HostConnection("test:///default");
        return new VMExperimenter(host, null!, this, new WorkloadCatalog([this]), Time).RunOnAsync(
            this, Guid.NewGuid(), new WorkloadRequest { Name = "scripted" }, options ?? new ExperimentOptions { Seed = 1 }, progress, cancellationToken);
    }

    public void Check() => Call("check");

    public Task<IReadOnlyList<VMTuningResult>> ApplyAsync(CancellationToken cancellationToken)
    {
        Call("apply");
        cancellationToken.ThrowIfCancellationRequested();
        IsCandidate = true;
        return Task.FromResult<IReadOnlyList<VMTuningResult>>([Performances.Pin(TuningOutcome.Applied)]);
    }

    public Task UndoAsync(CancellationToken cancellationToken)
    {
        Call("undo");
        cancellationToken.ThrowIfCancellationRequested();
        IsCandidate = false;
        return Task.CompletedTask;
    }

    public Task RestartAsync(CancellationToken cancellationToken)
    {
        Call("boot");
        return Task.CompletedTask;
    }

    public void TakeBackPreparations() => PreparationsTakenBack++;

    public Task<string> ReadRunningXmlAsync(CancellationToken cancellationToken) => Task.FromResult("<domain/>");

    public Task<IGuestChannel> OpenChannelAsync(WorkloadRequest request, CancellationToken cancellationToken) => Task.FromResult<IGuestChannel>(this);

    public Task<IReadOnlyList<IRunSampler>> OpenSamplersAsync(string runningXml, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<IRunSampler>>([this]);

    public Task<MeasurementConditions> ReadConditionsAsync(string runningXml, CancellationToken cancellationToken) => Task.FromResult(
        new MeasurementConditions { HostName = "host", DomainType = "test", ConfigurationHash = IsCandidate ? "B" : "A", Channel = "None" });

    public IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request) =>
    [
        new("Speed", "1/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
        new("LatencyP99", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
    ];

    public void Validate(WorkloadRequest request)
    {
    }

    public TimeSpan RunLength(WorkloadRequest request) => request.RunTime;

    public IWorkloadInstance Create(WorkloadContext context) => this;

    public Task PrepareAsync(CancellationToken cancellationToken)
    {
        Call("prepare");
        return Task.CompletedTask;
    }

    public Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
    {
        Runs++;
        Call(IsCandidate ? "run B" : "run A");
        cancellationToken.ThrowIfCancellationRequested();
        Time.Pass(TimeSpan.FromSeconds(3));
        if (Failure(Runs) is { } failure)
        {
            return Task.FromResult(RunOutcome.Failed(failure));
        }

        double Noisy() => 1 + (Noise * ((2 * _noise.NextDouble()) - 1));
        return Task.FromResult(new RunOutcome
        {
            Values = new Dictionary<string, double>
            {
                ["Speed"] = 1000 * Noisy() * (IsCandidate ? Factor : 1),
                ["LatencyP99"] = Tail(IsCandidate) * Noisy(),
            },
            Counters = new Dictionary<string, double> { ["HostBusyOutsideGuestCores"] = Busy(Runs) + (IsCandidate ? BusyWithChange : 0) },
        });
    }

    public void GoOn(string runningXml) => Call("go on");

    public Task CleanUpAsync()
    {
        Call("clean");
        return Task.CompletedTask;
    }

    public CounterReading Read() => new(new Dictionary<string, double>());

    public Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Call(string call)
    {
        Calls.Add(call);
        OnCall(call);
    }
}
