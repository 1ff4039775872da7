// Watches VMs of one host for an interval and judges them: counters before and after, of libvirt, the local kernel and the guests.
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;
using KvmTune.Topology;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>How to look.</summary>
public sealed record BottleneckOptions
{
    /// <summary>How long to watch.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The table of thresholds.</summary>
    public BottleneckThresholds Thresholds { get; init; } = BottleneckThresholds.Default;

    /// <summary>Whether guests are asked for their own counters, through the agent.</summary>
    public bool AsksGuests { get; init; } = true;
}

/// <summary>Finds what holds VMs back. Nothing is changed by it.</summary>
/// <param name="time">The clock.</param>
public sealed class BottleneckFinder(TimeProvider time)
{
    private static readonly TimeSpan ProgressStep = TimeSpan.FromMilliseconds(500);

    /// <summary>Watches VMs of one host, all at the same time.</summary>
    /// <param name="host">The host.</param>
    /// <param name="domains">The VMs, all of one connection of the host. One that does not run yields no report.</param>
    /// <param name="options">How to look.</param>
    /// <param name="progress">Gets each step; null for none.</param>
    /// <param name="cancellationToken">Ends the watching.</param>
    /// <returns>A report for each VM that ran at both ends of the interval, in the order of the list.</returns>
    /// <exception cref="LibvirtException">libvirt refuses or the daemon is lost.</exception>
    public async Task<IReadOnlyList<VMBottleneckReport>> FindAsync(
        HostConnection host, IReadOnlyList<LibvirtDomain> domains, BottleneckOptions options, IProgress<MeasurementProgress>? progress,
        CancellationToken cancellationToken)
    {
        var observations = await ObserveAsync(host, domains, options, progress, cancellationToken);
        return observations.Select(observation => BottleneckJudge.Judge(observation, options.Thresholds)).ToList();
    }

    /// <summary>The error of a VM that does not run.</summary>
    /// <param name="vmName">The VM's name.</param>
    public static KvmTuneException NotRunning(string vmName) => new(
        "GuestNotRunning", KvmTuneErrorCategory.InvalidOperation, $"'{vmName}' does not run, so there is nothing to watch. Start it first.");

    /// <summary>Watches VMs of one host and returns the counters without a judgement.</summary>
    /// <inheritdoc cref="FindAsync"/>
    public async Task<IReadOnlyList<VMObservation>> ObserveAsync(
        HostConnection host, IReadOnlyList<LibvirtDomain> domains, BottleneckOptions options, IProgress<MeasurementProgress>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(domains);
        ArgumentNullException.ThrowIfNull(options);
        var configurations = new Dictionary<Guid, VMConfiguration>();
        foreach (var domain in domains)
        {
            if (Configuration(domain) is { } configuration)
            {
                configurations[domain.Id] = configuration;
            }
        }

        var running = domains.Where(domain => configurations.ContainsKey(domain.Id)).ToList();
        if (running.Count == 0)
        {
            return [];
        }

        var observer = new HostObserver(host, time, KernelCounters.OfHostAndVMs);
        var label = running.Count == 1 ? running[0].Name : $"{running.Count} VMs";
        progress?.Report(new MeasurementProgress(label, "first reading", 0, options.Interval));

        // The guest is read before and after the host, so that the host's counters do not contain the cost of asking.
        var guestsBefore = await AskGuestsAsync(host, running, configurations, null, options, cancellationToken);
        var startedAt = time.GetUtcNow();
        var before = await Task.Run(() => observer.Read(running), cancellationToken);
        await WaitAsync(label, options.Interval, progress, cancellationToken);
        var after = await Task.Run(() => observer.Read(running), cancellationToken);
        var guestsAfter = await AskGuestsAsync(host, running, configurations, guestsBefore, options, cancellationToken);

        var nodes = NodesOf(host);
        var online = HostReading.OnlineCpus(host);
        var interval = time.GetElapsedTime(before.Timestamp, after.Timestamp);
        return
        [
            .. from domain in running
               where before.VMs.ContainsKey(domain.Id) && after.VMs.TryGetValue(domain.Id, out var readings) && !HostObserver.IsOff(readings)
               let guest = GuestAnswer.Between(guestsBefore[domain.Id], guestsAfter[domain.Id])
               select new VMObservation
               {
                   VMName = TerminalText.Line(domain.Name),
                   VMId = domain.Id,
                   ConnectionUri = host.Uri,
                   StartedAt = startedAt,
                   Interval = interval,
                   Configuration = configurations[domain.Id],
                   Counters = Between(before.VMs[domain.Id], after.VMs[domain.Id]),
                   Guest = guest.Counters,
                   GuestUnknownReason = guest.UnknownReason,
                   NodeOfHostCpu = nodes,
                   OnlineHostCpus = online,
               },
        ];
    }

