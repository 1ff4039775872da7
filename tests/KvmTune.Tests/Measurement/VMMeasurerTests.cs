// The measuring loop with a scripted VM: warm-up, failed runs, limits, clean-up after every kind of end.
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;
using KvmTune.Measurement.Workloads;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class VMMeasurerTests
{
    private static readonly RunOutcome Good = new() { Values = new Dictionary<string, double> { ["Speed"] = 5 } };

    private static readonly WorkloadRequest Request = new() { Name = "scripted", Runs = 4 };

    [Fact]
    public async Task The_first_run_is_warm_up_and_the_rest_count()
    {
        var vm = new ScriptedVM();
        var steps = new List<MeasurementProgress>();

        var result = await vm.MeasureAsync(Request, new Listing(steps));

        Assert.Equal(5, result.Runs.Count);
        Assert.Equal([true, false, false, false, false], result.Runs.Select(run => run.IsWarmup));
        Assert.Equal([1, 2, 3, 4, 5], result.Runs.Select(run => run.Number));
        Assert.Equal([5, 5, 5, 5], result.ValuesOf("Speed"));
        Assert.Equal("Scripted", result.Workload.Name);
        Assert.Equal("Agent", result.Conditions.Channel);
        Assert.Equal(1, vm.CleanUps);
        Assert.Contains(steps, step => step.Activity == "run 4 of 4");
        Assert.Equal(steps.Select(step => step.Fraction).Order(), steps.Select(step => step.Fraction));
        Assert.Equal(1, steps[^1].Fraction);
    }

    [Fact]
    public async Task A_failed_run_is_kept_and_repeated()
    {
        var vm = new ScriptedVM { OnRun = run => run is 1 or 3 ? RunOutcome.Failed("bad") : Good };

        var result = await vm.MeasureAsync(Request);

        Assert.Equal(7, result.Runs.Count);
        Assert.Equal(4, result.CountedRuns.Count);
        Assert.Equal(["bad", "bad"], result.Runs.Select(run => run.Failure).OfType<string>());
        Assert.True(result.Runs[1].IsWarmup);
        Assert.Contains(result.Notes, note => note.StartsWith("2 failed runs", StringComparison.Ordinal));
    }

    [Fact]
    public async Task More_failures_than_half_of_the_runs_end_it_with_the_samples_kept()
    {
        var vm = new ScriptedVM { OnRun = run => run > 2 ? RunOutcome.Failed("bad luck") : Good };

        var exception = await Assert.ThrowsAsync<MeasurementInterruptedException>(() => vm.MeasureAsync(Request));

        Assert.Equal("TooManyFailedRuns", exception.ErrorId);
        Assert.Contains("bad luck", exception.Message, StringComparison.Ordinal);
        Assert.Equal(5, exception.Partial!.Runs.Count);
        Assert.Single(exception.Partial.CountedRuns);
        Assert.Equal(1, vm.CleanUps);
    }

    [Fact]
    public async Task A_run_without_a_value_or_with_none_that_is_a_number_is_a_failed_run()
    {
        var vm = new ScriptedVM
        {
            OnRun = run => run switch
            {
                2 => new RunOutcome(),
                3 => new RunOutcome { Values = new Dictionary<string, double> { ["Speed"] = double.NaN } },
                _ => Good,
            },
        };

        var result = await vm.MeasureAsync(Request);

        Assert.Equal(2, result.Runs.Count(run => run.Failure == "The run has no value for Speed."));
    }

    [Fact]
    public async Task A_time_limit_fails_the_run_and_a_lost_guest_ends_the_measurement()
    {
        var vm = new ScriptedVM
        {
            OnRun = run => run switch
            {
                2 => throw new GuestChannelException(GuestChannelReason.CommandTimedOut, "too long"),
                4 => throw new GuestChannelException(GuestChannelReason.GuestLost, "It is gone."),
                _ => Good,
            },
            Left = "/data/.kvmtune-x",
            OnCleanUp = () => throw new GuestChannelException(GuestChannelReason.GuestNotRunning, "It does not run."),
        };

        var exception = await Assert.ThrowsAsync<MeasurementInterruptedException>(() => vm.MeasureAsync(Request));

        Assert.Equal("GuestLost", exception.ErrorId);
        Assert.Equal("/data/.kvmtune-x", exception.LeftInGuest);
        Assert.Contains("/data/.kvmtune-x", exception.Message, StringComparison.Ordinal);
        Assert.Equal([null, "too long", null], exception.Partial!.Runs.Select(run => run.Failure));
        Assert.Contains(exception.Partial.Notes, note => note.Contains("/data/.kvmtune-x", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cancelling_cleans_up_and_keeps_the_samples()
    {
        using var cancellation = new CancellationTokenSource();
        var vm = new ScriptedVM
        {
            OnRun = run =>
            {
                if (run == 3)
                {
                    cancellation.Cancel();
                    cancellation.Token.ThrowIfCancellationRequested();
                }

                return Good;
            },
        };

        var exception = await Assert.ThrowsAsync<MeasurementCanceledException>(() => vm.MeasureAsync(Request, null, cancellation.Token));

        Assert.Equal(cancellation.Token, exception.CancellationToken);
        Assert.Single(exception.Partial!.CountedRuns);
        Assert.Null(exception.LeftInGuest);
        Assert.Equal(1, vm.CleanUps);
    }

    [Fact]
    public async Task A_preparation_that_fails_cleans_up_and_says_why()
    {
        var vm = new ScriptedVM { OnPrepare = () => throw new MeasurementException(MeasurementReason.GuestDiskFull, "full") };

        var exception = await Assert.ThrowsAnyAsync<MeasurementException>(() => vm.MeasureAsync(Request));

        Assert.Equal("GuestDiskFull", exception.ErrorId);
        Assert.Equal(1, vm.CleanUps);
        Assert.Equal(1, vm.ClosedChannels);
    }

    [Fact]
    public async Task Warm_up_goes_on_while_the_image_grows_and_ends_all_the_same()
    {
        var grows = new ScriptedVM { Growth = run => run <= 3 ? 50e6 : 0 };
        var never = new ScriptedVM { Growth = _ => 50e6 };

        var first = await grows.MeasureAsync(Request);
        var second = await never.MeasureAsync(Request);

        Assert.Equal([1, 2, 3, 4], first.Runs.Where(run => run.IsWarmup).Select(run => run.Number));
        Assert.Empty(first.Notes);
        Assert.Equal(11, second.Runs.Count(run => run.IsWarmup));
        Assert.Equal(4, second.CountedRuns.Count);
        Assert.Contains(second.Notes, note => note.Contains("first writes", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, 3, "0")]
    [InlineData(-1, 3, "-1")]
    [InlineData(10_001, 3, "10001")]
    [InlineData(4, 1, "1 s")]
    [InlineData(4, -5, "-5 s")]
    public async Task A_setting_that_makes_no_sense_is_refused_with_its_value_before_anything_starts(int runs, int seconds, string value)
    {
        var vm = new ScriptedVM();

        var exception = await Assert.ThrowsAsync<ArgumentException>(
            () => vm.MeasureAsync(Request with { Runs = runs, RunTime = TimeSpan.FromSeconds(seconds) }));

        Assert.Contains(value, exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, vm.Calls);
    }

    [Fact]
    public void Settings_of_the_real_workloads_are_checked_before_anything_starts()
    {
        var catalog = WorkloadCatalog.CreateDefault();
        var metric = new CommandMetric(new MetricDefinition("M", "x", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true), Pattern: "(a)");
        var command = new CommandSettings { Path = "tool", Metrics = [metric] };
        void Refused(string word, WorkloadRequest request) =>
            Assert.Contains(word, Assert.Throws<ArgumentException>(() => MeasurementSession.Validate(catalog, request)).Message, StringComparison.Ordinal);

        Refused("RandomRead", new WorkloadRequest { Name = "Nonsense" });
        Refused("data/x", new WorkloadRequest { Name = "RandomRead", GuestPath = "data/x" });
        Refused("63 MiB", new WorkloadRequest { Name = "RandomRead", FileSizeMiB = 63 });
        Refused("2.5", new WorkloadRequest { Name = "Cpu", RunTime = TimeSpan.FromSeconds(2.5) });
        Refused("10.0.0", new WorkloadRequest { Name = "Network", HostAddress = "10.0.0.x" });
        Refused("129", new WorkloadRequest { Name = "Network", Streams = 129 });
        Refused("program", new WorkloadRequest { Name = "Command" });
        Refused("primary", new WorkloadRequest { Name = "Command", Command = command with { Metrics = [] } });
        Refused("twice", new WorkloadRequest { Name = "Command", Command = command with { Metrics = [metric, metric with { Definition = metric.Definition with { IsPrimary = false } }] } });
        Refused("either", new WorkloadRequest { Name = "Command", Command = command with { Metrics = [metric with { JsonPath = "$.a" }] } });
        Refused("group", new WorkloadRequest { Name = "Command", Command = command with { Metrics = [metric with { Pattern = "a" }] } });
        Refused("not a valid pattern", new WorkloadRequest { Name = "Command", Command = command with { Metrics = [metric with { Pattern = "(a" }] } });
        Refused("JSON path", new WorkloadRequest { Name = "Command", Command = command with { Metrics = [metric with { Pattern = null, JsonPath = "a" }] } });
        Assert.Equal("RandomWrite", MeasurementSession.Validate(catalog, new WorkloadRequest { Name = "randomwrite" }).Name);
    }

    private sealed class Listing(List<MeasurementProgress> steps) : IProgress<MeasurementProgress>
    {
        public void Report(MeasurementProgress value) => steps.Add(value);
    }

    /// <summary>A VM, its channel and its single workload, all controlled by the test.</summary>
    private sealed class ScriptedVM : IMeasurementTarget, IWorkload, IWorkloadInstance, IGuestChannel, IRunSampler
    {
        private readonly FastTime _time = new();
        private int _runs;
        private double _image;

        public Func<int, RunOutcome> OnRun { get; init; } = _ => Good;

        public Func<int, double> Growth { get; init; } = _ => 0;

        public Action OnPrepare { get; init; } = () => { };

        public Action OnCleanUp { get; init; } = () => { };

        public string? Left { get; init; }

        public int CleanUps { get; private set; }

        public int ClosedChannels { get; private set; }

        public int Calls { get; private set; }

        public string VMName => "vm";

        public Guid VMId { get; } = Guid.NewGuid();

        public string ConnectionUri => "test:///default";

        string IWorkload.Name => "Scripted";

        string IGuestChannel.Name => "Agent";

        public string Description => "";

        public GuestProgram? Program => null;

        public string? Version => "scripted 1";

        public string? GuestFile => "/data";

        public string? DiskTarget => "vdb";

        public IReadOnlyList<string> Notes => [];

        public string? LeftInGuest => Left;

        public Task<VMPerformance> MeasureAsync(
            WorkloadRequest request, IProgress<MeasurementProgress>? progress = null, CancellationToken cancellationToken = default) =>
            new VMMeasurer(new WorkloadCatalog([this]), _time).MeasureAsync(this, request, progress, cancellationToken);

        public Task<string> ReadRunningXmlAsync(CancellationToken cancellationToken)
        {
            Calls++;
            return Task.FromResult("<domain/>");
        }

        public Task<IGuestChannel> OpenChannelAsync(WorkloadRequest request, CancellationToken cancellationToken) => Task.FromResult<IGuestChannel>(this);

        public Task<IReadOnlyList<IRunSampler>> OpenSamplersAsync(string runningXml, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<IRunSampler>>([this]);

        public Task<MeasurementConditions> ReadConditionsAsync(string runningXml, CancellationToken cancellationToken) => Task.FromResult(
            new MeasurementConditions { HostName = "host", DomainType = "test", ConfigurationHash = "", Channel = "None" });

        public IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request) =>
            [new("Speed", "1/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true)];

        public void Validate(WorkloadRequest request)
        {
        }

        public TimeSpan RunLength(WorkloadRequest request) => request.RunTime;

        public IWorkloadInstance Create(WorkloadContext context) => this;

        public Task PrepareAsync(CancellationToken cancellationToken)
        {
            OnPrepare();
            return Task.CompletedTask;
        }

        public Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
        {
            _time.Pass(TimeSpan.FromSeconds(3));
            _runs++;
            _image += Growth(_runs);
            return Task.FromResult(OnRun(_runs));
        }

        public Task CleanUpAsync()
        {
            CleanUps = 1;
            OnCleanUp();
            return Task.CompletedTask;
        }

        public CounterReading Read() =>
            new(new Dictionary<string, double> { ["Disk.vdb.AllocatedBytes"] = _image, ["Disk.vdb.WriteBytes"] = _runs * 60e6 });

        public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask DisposeAsync()
        {
            ClosedChannels++;
            return ValueTask.CompletedTask;
        }
    }
}
