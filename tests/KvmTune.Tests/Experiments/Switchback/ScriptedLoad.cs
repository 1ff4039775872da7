// A VM whose load, clock and switch follow a script: the truth is known, so that tests can check an experiment's statements.
using System.Globalization;
using KvmTune.Experiments;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;
using KvmTune.Measurement.Streams;
using KvmTune.Measurement.Workloads;
using KvmTune.Tests.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Tests.Experiments.Switchback;

internal sealed class ScriptedLoad : IMeasurementTarget, IWorkload, IWorkloadInstance, IStreamingInstance, IGuestChannel, IExperimentSubject, ILiveSwitch
{
    private const double Base = 1000;

    private readonly Random _noise = new(11);
    private readonly List<(double At, bool IsCandidate)> _sides = [];
    private readonly List<(double From, double To)> _switches = [];
    private readonly Dictionary<(int Load, int Number), double> _drawn = [];
    private TaskCompletionSource? _over;
    private double _start;
    private int _loads;
    private int _looks;
    private int _switched;

    public SlotTime Time { get; } = new();

    /// <summary>The calls, in order.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>Called before each call; may throw.</summary>
    public Action<string> OnCall { get; set; } = _ => { };

    /// <summary>The effect of the change on the rate, as a factor.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>The effect of the change on a second metric, which has hardly any noise; null for none.</summary>
    public double? SteadyFactor { get; init; }

    public IReadOnlyList<string> KnownAtTheEnd { get; init; } = [];

    /// <summary>The number of looks after which the first load fails.</summary>
    public int FailsAfterLooks { get; init; } = int.MaxValue;

    /// <summary>Noise of a sample, as a share.</summary>
    public double Noise { get; init; } = 0.02;

    /// <summary>The share of the earlier side in the rate, by the seconds since the switch.</summary>
    public Func<double, double> CarryOver { get; init; } = _ => 0;

    public double Interval { get; init; } = 0.1;

    public double SwitchSeconds { get; init; } = 0.01;

    /// <summary>The offset by which the guest's clock is ahead, by the host's time.</summary>
    public Func<double, double> ClockOffset { get; init; } = _ => 5000;

    /// <summary>Whether a sample is lost, by its number.</summary>
    public Func<int, bool> IsLost { get; init; } = _ => false;

    /// <summary>The longest time of a load, by its number from 1.</summary>
    public Func<int, double> LongestLoad { get; init; } = _ => double.PositiveInfinity;

    public Func<int, string?> LoadFailure { get; init; } = _ => null;

    /// <summary>Whether switching fails, by the number of the switch from 1.</summary>
    public Func<int, bool> SwitchFails { get; init; } = _ => false;

    public bool TakingBackFails { get; init; }

    public double IdleBelow { get; init; }

    public double Rate { get; init; } = Base;

    public bool NeedsTrial { get; init; }

    public bool Streams { get; init; } = true;

    /// <summary>The side that is in force; null after a switch that failed half-way.</summary>
    public bool? IsCandidate { get; private set; } = false;

    public bool IsKept { get; private set; }

    public bool IsHeld { get; private set; }

    public bool IsLoadRunning { get; private set; }

    public IReadOnlyList<(double From, double To)> Switches => _switches;

    public string VMName => "db01";

    public Guid VMId { get; } = new("6f1c1c5e-2d7a-4f2a-9a51-4f6b0c8f0a11");

    public string ConnectionUri => "qemu:///system";

    public string Title => "pin vCPU 0 to host CPU 1";

    public bool NeedsRestart => false;

    public string? WhyNotSwitched { get; init; }

    public IReadOnlyList<long> JournalIds => [];

    string IWorkload.Name => "Scripted";

    string IGuestChannel.Name => "Agent";

    public string Description => "";

    public GuestProgram? Program => null;

    public string? Version => "scripted 1";

    public string? GuestFile => null;

    public string? DiskTarget => null;

    public IReadOnlyList<string> Notes => ["Of runs."];

    public IReadOnlyList<string> SwitchedNotes => ["Of slots."];

    public string? LeftInGuest { get; init; }

    /// <summary>Whether the end of a cancelled load cannot be observed.</summary>
    public bool CannotBeEnded { get; init; }

    public VMTuningResult Result { get; } = Performances.Pin(TuningOutcome.Applied);