    /// <summary>The growth of one VM's counters between two readings.</summary>
    internal static IReadOnlyDictionary<string, double> Between(IReadOnlyList<CounterReading> before, IReadOnlyList<CounterReading> after)
    {
        var result = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (earlier, later) in before.Zip(after))
        {
            later.AddSince(earlier, result);
        }

        DerivedCounters.Add(result);
        return result;
    }

    // Null for a VM that has ended, and for a transient VM that has disappeared: the others are still watched.
    private static VMConfiguration? Configuration(LibvirtDomain domain)
    {
        try
        {
            if (!domain.IsActive)
            {
                return null;
            }

            using var xml = domain.GetXmlUtf8(DomainXmlFlags.None);
            return DomainXmlReader.Read(xml.Span);
        }
        catch (LibvirtException exception) when (exception.ErrorCode == LibvirtErrorCode.NoDomain)
        {
            return null;
        }
    }

    private static Dictionary<int, int> NodesOf(HostConnection host) =>
        host.IsLocalQemu && host.Hardware() is { Nodes.Count: > 1 } hardware ? hardware.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Node) : [];

    private async Task WaitAsync(string label, TimeSpan interval, IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        for (var left = interval; left > TimeSpan.Zero; left = interval - time.GetElapsedTime(started))
        {
            progress?.Report(new MeasurementProgress(label, "watching", 1 - (left / interval), left));
            await Task.Delay(left < ProgressStep ? left : ProgressStep, time, cancellationToken);
        }
    }

    private async Task<IReadOnlyDictionary<Guid, GuestAnswer>> AskGuestsAsync(
        HostConnection host, List<LibvirtDomain> domains, Dictionary<Guid, VMConfiguration> configurations, IReadOnlyDictionary<Guid, GuestAnswer>? before,
        BottleneckOptions options, CancellationToken cancellationToken)
    {
        // A guest that gave no counters at the beginning is not asked again: there is nothing to compare with.
        var answers = await Task.WhenAll(domains.Select(async domain => (domain.Id, Answer: before?[domain.Id] is { Reading: null } none
            ? none
            : !options.AsksGuests
            ? GuestAnswer.Unknown("it was not asked")
            : !configurations[domain.Id].HasGuestAgentChannel
                ? GuestAnswer.Unknown("the VM has no channel for a guest agent")
                : await Task.Run(() => AskGuestAsync(host, domain.Id, cancellationToken), cancellationToken))));
        return answers.ToDictionary(answer => answer.Id, answer => answer.Answer);
    }

    private async Task<GuestAnswer> AskGuestAsync(HostConnection host, Guid id, CancellationToken cancellationToken)
    {
        try
        {
            // Only a writable connection may talk to the agent.
            using var domain = host.Write().LookupByUuid(id);
            using var access = new DomainAccess(domain);
            await using var channel = new AgentChannel(new LibvirtAgentTransport(access), time);
            var result = await channel.RunAsync(GuestCounters.Command, cancellationToken);
            return result.Succeeded
                ? GuestAnswer.Of(GuestCounters.Parse(result.StandardOutput))
                : GuestAnswer.Unknown($"the guest could not read its counters: {result.Describe()}");
        }
        catch (KvmTuneException exception)
        {
            // For errors of the guest or the user's rights: the host's counters suffice for a verdict, and the report notes the gap.
            return GuestAnswer.Unknown(exception.Message);
        }
        catch (LibvirtException exception)
        {
            return GuestAnswer.Unknown(exception.Message);
        }
        catch (Exception exception) when (GuestText.IsUnreadable(exception))
        {
            return GuestAnswer.Unknown($"the guest gave an invalid answer: {exception.Message}");
        }
    }

    private sealed record GuestAnswer(CounterReading? Reading, string? UnknownReason)
    {
        public static GuestAnswer Of(CounterReading reading) => new(reading, null);

        public static GuestAnswer Unknown(string reason) => new(null, reason);

        public static (IReadOnlyDictionary<string, double>? Counters, string? UnknownReason) Between(GuestAnswer before, GuestAnswer after) =>
            before.Reading is { } earlier && after.Reading is { } later
                ? (BottleneckFinder.Between([earlier], [later]), null)
                : (null, before.UnknownReason ?? after.UnknownReason);
    }
}
