// The processor and memory workloads: sysbench.
using System.Globalization;
using System.Xml.Linq;
using KvmTune.Guest;
using KvmTune.Measurement.Streams;

namespace KvmTune.Measurement.Workloads;

/// <summary>A workload that runs sysbench.</summary>
public sealed class SysbenchWorkload : IWorkload
{
    private const int RampSeconds = 1;

    // The blocks of all threads together exceed the caches of most processors. A second still has many passes: sysbench counts only whole
    // passes. Measured on 2 vCPUs: 64 MiB a thread takes 57 ms a pass natively and 2 s under emulation, 4 MiB 30 ms there.
    private const int BlockMiBWithKvm = 64;
    private const int BlockMiBEmulated = 4;

    private static readonly MetricDefinition RateVariation = new("RateVariation", "%", MetricDirection.LowerIsBetter, MetricKind.Variation);

    private readonly Test _test;
    private readonly MetricDefinition[] _metrics;

    private SysbenchWorkload(string name, string description, Test test, MetricDefinition[] metrics)
    {
        Name = name;
        Description = description;
        _test = test;
        _metrics = metrics;
    }

    private enum Test
    {
        Cpu,
        WakeUp,
        Memory,
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public GuestProgram? Program => GuestProgram.Sysbench;

    /// <summary>All sysbench workloads.</summary>
    public static IReadOnlyList<IWorkload> CreateAll() =>
    [
        new SysbenchWorkload("Cpu", "sysbench cpu: prime numbers, one thread a vCPU", Test.Cpu,
        [
            new("EventsPerSecond", "events/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
            new("LatencyP99", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
            new("LatencyMax", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
            RateVariation,
        ]),
        new SysbenchWorkload("CpuLatency", "sysbench cpu: one thread that is woken 1,000 times a second for very short work", Test.WakeUp,
        [
            new("WakeUpP99", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile, IsPrimary: true),
            new("WakeUpP50", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
            new("WakeUpMax", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
        ]),
        new SysbenchWorkload("Memory", "sysbench memory: random writes in 64 MiB a thread (4 MiB under emulation), one thread a vCPU", Test.Memory,
        [
            new("MiBPerSecond", "MiB/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
            RateVariation,
        ]),
    ];

    /// <inheritdoc/>
    public IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request) => _metrics;

    /// <inheritdoc/>
    public void Validate(WorkloadRequest request)
    {
        if (request.RunTime.Ticks % TimeSpan.TicksPerSecond != 0)
        {
            throw new ArgumentException(
                $"sysbench counts in whole seconds, and the run time is {request.RunTime.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s.",
                nameof(request));
        }
    }

    /// <inheritdoc/>
    public TimeSpan RunLength(WorkloadRequest request) => TimeSpan.FromSeconds(RampSeconds) + request.RunTime;

    /// <inheritdoc/>
    public StreamShape StreamOf(WorkloadRequest request) =>
        _test == Test.Cpu ? StreamMetrics.OfCpuScript(_metrics[0]) : StreamMetrics.OfSysbench(_metrics[0]);

    /// <inheritdoc/>
    public IWorkloadInstance Create(WorkloadContext context) => new Instance(this, context);

    private sealed class Instance(SysbenchWorkload workload, WorkloadContext context) : IWorkloadInstance, IStreamingInstance
    {
        private readonly LearnedDuration _duration = new();
        private GuestCommand? _command;
        private StampedProgram? _program;
        private string? _script;

        public string? Version { get; private set; }

        public string? GuestFile => null;

        public string? DiskTarget => null;

        public string? GuestKernel { get; private set; }

        public IReadOnlyList<string> Notes { get; } = [];

        public string? LeftInGuest => _program?.Folder;

        public async Task PrepareAsync(CancellationToken cancellationToken)
        {
            context.Report("looking at the guest's processors and memory", null);
            Version = await GuestProgramCheck.VersionAsync(context, GuestProgram.Sysbench, cancellationToken);
            var guest = await GuestSurvey.TakeAsync(context.RequiredChannel, null, cancellationToken);
            GuestKernel = guest.KernelRelease;
            _command = Command(guest);
        }

        public async Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
        {
            var command = _command ?? throw new InvalidOperationException("A workload is prepared before it is run.");
            var result = await context.RequiredChannel.RunAsync(
                command with { ExpectedDuration = _duration.AtLeast(command.ExpectedDuration) }, cancellationToken);
            var (report, failure) = SysbenchReport.Parse(result.StandardOutput);
            if (report is null || !result.Succeeded)
            {
                return RunOutcome.Failed($"{failure ?? "sysbench failed."} {result.Describe()}");
            }

            _duration.Note(result.Duration);
            return Outcome(report);
        }

        public async Task<StreamReport> StreamAsync(TimeSpan length, CancellationToken cancellationToken)
        {
            var command = _command ?? throw new InvalidOperationException("A workload is prepared before it is run.");
            var program = _program ??= new StampedProgram(context.RequiredChannel, context.TimeProvider);
            var isCpu = workload._test == Test.Cpu;
            if (isCpu)
            {
                _script ??= await program.WriteAsync(CpuScript.FileName, CpuScript.Lua, cancellationToken);
            }

            var seconds = (int)Math.Ceiling(length.TotalSeconds);
            var output = await program.RunAsync(
                isCpu ? ScriptCommand(command, _script!, program.Folder!, seconds) : command with { Arguments = Endless(command.Arguments, seconds) },
                TimeSpan.FromSeconds(seconds),
                endsByItself: true,
                cancellationToken);
            return await ReportAsync(program, output, cancellationToken);
        }

        public async Task<StreamReport> SoFarAsync(CancellationToken cancellationToken) =>
            await ReportAsync(_program!, await _program!.SoFarAsync(cancellationToken), cancellationToken);

        public Task EndAsync(CancellationToken cancellationToken) => _program?.EndAsync(cancellationToken) ?? Task.CompletedTask;

        public Task CleanUpAsync() => _program?.CleanUpAsync() ?? Task.CompletedTask;

        private async Task<StreamReport> ReportAsync(StampedProgram program, StampedOutput output, CancellationToken cancellationToken)
        {
            var metric = workload._metrics[0].Name;
            return output.HasFailed
                ? new([], $"sysbench failed: {output.Tail}")
                : new(workload._test switch
                {
                    Test.Cpu => CpuScript.Parse(await program.ReadAsync(CpuScript.LogName, cancellationToken), metric),
                    Test.WakeUp => LineSamples.OfSysbench(output.Lines, "EventsPerSecond", metric),
                    _ => LineSamples.OfSysbench(output.Lines, metric, null),
                })
                {
                    HasEnded = output.HasEnded,
                };
        }

        // The script's lines already contain the guest's time, so they go to their own file.
        private static GuestCommand ScriptCommand(GuestCommand command, string script, string folder, int seconds) => command with
        {
            Path = "/bin/sh",
            Arguments =
            [
                "-c", """exec sysbench "$1" "$2" "$3" run > "$4" """, "kvmtune", script,
                command.Arguments.First(argument => argument.StartsWith("--threads=", StringComparison.Ordinal)),
                $"--time={seconds.ToString(CultureInfo.InvariantCulture)}",
                $"{folder}/{CpuScript.LogName}",
            ],
        };

        // The same test for another length, without the checkpoint that ends the ramp.
        private static List<string> Endless(IReadOnlyList<string> arguments, int seconds) =>
        [
            .. arguments.Where(argument => !argument.StartsWith("--report-checkpoints", StringComparison.Ordinal))
                .Select(argument => argument.StartsWith("--time=", StringComparison.Ordinal)
                    ? $"--time={seconds.ToString(CultureInfo.InvariantCulture)}"
                    : argument is "--histogram=on" ? "--percentile=99" : argument),
        ];

        private GuestCommand Command(GuestSurvey guest)
        {
            var culture = CultureInfo.InvariantCulture;
            var length = workload.RunLength(context.Request);
            var threads = workload._test == Test.WakeUp ? 1 : guest.OnlineProcessors;
            List<string> arguments =
            [
                workload._test == Test.Memory ? "memory" : "cpu",
                $"--threads={threads.ToString(culture)}",
                $"--time={((int)length.TotalSeconds).ToString(culture)}",
                $"--report-checkpoints={RampSeconds.ToString(culture)}",
                "--report-interval=1",
            ];
            arguments.AddRange(workload._test switch
            {
                Test.Cpu => ["--cpu-max-prime=10000", "--histogram=on"],
                Test.WakeUp => ["--rate=1000", "--cpu-max-prime=10", "--histogram=on"],
                _ =>
                [
                    "--memory-access-mode=rnd",
                    "--memory-oper=write",
                    "--memory-scope=local",
                    $"--memory-block-size={BlockMiB(guest, threads).ToString(culture)}M",
                    "--memory-total-size=1000T",
                    "--percentile=0",
                ],
            });
            arguments.Add("run");
            return new GuestCommand("sysbench", arguments) { HasShortOutput = true, ExpectedDuration = length, TimeLimit = (length * 2) + TimeSpan.FromSeconds(60) };
        }

        // The largest power of two (sysbench takes no other) at which all threads together use at most 60 % of the available memory.
        private int BlockMiB(GuestSurvey guest, int threads)
        {
            var isEmulated = (string?)XElement.Parse(context.RunningXml).Attribute("type") is "qemu";
            var block = isEmulated ? BlockMiBEmulated : BlockMiBWithKvm;
            while (block > 1 && (long)block * threads > guest.AvailableMemoryKiB / 1024 * 6 / 10)
            {
                block /= 2;
            }

            return block;
        }

        private RunOutcome Outcome(SysbenchReport report)
        {
            if (workload._test == Test.WakeUp)
            {
                return new RunOutcome
                {
                    Values = new Dictionary<string, double>(StringComparer.Ordinal)
                    {
                        ["WakeUpP99"] = report.PercentileNanoseconds(0.99),
                        ["WakeUpP50"] = report.PercentileNanoseconds(0.5),
                        ["WakeUpMax"] = report.LatencyMaxNanoseconds,
                    },
                };
            }

            // The seconds of the ramp do not count, and the report of the last second may be missing.
            var seconds = context.Request.RunTime.TotalSeconds;
            var windows = report.Windows.Where(window => window.Second > RampSeconds)
                .Select(window => (window.Second - RampSeconds, window.Rate)).ToList();
            var rates = PerSecond.Reported(windows, 1, report.Rate * seconds, seconds);
            var values = new Dictionary<string, double>(StringComparer.Ordinal)
            {
                [workload._test == Test.Cpu ? "EventsPerSecond" : "MiBPerSecond"] = report.Rate,
            };
            PerSecond.AddVariation(values, rates);
            if (workload._test == Test.Cpu)
            {
                values["LatencyP99"] = report.PercentileNanoseconds(0.99);
                values["LatencyMax"] = report.LatencyMaxNanoseconds;
            }

            return new RunOutcome { Values = values, PerSecondRates = rates };
        }
    }
}
