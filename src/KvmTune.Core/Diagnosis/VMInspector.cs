// Looks at VMs for findings, and plans the change that would address each.
using KvmTune.Diagnosis.Findings;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Diagnosis;

/// <summary>An observation with the kind that made it.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Observation">What it saw.</param>
public sealed record DetectedFinding(FindingKind Kind, FindingObservation Observation);

/// <summary>The findings of a VM with their plans, made ahead of their use.</summary>
/// <param name="VMName">The VM.</param>
/// <param name="VMId">The VM's UUID.</param>
/// <param name="Detected">The observations, the gravest first.</param>
/// <param name="Findings">The same with their plans.</param>
public sealed record VMInspection(string VMName, Guid VMId, IReadOnlyList<DetectedFinding> Detected, IReadOnlyList<VMTuningFinding> Findings)
{
    internal int ChangesBefore { get; init; }

    internal long MadeAt { get; init; }
}

/// <summary>Inspects the VMs of one host, several at a time if wanted. Nothing is changed by it.</summary>
/// <param name="host">The host.</param>
/// <param name="time">The clock.</param>
public sealed class VMInspector(HostConnection host, TimeProvider time)
{
    // The same age as that of a cached reading of the host.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly RunningVMReading _running = new(host, time);

    // The host is read once for all its VMs.
    private readonly KeptReading<VMHostTopology> _topology = new(time);
    private readonly KeptReading<HostMemoryFacts> _memory = new(time);
    private readonly Dictionary<(string? Architecture, string? Machine, string DomainType), GuestCpuAbilities?> _guestCpus = [];
    private int _changesSeen;

