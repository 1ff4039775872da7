// The user's own program as a workload, with a pattern or a JSON path for each metric.
using System.Globalization;
using System.Text.RegularExpressions;
using KvmTune.Guest;
using KvmTune.Measurement.Streams;

namespace KvmTune.Measurement.Workloads;

/// <summary>Runs the user's program. The program itself decides how long a run takes.</summary>
public sealed class CommandWorkload : IWorkload
{
    private static readonly TimeSpan MatchLimit = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public string Name => "Command";

    /// <inheritdoc/>
    public string Description => "your own program in the guest, with a pattern or a JSON path for each metric";

    /// <inheritdoc/>
    public GuestProgram? Program => null;

    /// <inheritdoc/>
    public IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request) =>
        [.. Settings(request).Metrics.Select(metric => metric.Definition)];

    /// <inheritdoc/>
    public void Validate(WorkloadRequest request)
    {
        var settings = Settings(request);
        GuestCommand.Validate(ToCommand(settings));
        if (settings.Metrics.Count(metric => metric.Definition.IsPrimary) != 1)
        {
            throw new ArgumentException(
                $"Exactly one metric of {settings.Path} must be the primary one, which decides a verdict.", nameof(request));
        }

        if (settings.Metrics.GroupBy(metric => metric.Definition.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"The metric {twice.Key} is given twice.", nameof(request));
        }

        foreach (var metric in settings.Metrics)
        {
            ValidateSource(metric);
        }
    }

    /// <inheritdoc/>
    public TimeSpan RunLength(WorkloadRequest request) => request.RunTime;

    /// <inheritdoc/>
    public StreamShape? StreamOf(WorkloadRequest request) => StreamMetrics.OfCommand(Settings(request));

    /// <inheritdoc/>
    public IWorkloadInstance Create(WorkloadContext context) => new Instance(context, Settings(context.Request));

    private static CommandSettings Settings(WorkloadRequest request) =>
        request.Command ?? throw new ArgumentException("The workload Command needs a program to run.", nameof(request));

    private static GuestCommand ToCommand(CommandSettings settings) => new(settings.Path, settings.Arguments) { TimeLimit = settings.TimeLimit };

    private static void ValidateSource(CommandMetric metric)
    {
        if ((metric.Pattern is null) == (metric.JsonPath is null))
        {
            throw new ArgumentException($"The metric {metric.Definition.Name} needs either a pattern or a JSON path.", nameof(metric));
        }

        if (metric.JsonPath is { } path && !JsonPath.IsValid(path))
        {
            throw new ArgumentException(
                $"'{path}' is not a JSON path that KvmTune reads. Begin with $, and go on with .name, ['name'] or [0].", nameof(metric));
        }

        if (metric.Pattern is { } pattern)
        {
            try
            {
                if (new Regex(pattern, RegexOptions.None, MatchLimit).GetGroupNumbers().Length < 2)
                {
                    throw new ArgumentException($"The pattern '{pattern}' needs a group for the number: ( ) or (?<value> ).", nameof(metric));
                }
            }
            catch (RegexParseException exception)
            {
                throw new ArgumentException($"'{pattern}' is not a valid pattern: {exception.Message}", nameof(metric), exception);
            }
        }
    }

    private sealed class Instance(WorkloadContext context, CommandSettings settings) : IWorkloadInstance, IStreamingInstance
    {
        private readonly LearnedDuration _duration = new();
        private StampedProgram? _program;

        public string? Version => settings.Path;

        public string? GuestFile => null;

        public string? DiskTarget => null;

        public IReadOnlyList<string> Notes { get; } = [];

        public string? LeftInGuest => _program?.Folder;

        // The warm-up run shows whether the program exists. Running it with --version instead could do anything.
        public Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
        {
            GuestCommandResult result;
            try
            {
                result = await context.RequiredChannel.RunAsync(
                    ToCommand(settings) with { ExpectedDuration = _duration.AtLeast() }, cancellationToken);
            }
            catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.CommandNotFound)
            {
                throw new MeasurementException(
                    MeasurementReason.WorkloadProgramMissing, $"{exception.Message} Install it there, or name its full path.", exception);
            }

            if (!result.Succeeded)
            {
                return RunOutcome.Failed($"{settings.Path} ended with {result.Describe()}");
            }

            _duration.Note(result.Duration);
            var values = new Dictionary<string, double>(StringComparer.Ordinal);
            foreach (var metric in settings.Metrics)
            {
                if (Read(metric, result.StandardOutput, result.StandardError) is not { } value)
                {
                    return RunOutcome.Failed(
                        $"{settings.Path} wrote no number for {metric.Definition.Name} ({metric.Pattern ?? metric.JsonPath}). It wrote: {Shorten(result.StandardOutput)}");
                }

                values[metric.Definition.Name] = value;
            }

            return new RunOutcome { Values = values };
        }

        public async Task<StreamReport> StreamAsync(TimeSpan length, CancellationToken cancellationToken)
        {
            var program = _program ??= new StampedProgram(context.RequiredChannel, context.TimeProvider);
            var output = await program.RunAsync(new GuestCommand(settings.Path, settings.Arguments), length, endsByItself: false, cancellationToken);
            return Report(output);
        }

        public async Task<StreamReport> SoFarAsync(CancellationToken cancellationToken) => Report(await _program!.SoFarAsync(cancellationToken));

        public Task EndAsync(CancellationToken cancellationToken) => _program?.EndAsync(cancellationToken) ?? Task.CompletedTask;

        public Task CleanUpAsync() => _program?.CleanUpAsync() ?? Task.CompletedTask;

        private StreamReport Report(StampedOutput output)
        {
            if (output.HasFailed)
            {
                return output.ExitCode is 126 or 127
                    ? throw new MeasurementException(
                        MeasurementReason.WorkloadProgramMissing, $"The guest {context.VMName} cannot run '{settings.Path}': {output.Tail} Install it there, or name its full path.")
                    : new([], $"{settings.Path} failed: {output.Tail}");
            }

            try
            {
                return new(LineSamples.OfCommand(output.Lines, settings.Metrics)) { HasEnded = output.HasEnded };
            }
            catch (RegexMatchTimeoutException exception)
            {
                return new([], $"The pattern '{exception.Pattern}' took more than {exception.MatchTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s on one line. Write a simpler one.");
            }
        }

        private static double? Read(CommandMetric metric, string output, string errors)
        {
            if (metric.JsonPath is { } path)
            {
                return JsonPath.Find(output, path);
            }

            var pattern = new Regex(metric.Pattern!, RegexOptions.CultureInvariant | RegexOptions.Multiline, MatchLimit);
            foreach (var text in (ReadOnlySpan<string>)[output, errors])
            {
                if (pattern.Matches(text) is [.., var last])
                {
                    var group = last.Groups["value"] is { Success: true } named ? named : last.Groups[1];
                    return double.TryParse(group.ValueSpan, NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var value)
                        ? value
                        : null;
                }
            }

            return null;
        }

        private static string Shorten(string text) => GuestText.Shown(text, 300);
    }
}
