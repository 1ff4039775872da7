// The network workload: iperf3 between guest and host, in both directions at the same time.
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Xml.Linq;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Measurement.Streams;

namespace KvmTune.Measurement.Workloads;

/// <summary>Runs iperf3 in the guest against an iperf3 on this machine, which accepts one test and ends.</summary>
public sealed class NetworkWorkload : IWorkload
{
    private const int RampSeconds = 1;

    private static readonly MetricDefinition[] Metrics =
    [
        new("GbitPerSecond", "Gbit/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
        new("SentGbitPerSecond", "Gbit/s", MetricDirection.HigherIsBetter, MetricKind.Rate),
        new("ReceivedGbitPerSecond", "Gbit/s", MetricDirection.HigherIsBetter, MetricKind.Rate),
        new("RateVariation", "%", MetricDirection.LowerIsBetter, MetricKind.Variation),
    ];

    /// <inheritdoc/>
    public string Name => "Network";

    /// <inheritdoc/>
    public string Description => "iperf3: TCP between guest and host, both directions at a time";

    /// <inheritdoc/>
    public GuestProgram? Program => GuestProgram.Iperf3;

    /// <inheritdoc/>
    public IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request) => Metrics;

    /// <inheritdoc/>
    public void Validate(WorkloadRequest request)
    {
        if (request.HostAddress is { } address && !IPAddress.TryParse(address, out _))
        {
            throw new ArgumentException($"'{address}' is not an IP address.", nameof(request));
        }

        if (request.RunTime.Ticks % TimeSpan.TicksPerSecond != 0)
        {
            throw new ArgumentException(
                $"iperf3 counts in whole seconds, and the run time is {request.RunTime.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s.",
                nameof(request));
        }
    }

    /// <inheritdoc/>
    public TimeSpan RunLength(WorkloadRequest request) => TimeSpan.FromSeconds(RampSeconds) + request.RunTime;

    /// <inheritdoc/>
    public StreamShape StreamOf(WorkloadRequest request) =>
        StreamMetrics.OfIperf([.. Metrics.Where(metric => metric.Kind == MetricKind.Rate)]);

    /// <inheritdoc/>
    public IWorkloadInstance Create(WorkloadContext context) => new Instance(context);

