// The disk workloads: fio on a new file in the guest.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Measurement.Streams;

namespace KvmTune.Measurement.Workloads;

/// <summary>A workload that runs fio.</summary>
public sealed class FioWorkload : IWorkload
{
    private readonly FioJob _job;
    private readonly bool _countsBytes;
    private readonly MetricDefinition[] _metrics;

    private FioWorkload(string name, string description, FioJob job, bool countsBytes = false)
    {
        Name = name;
        Description = description;
        _job = job;
        _countsBytes = countsBytes;
        _metrics =
        [
            countsBytes
                ? new MetricDefinition("MiBPerSecond", "MiB/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true)
                : new MetricDefinition("Iops", "IOPS", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
            new("LatencyMean", "ns", MetricDirection.LowerIsBetter, MetricKind.MeanLatency),
            new("LatencyP50", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
            new("LatencyP99", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
            new("LatencyP999", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
            .. (MetricDefinition[])(job.IsSync
                ? [new("FlushP99", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile)]
                : []),
            new("RateVariation", "%", MetricDirection.LowerIsBetter, MetricKind.Variation),
        ];
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Description { get; }

    /// <inheritdoc/>
    public GuestProgram? Program => GuestProgram.Fio;

    /// <summary>All fio workloads.</summary>
    public static IReadOnlyList<IWorkload> CreateAll() =>
    [
        new FioWorkload("RandomRead", "fio: random reads of 4 KiB, 16 at a time", new FioJob("randread", "4k", 16, "read")),
        new FioWorkload("RandomWrite", "fio: random writes of 4 KiB, 16 at a time", new FioJob("randwrite", "4k", 16, "write")),
        new FioWorkload("RandomMixed", "fio: random 4 KiB, 70 % reads and 30 % writes, 16 at a time", new FioJob("randrw", "4k", 16, "mixed")),
        new FioWorkload("SequentialRead", "fio: reads of 1 MiB one after the other, 4 at a time", new FioJob("read", "1M", 4, "read"), true),
        new FioWorkload("SequentialWrite", "fio: writes of 1 MiB one after the other, 4 at a time", new FioJob("write", "1M", 4, "write"), true),
        new FioWorkload("SyncWrite", "fio: writes of 4 KiB, each followed by an fsync, like a database's log", new FioJob("write", "4k", 1, "write", IsSync: true)),
    ];

    /// <inheritdoc/>
    public IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request) => _metrics;

    /// <inheritdoc/>
    public void Validate(WorkloadRequest request)
    {
        if (request.GuestPath is { } path && (!path.StartsWith('/') || path.Contains('\0', StringComparison.Ordinal)))
        {
            throw new ArgumentException($"-GuestPath must be an absolute path in the guest, for example /data, and is '{path}'.", nameof(request));
        }

        if (request.FileSizeMiB is { } size && size < DiskPlace.SmallestFileMiB)
        {
            throw new ArgumentException(
                $"The test file must have at least {DiskPlace.SmallestFileMiB.ToString(CultureInfo.InvariantCulture)} MiB, "
                + $"and {size.ToString(CultureInfo.InvariantCulture)} MiB were asked for.",
                nameof(request));
        }
    }

    /// <inheritdoc/>
    public TimeSpan RunLength(WorkloadRequest request) => FioJob.Ramp + request.RunTime;

    /// <inheritdoc/>
    public StreamShape StreamOf(WorkloadRequest request) => StreamMetrics.OfFio(_metrics[0], _job.IsSync);

    /// <inheritdoc/>
    public IWorkloadInstance Create(WorkloadContext context) => new Instance(this, context);

    private sealed class Instance(FioWorkload workload, WorkloadContext context) : IWorkloadInstance, IStreamingInstance
    {
        private readonly List<string> _notes = [];
        private readonly LearnedDuration _duration = new();
        private GuestTestFolder? _folder;
        private DiskPlace? _place;
        private StampedProgram? _program;

        public string? Version { get; private set; }

        public string? GuestFile { get; private set; }

        public string? DiskTarget => _place?.DiskTarget;

        public string? GuestKernel => _place?.GuestKernel;

        public long? GuestFreeMiB => _place?.FileSystem.FreeKiB / 1024;

        public IReadOnlyList<string> Notes => _notes;

        public string? LeftInGuest => (_folder?.Path, _program?.Folder) switch
        {
            ({ } file, { } lines) => $"{file} and {lines}",
            var (file, lines) => file ?? lines,
        };

        public async Task PrepareAsync(CancellationToken cancellationToken)
        {
            context.Report("looking for a place for the test file", null);
            Version = await GuestProgramCheck.VersionAsync(context, GuestProgram.Fio, cancellationToken);
            var place = _place = await DiskPlace.FindAsync(context, cancellationToken);
            _notes.AddRange(place.Notes);
            _folder = await MakeFolderAsync(place, cancellationToken);
            GuestFile = string.Create(
                CultureInfo.InvariantCulture,
                $"{place.FileSystem.Folder} ({place.FileSystem.Mount.Type} on {place.FileSystem.Mount.Source}, {place.FileSizeMiB} MiB)");
            context.Report(
                "filling the file once, so that first-write allocation does not count", TimeSpan.FromSeconds(1 + (place.FileSizeMiB / 150.0)));
            await FillAsync(place, _folder, cancellationToken);
            GoOn(context.RunningXml);
        }

        // The two sides may have different cache modes, each with its own note.
        public void GoOn(string runningXml)
        {
            if (_place is { DiskTarget: { } disk } place)
            {
                _notes.AddRange(HostPageCache.Notes(runningXml, disk, workload._job, place.FileSizeMiB).Except(_notes, StringComparer.Ordinal).ToList());
            }
        }

        public async Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
        {
            if (_place is not { } place || _folder is not { } folder)
            {
                throw new InvalidOperationException("A workload is prepared before it is run.");
            }

            var command = workload._job.Run(folder.Path, place.FileSizeMiB, context.Request.RunTime);
            var (result, log) = await folder.RunAndTakeAsync(
                command with { ExpectedDuration = _duration.AtLeast(command.ExpectedDuration) }, FioJob.LogFile, cancellationToken);
            var (report, failure) = FioReport.Parse(result.StandardOutput, workload._job.Section);
            if (report is null || !result.Succeeded)
            {
                return RunOutcome.Failed($"{failure ?? "fio failed."} {result.Describe()}");
            }

            if (report.RunTime < context.Request.RunTime * 0.95)
            {
                return RunOutcome.Failed(string.Create(
                    CultureInfo.InvariantCulture, $"fio ended after {report.RunTime.TotalSeconds:0.0} s of {context.Request.RunTime.TotalSeconds:0.0} s."));
            }

            // A wrong run time would give a list of as many seconds.
            if (report.RunTime > (context.Request.RunTime * 2) + TimeSpan.FromMinutes(1))
            {
                return RunOutcome.Failed(string.Create(
                    CultureInfo.InvariantCulture, $"fio says that it ran for {report.RunTime.TotalSeconds:0.0} s, and {context.Request.RunTime.TotalSeconds:0.0} s were asked for."));
            }

            if (log is null)
            {
                return RunOutcome.Failed("fio wrote no log of its rates.");
            }

            _duration.Note(result.Duration);
            return Outcome(report, log);
        }

        public async Task<StreamReport> StreamAsync(TimeSpan length, CancellationToken cancellationToken)
        {
            if (_place is not { } place || _folder is not { } folder)
            {
                throw new InvalidOperationException("A workload is prepared before it is run.");
            }

            await folder.RenewAsync(cancellationToken);
            var program = _program ??= new StampedProgram(context.RequiredChannel, context.TimeProvider);
            var output = await program.RunAsync(
                workload._job.Stream(folder.Path, await program.OpenAsync(cancellationToken), place.FileSizeMiB, length), length, endsByItself: true, cancellationToken);
            return Report(output, await program.TakeAsync(FioJob.HistogramFile, cancellationToken));
        }

        public async Task<StreamReport> SoFarAsync(CancellationToken cancellationToken)
        {
            await _folder!.RenewAsync(cancellationToken);
            return Report(await _program!.SoFarAsync(cancellationToken), null);
        }

        public Task EndAsync(CancellationToken cancellationToken) => _program?.EndAsync(cancellationToken) ?? Task.CompletedTask;

        public async Task CleanUpAsync()
        {
            try
            {
                await (_program?.CleanUpAsync() ?? Task.CompletedTask);
            }
            finally
            {
                if (_folder is { } folder)
                {
                    await folder.RemoveAsync();
                    _folder = null;
                }
            }
        }

        private StreamReport Report(StampedOutput output, string? histograms) => output.HasFailed
            ? new([], $"fio failed: {output.Tail}")
            : new(FioStatusLog.Parse(output.Lines, workload._countsBytes ? null : workload._job.BlockBytes, workload._metrics[0].Name, histograms))
            {
                HasEnded = output.HasEnded,
            };

        private async Task<GuestTestFolder> MakeFolderAsync(DiskPlace place, CancellationToken cancellationToken)
        {
            try
            {
                return await GuestTestFolder.MakeAsync(context.RequiredChannel, place.FileSystem.Folder, cancellationToken);
            }
            catch (IOException exception)
            {
                var isFull = exception.Message.Contains("No space left", StringComparison.Ordinal);
                throw new MeasurementException(
                    isFull ? MeasurementReason.GuestDiskFull : MeasurementReason.GuestPathNotWritable,
                    $"{exception.Message} Name another folder (-GuestPath).",
                    exception);
            }
        }

        private async Task FillAsync(DiskPlace place, GuestTestFolder folder, CancellationToken cancellationToken)
        {
            var result = await context.RequiredChannel.RunAsync(FioJob.Fill(folder.Path, place.FileSizeMiB), cancellationToken);
            var (report, failure) = FioReport.Parse(result.StandardOutput, "write");
            if (result.Succeeded && report is not null)
            {
                return;
            }

            var said = result.StandardOutput.Split("\n{", 2)[0] + result.StandardError;
            bool Says(string words) => said.Contains(words, StringComparison.OrdinalIgnoreCase);
            if (Says("No space left") || Says("Disk quota exceeded"))
            {
                throw new MeasurementException(
                    MeasurementReason.GuestDiskFull,
                    $"{place.FileSystem.Folder} in {context.VMName} became full while the test file of {place.FileSizeMiB} MiB was written. "
                    + "Free some space, name a smaller file (-FileSizeMiB), or another folder (-GuestPath).");
            }

            if (Says("does not support direct") || Says("O_DIRECT") || (Says("Invalid argument") && Says("direct")))
            {
                throw new MeasurementException(
                    MeasurementReason.DirectIoUnsupported,
                    $"The file system on {place.FileSystem.Folder} in {context.VMName} ({place.FileSystem.Mount.Type}) does not take O_DIRECT, so that "
                    + "the guest's own cache would be measured. Name a folder on another file system (-GuestPath).");
            }

            if (Says("not loadable") || Says("failed to load engine"))
            {
                throw new MeasurementException(
                    MeasurementReason.WorkloadProgramUnsuitable,
                    $"fio in {context.VMName} has no libaio engine. {GuestProgram.Fio.HowToInstall()}");
            }

            throw new MeasurementException(
                MeasurementReason.PreparationFailed,
                $"The test file could not be written in {folder.Path} in {context.VMName}: {failure} {result.Describe()}");
        }

        private RunOutcome Outcome(FioReport report, string log)
        {
            var blockMiB = report.MiBPerSecond / report.Iops;
            var scale = workload._countsBytes ? blockMiB : 1;
            var windows = FioReport.ParseLog(log).Select(window => (window.EndSeconds, window.Rate * scale)).ToList();
            var rates = PerSecond.Reported(windows, FioJob.LogWindow.TotalSeconds, report.Requests * scale, report.RunTime.TotalSeconds);
            var values = new Dictionary<string, double>(StringComparer.Ordinal)
            {
                [workload._countsBytes ? "MiBPerSecond" : "Iops"] = workload._countsBytes ? report.MiBPerSecond : report.Iops,
                ["LatencyMean"] = report.LatencyMeanNanoseconds,
                ["LatencyP50"] = report.LatencyP50Nanoseconds,
                ["LatencyP99"] = report.LatencyP99Nanoseconds,
                ["LatencyP999"] = report.LatencyP999Nanoseconds,
            };
            PerSecond.AddVariation(values, rates);
            if (workload._job.IsSync)
            {
                if (report.FlushP99Nanoseconds is not { } flush)
                {
                    return RunOutcome.Failed("fio's report has no latency of its fsyncs.");
                }

                values["FlushP99"] = flush;
            }

            return new RunOutcome { Values = values, PerSecondRates = rates };
        }
    }
}