    public Task<VMExperiment> RunAsync(ExperimentOptions? options = null, CancellationToken cancellationToken = default)
    {
        var host = new HostConnection("test:///default");
        return new VMExperimenter(host, null!, this, new WorkloadCatalog([this]), Time).RunOnAsync(
            this, Guid.NewGuid(), new WorkloadRequest { Name = "scripted" }, options ?? new ExperimentOptions { Design = ExperimentDesign.Switchback, Seed = 3 }, null, cancellationToken);
    }

    public void Check() => Call("check");

    public Task<ILiveSwitch> OpenSwitchAsync(CancellationToken cancellationToken)
    {
        Call("open");
        cancellationToken.ThrowIfCancellationRequested();
        IsHeld = true;
        return Task.FromResult<ILiveSwitch>(this);
    }

    public void To(bool isCandidate)
    {
        Call(isCandidate ? "to B" : "to A");
        var from = Time.Seconds;
        IsCandidate = null;
        if (SwitchFails(++_switched))
        {
            throw new KvmTuneException("ChangeNotEffective", KvmTuneErrorCategory.InvalidResult, "It did not take effect.");
        }

        Time.Pass(SwitchSeconds);
        IsCandidate = isCandidate;
        _sides.Add((Time.Seconds, isCandidate));
        _switches.Add((from, Time.Seconds));
    }

    public VMTuningResult Keep()
    {
        Call("keep");
        (IsCandidate, IsKept) = (true, true);
        return Result;
    }

    public void TakeBack(Exception? cause)
    {
        if (IsKept)
        {
            return;
        }

        Call("take back");
        if (TakingBackFails)
        {
            throw new KvmTuneException("UndoCollides", KvmTuneErrorCategory.ResourceBusy, "Somebody else has changed it.");
        }

        IsCandidate = false;
    }

    public void Dispose() => IsHeld = false;

    public StreamShape? StreamOf(WorkloadRequest request) => !Streams ? null : new StreamShape
    {
        Interval = TimeSpan.FromSeconds(Interval),
        Clock = StreamClock.GuestUptime,
        Metrics = SteadyFactor is null ? [Speed] : [Speed, Steadiness],
        KnownAtTheEnd = KnownAtTheEnd,
        Summarize = means => means.Rates,
        IdleBelow = IdleBelow,
        NeedsTrial = NeedsTrial,
    };