    // An error is not kept: it is read again for the next VM.
    private readonly Lazy<HostAbilities> _abilities = new(() => HostAbilities.Read(host), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>The observations of all kinds of findings, the gravest first. The guest is asked only where a NIC has several queues.</summary>
    /// <exception cref="LibvirtException">libvirt refuses, the VM is gone, or the daemon is lost.</exception>
    public async Task<IReadOnlyList<DetectedFinding>> LookAsync(LibvirtDomain domain, CancellationToken cancellationToken)
    {
        ForgetWhatChanged();
        var topology = Kept(_topology, () => HostReading.Read(host));
        var vm = VMTopologyReader.Read(domain, host.Uri, topology.OnlineCpus);
        return Look(new FindingContext(
            vm, () => topology, () => _running.Beside(vm.VMId),
            () => host.IsLocalQemu ? Kept(_memory, static () => HostMemoryFacts.Read()) : null)
        {
            Abilities = _abilities.Value,
            HasManagedSave = vm.Running is null && domain.HasManagedSave,
            ReadGuestCpus = () => GuestCpus(vm.Configured ?? vm.Current),
            GuestQueues = await AskGuestAsync(vm, cancellationToken),
        });
    }

    /// <summary>Looks at a VM and plans all its findings. Several VMs may be inspected at a time, each on a thread of its own.</summary>
    /// <exception cref="KvmTuneException">The VM is gone, or the daemon is lost.</exception>
    public async Task<VMInspection> InspectAsync(LibvirtDomain domain, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(domain);
        var changes = host.ChangeCount;
        var detected = await LookAsync(domain, cancellationToken);
        using var planner = new VMPlanner(host, domain) { Running = _running, KnownCpus = detected.Count == 0 ? null : HostReading.ReadCpus(host) };
        var documents = new Lazy<VMSnapshot>(() => planner.Read());
        var findings = detected.Select(found => Finding(found, planner, documents, cancellationToken)).ToList();
        return new VMInspection(planner.VM.Name, domain.Id, detected, findings) { ChangesBefore = changes, MadeAt = time.GetTimestamp() };
    }

    /// <summary>Whether an inspection still counts: it is new, and this process has changed no VM of the host since its beginning.</summary>
    public bool IsCurrent(VMInspection inspection)
    {
        ArgumentNullException.ThrowIfNull(inspection);
        return inspection.ChangesBefore == host.ChangeCount && time.GetElapsedTime(inspection.MadeAt) < Fresh;
    }

    /// <summary>The observations of all kinds of findings in given facts, the gravest first.</summary>
    public static IReadOnlyList<DetectedFinding> Look(FindingContext context) =>
    [
        .. (from kind in FindingCatalog.All
            from observation in kind.Look(context)
            select new DetectedFinding(kind, observation)).OrderBy(found => found.Kind.Severity),
    ];

    /// <summary>The finding with its plan, made on the VM as it is now: a change that was applied in the meantime is taken into account.</summary>
    /// <exception cref="KvmTuneException">The VM is gone, or the daemon is lost.</exception>
    public VMTuningFinding Complete(DetectedFinding found, LibvirtDomain domain, CancellationToken cancellationToken)
    {
        using var planner = new VMPlanner(host, domain) { Running = _running };
        return Finding(found, planner, new Lazy<VMSnapshot>(() => planner.Read()), cancellationToken);
    }

    private VMTuningFinding Finding(DetectedFinding found, VMPlanner planner, Lazy<VMSnapshot> documents, CancellationToken cancellationToken)
    {
        var (plan, reason) = Plan(found.Observation.Remedy, planner, documents, cancellationToken);
        return new VMTuningFinding
        {
            VMName = planner.VM.Name,
            VMId = planner.VM.Id,
            ConnectionUri = host.Uri,
            Area = found.Kind.Area,
            Severity = found.Kind.Severity,
            Id = found.Kind.Id,
            Subject = found.Observation.Subject,
            // PowerShell cannot index every kind of list that C# makes; a List it can.
            Evidence = found.Observation.Evidence.ToList(),
            Workloads = found.Kind.Workloads.ToList(),
            Suggestion = found.Observation.Suggestion,
            Reason = found.Kind.Reason,
            Source = found.Kind.Source,
            Plan = plan,
            NoPlanReason = reason,
        };
    }

    // A plan reads the configuration with its secrets, which needs the right to change it. A user who may only read still gets the finding.
    private static (VMTuningPlan? Plan, string? Reason) Plan(
        FindingRemedy remedy, VMPlanner planner, Lazy<VMSnapshot> documents, CancellationToken cancellationToken)
    {
        if (remedy.MakeChange is not { } make)
        {
            return (null, remedy.NoChangeReason);
        }

        try
        {
            var plan = planner.Plan(make, () => documents.Value, cancellationToken);
            return plan.Errors.Count > 0 ? (null, string.Join(' ', plan.Errors.Select(error => error.Evidence))) : (plan, null);
        }
        catch (KvmTuneException exception) when (exception.Category is KvmTuneErrorCategory.PermissionDenied)
        {
            return (null, exception.Message);
        }
    }

    // A change by this process, perhaps for the finding before, must show at once.
    private void ForgetWhatChanged()
    {
        lock (_gate)
        {
            if (host.VMsChangedSince(ref _changesSeen).Count > 0)
            {
                _topology.Expire();
                _memory.Expire();
            }
        }
    }

    private T Kept<T>(KeptReading<T> reading, Func<T> read)
        where T : class
    {
        lock (_gate)
        {
            return reading.Get(read);
        }
    }

    // libvirt answers this on a writable connection only.
    private GuestCpuAbilities? GuestCpus(VMConfiguration vm)
    {
        var kind = (vm.Architecture, vm.Machine, vm.DomainType);
        lock (_gate)
        {
            if (_guestCpus.TryGetValue(kind, out var known))
            {
                return known;
            }

            try
            {
                return _guestCpus[kind] = GuestCpuAbilities.Read(host, vm.Architecture, vm.Machine, vm.DomainType);
            }
            catch (KvmTuneException exception) when (exception.Category is KvmTuneErrorCategory.PermissionDenied)
            {
                return null;
            }
        }
    }

    private async Task<IReadOnlyDictionary<string, GuestNicQueuesReading>> AskGuestAsync(VMTopology vm, CancellationToken cancellationToken)
    {
        var readings = new Dictionary<string, GuestNicQueuesReading>(StringComparer.OrdinalIgnoreCase);
        foreach (var nic in NetworkFindings.WithQueuesToFollow(vm))
        {
            readings[nic.Mac] = vm.Running is { HasGuestAgentChannel: true }
                ? await AskGuestAsync(vm, nic.Mac, cancellationToken)
                : GuestNicQueuesReading.NotKnown("the VM has no channel for a guest agent", null);
        }

        return readings;
    }

    private async Task<GuestNicQueuesReading> AskGuestAsync(VMTopology vm, string mac, CancellationToken cancellationToken)
    {
        try
        {
            // Only a writable connection may talk to the agent.
            using var domain = host.Write().LookupByUuid(vm.VMId);
            using var access = new DomainAccess(domain);
            var transport = new LibvirtAgentTransport(access);
            await using var channel = new AgentChannel(transport, time);
            return await new GuestNicQueues(channel, transport).ReadAsync(mac, cancellationToken);
        }
        catch (KvmTuneException exception) when (exception.Category is KvmTuneErrorCategory.PermissionDenied)
        {
            return GuestNicQueuesReading.NotKnown(exception.Message, null);
        }
    }
}