    /// <summary>This machine's address on one of the bridges of the VM's NICs; null if there is none.</summary>
    internal static string? FindHostAddress(string runningXml)
    {
        var bridges = XElement.Parse(runningXml).Element("devices")?.Elements("interface")
            .Select(nic => (string?)nic.Element("source")?.Attribute("bridge"))
            .OfType<string>()
            .ToHashSet(StringComparer.Ordinal) ?? [];
        return NetworkInterface.GetAllNetworkInterfaces()
            .Where(nic => bridges.Contains(nic.Name))
            .SelectMany(nic => nic.GetIPProperties().UnicastAddresses)
            .Select(address => address.Address)
            .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork)?
            .ToString();
    }

    private sealed class Instance(WorkloadContext context) : IWorkloadInstance, IStreamingInstance
    {
        private IPAddress? _address;
        private StampedProgram? _program;

        public string? Version { get; private set; }

        public string? GuestFile => null;

        public string? DiskTarget => null;

        public IReadOnlyList<string> Notes { get; } = [];

        public string? LeftInGuest => _program?.Folder;

        public async Task PrepareAsync(CancellationToken cancellationToken)
        {
            context.Report("looking for the way from the guest to this machine", null);
            Version = await GuestProgramCheck.VersionAsync(context, GuestProgram.Iperf3, cancellationToken);
            var address = context.Request.HostAddress ?? FindHostAddress(context.RunningXml) ?? throw new MeasurementException(
                MeasurementReason.NetworkAddressMissing,
                $"{context.VMName} is on no bridge on which this machine has an address, so the address at which the guest reaches it must be given "
                + "(-HostAddress). A guest on a macvtap device (type 'direct') does not reach its own host by that device.");
            _address = IPAddress.Parse(address);
        }

        public async Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
        {
            var address = _address ?? throw new InvalidOperationException("A workload is prepared before it is run.");
            var culture = CultureInfo.InvariantCulture;
            var port = FreePort(address);
            await using var peer = HostProcess.Start("iperf3", ["-s", "-1", "-B", address.ToString(), "-p", port.ToString(culture)])
                ?? throw new MeasurementException(
                    MeasurementReason.HostProgramMissing,
                    $"This machine has no iperf3 to be the guest's peer. {GuestProgram.Iperf3.HowToInstall()}");
            var length = TimeSpan.FromSeconds(RampSeconds) + context.Request.RunTime;
            await WaitUntilListeningAsync(peer, port, cancellationToken);
            var result = await context.RequiredChannel.RunAsync(
                new GuestCommand("iperf3",
                [
                    "-c", address.ToString(),
                    "-p", port.ToString(culture),
                    "-P", context.Request.Streams.ToString(culture),
                    "-t", ((int)context.Request.RunTime.TotalSeconds).ToString(culture),
                    "-O", RampSeconds.ToString(culture),
                    "--bidir",
                    "--connect-timeout", "5000",
                    "-J",
                ])
                { HasShortOutput = true, ExpectedDuration = length, TimeLimit = (length * 2) + TimeSpan.FromSeconds(30) },
                cancellationToken);
            var (report, failure) = IperfReport.Parse(result.StandardOutput);
            if (report is not null)
            {
                return Outcome(report);
            }

            if (result.StandardError.Contains("unrecognized option", StringComparison.Ordinal) && result.StandardError.Contains("bidir", StringComparison.Ordinal))
            {
                throw new MeasurementException(
                    MeasurementReason.WorkloadProgramUnsuitable, $"{Version} in {context.VMName} is too old: the workload needs iperf3 3.7 or later.");
            }

            return RunOutcome.Failed(
                $"{failure} {result.Describe()} The guest must reach {address} on port {port.ToString(culture)}: see whether a firewall is in between.");
        }

        public async Task<StreamReport> StreamAsync(TimeSpan length, CancellationToken cancellationToken)
        {
            var address = _address ?? throw new InvalidOperationException("A workload is prepared before it is run.");
            var culture = CultureInfo.InvariantCulture;
            var port = FreePort(address);
            await using var peer = HostProcess.Start("iperf3", ["-s", "-1", "-B", address.ToString(), "-p", port.ToString(culture)])
                ?? throw new MeasurementException(
                    MeasurementReason.HostProgramMissing,
                    $"This machine has no iperf3 to be the guest's peer. {GuestProgram.Iperf3.HowToInstall()}");
            await WaitUntilListeningAsync(peer, port, cancellationToken);
            var program = _program ??= new StampedProgram(context.RequiredChannel, context.TimeProvider);
            var seconds = (int)Math.Ceiling(length.TotalSeconds);
            var output = await program.RunAsync(
                new GuestCommand("iperf3",
                [
                    "-c", address.ToString(),
                    "-p", port.ToString(culture),
                    "-P", context.Request.Streams.ToString(culture),
                    "-t", seconds.ToString(culture),
                    "-i", "0.1",
                    "-f", "k",
                    "--forceflush",
                    "--bidir",
                    "--connect-timeout", "5000",
                ]),
                TimeSpan.FromSeconds(seconds),
                endsByItself: true,
                cancellationToken);
            return Report(output);
        }

        public async Task<StreamReport> SoFarAsync(CancellationToken cancellationToken) => Report(await _program!.SoFarAsync(cancellationToken));

        public Task EndAsync(CancellationToken cancellationToken) => _program?.EndAsync(cancellationToken) ?? Task.CompletedTask;

        public Task CleanUpAsync() => _program?.CleanUpAsync() ?? Task.CompletedTask;

        private StreamReport Report(StampedOutput output) => output.HasFailed
            ? new([], $"iperf3 failed: {output.Tail}")
            : new(LineSamples.OfIperf(output.Lines, context.Request.Streams, Metrics[0].Name, Metrics[1].Name, Metrics[2].Name))
            {
                HasEnded = output.HasEnded,
            };

        private static RunOutcome Outcome(IperfReport report)
        {
            var variation = PerSecond.VariationPercent(report.PerSecondGbit);
            return double.IsNaN(variation)
                ? RunOutcome.Failed("iperf3 reported no second with data moved.")
                : new RunOutcome
                {
                    Values = new Dictionary<string, double>(StringComparer.Ordinal)
                    {
                        ["GbitPerSecond"] = report.SentGbit + report.ReceivedGbit,
                        ["SentGbitPerSecond"] = report.SentGbit,
                        ["ReceivedGbitPerSecond"] = report.ReceivedGbit,
                        ["RateVariation"] = variation,
                    },
                    PerSecondRates = report.PerSecondGbit,
                    Counters = new Dictionary<string, double>(StringComparer.Ordinal)
                    {
                        ["GuestRetransmits"] = report.GuestRetransmits,
                        ["HostRetransmits"] = report.HostRetransmits,
                    },
                };
        }

        // The server accepts one test, and a connection to probe it would be that test. So this reads the kernel's list of listeners.
        private async Task WaitUntilListeningAsync(HostProcess peer, int port, CancellationToken cancellationToken)
        {
            for (var attempt = 0; attempt < 200 && !peer.Ended.IsCompleted; attempt++)
            {
                if (IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port))
                {
                    return;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(10), context.TimeProvider, cancellationToken);
            }
        }

        private static int FreePort(IPAddress address)
        {
            using var listener = new TcpListener(address, 0);
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException exception)
            {
                throw new MeasurementException(
                    MeasurementReason.NetworkAddressMissing, $"{address} is not an address of this machine, so no peer can listen on it.", exception);
            }
        }
    }
}