    public async Task<StreamReport> StreamAsync(TimeSpan length, CancellationToken cancellationToken)
    {
        Call("load");
        var number = ++_loads;
        var start = _start = Time.Seconds + 0.7;
        var end = Time.Seconds + Math.Min(length.TotalSeconds, LongestLoad(number));
        // The end is noticed at that moment: the rest of this method runs before virtual time continues.
        var over = _over = new TaskCompletionSource();
        using var cancellation = cancellationToken.Register(() => over.TrySetCanceled(cancellationToken));
        void Look(double now)
        {
            if (now >= end - 1e-6)
            {
                over.TrySetResult();
            }
        }

        IsLoadRunning = true;
        Time.Passed += Look;
        try
        {
            if (NeedsTrial && number == 1)
            {
                Time.Pass(end - Time.Seconds);
            }

            await over.Task.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (CannotBeEnded)
        {
            throw new GuestChannelException(GuestChannelReason.CommandStillRunning, "sh (process 7) may still run in db01.");
        }
        finally
        {
            Time.Passed -= Look;
            IsLoadRunning = false;
        }

        return LoadFailure(number) is { } failure ? new([], failure) : new(Samples(start, Math.Min(end, Time.Seconds))) { HasEnded = true };
    }

    public Task<StreamReport> SoFarAsync(CancellationToken cancellationToken)
    {
        Call("look");
        cancellationToken.ThrowIfCancellationRequested();
        if (_loads == 1 && ++_looks > FailsAfterLooks)
        {
            return Task.FromResult(new StreamReport([], "fio failed."));
        }

        return Task.FromResult(LoadFailure(_loads) is { } failure ? new StreamReport([], failure) : new(Samples(_start, Time.Seconds)));
    }

    public Task EndAsync(CancellationToken cancellationToken)
    {
        Call("end");
        cancellationToken.ThrowIfCancellationRequested();
        _over!.TrySetResult();
        return Task.CompletedTask;
    }

    Task<GuestCommandResult> IGuestChannel.RunAsync(GuestCommand command, CancellationToken cancellationToken)
    {
        Time.Pass(0.015);
        var text = (Time.Seconds + ClockOffset(Time.Seconds)).ToString("0.00", CultureInfo.InvariantCulture) + " \n";
        Time.Pass(0.015);
        return Task.FromResult(new GuestCommandResult(0, null, text, string.Empty, TimeSpan.FromSeconds(0.03)));
    }

    public Task<string> ReadRunningXmlAsync(CancellationToken cancellationToken) => Task.FromResult("<domain/>");

    public Task<IGuestChannel> OpenChannelAsync(WorkloadRequest request, CancellationToken cancellationToken) => Task.FromResult<IGuestChannel>(this);

    public Task<IReadOnlyList<IRunSampler>> OpenSamplersAsync(string runningXml, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<IRunSampler>>([]);

    public Task<MeasurementConditions> ReadConditionsAsync(string runningXml, CancellationToken cancellationToken) => Task.FromResult(
        new MeasurementConditions { HostName = "host", DomainType = "test", ConfigurationHash = IsCandidate == true ? "B" : "A", Channel = "None" });

    public IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request) => SteadyFactor is null ? [Speed] : [Speed, Steadiness];

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

    Task<RunOutcome> IWorkloadInstance.RunAsync(CancellationToken cancellationToken)
    {
        Call("run");
        Time.Pass(3);
        return Task.FromResult(new RunOutcome { Values = new Dictionary<string, double> { ["Speed"] = Base * (IsCandidate == true ? Factor : 1) * (1 + (0.01 * _noise.NextDouble())) } });
    }

    public Task CleanUpAsync()
    {
        Call("clean");
        return LeftInGuest is null ? Task.CompletedTask : throw new GuestChannelException(GuestChannelReason.AgentNotResponding, "The agent does not answer.");
    }

    public Task CheckAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public Task<IReadOnlyList<VMTuningResult>> ApplyAsync(CancellationToken cancellationToken)
    {
        Call("apply");
        IsCandidate = true;
        return Task.FromResult<IReadOnlyList<VMTuningResult>>([Result]);
    }

    public Task UndoAsync(CancellationToken cancellationToken)
    {
        Call("undo");
        IsCandidate = false;
        return Task.CompletedTask;
    }

    public Task RestartAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public void TakeBackPreparations()
    {
    }

    private static MetricDefinition Speed { get; } = new("Speed", "1/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true);

    private static MetricDefinition Steadiness { get; } = new("Steadiness", "1/s", MetricDirection.HigherIsBetter, MetricKind.Rate);

    // A report never changes, however often it is read.
    private List<StreamSample> Samples(double start, double end)
    {
        var samples = new List<StreamSample>();
        for (var (at, number) = (start, 0); at + Interval <= end; at += Interval, number++)
        {
            var rate = Enumerable.Range(0, 10).Average(part => RateAt(at + (Interval * (part + 0.5) / 10))) * Math.Exp(Noise * Drawn(number));
            if (!IsLost(number))
            {
                var rates = new Dictionary<string, double> { ["Speed"] = rate };
                if (SteadyFactor is { } steady)
                {
                    rates["Steadiness"] = _sides.FindLast(side => side.At <= at).IsCandidate ? steady : 1 + (0.001 * (number % 3));
                }

                samples.Add(new(Guest(at), Guest(at + Interval), rates));
            }
        }

        return samples;
    }

    private double Drawn(int number)
    {
        if (!_drawn.TryGetValue((_loads, number), out var drawn))
        {
            _drawn[(_loads, number)] = drawn = Normal();
        }

        return drawn;
    }

    private double Guest(double host) => host + ClockOffset(host);

    private double RateAt(double at)
    {
        var last = _sides.FindLastIndex(side => side.At <= at);
        if (last < 0)
        {
            return Rate;
        }

        var (own, before) = (Of(_sides[last].IsCandidate), last > 0 ? Of(_sides[last - 1].IsCandidate) : Rate);
        return own + ((before - own) * CarryOver(at - _sides[last].At));
    }

    private double Of(bool isCandidate) => Rate * (isCandidate ? Factor : 1);

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _noise.NextDouble())) * Math.Cos(2 * Math.PI * _noise.NextDouble());

    private void Call(string call)
    {
        lock (Calls)
        {
            Calls.Add(call);
        }

        OnCall(call);
    }
}
