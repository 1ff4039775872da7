// The facts for a kind of finding: the running and the configured VM, the host, its other VMs, and the guest's answers.
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Rules;

namespace KvmTune.Diagnosis;

/// <summary>One of a VM's two configurations.</summary>
/// <param name="Source">What evidence names as its source.</param>
/// <param name="Configuration">The configuration.</param>
public sealed record ConfigurationView(string Source, VMConfiguration Configuration);

/// <summary>The facts that findings rest on. Facts that cost a call are read at their first use.</summary>
/// <param name="vm">The VM.</param>
/// <param name="host">Reads the host.</param>
/// <param name="neighbours">Reads the other running VMs of the host.</param>
/// <param name="hostMemory">Reads the local kernel's facts of the host's memory; null where the host is not this machine.</param>
public sealed class FindingContext(
    VMTopology vm, Func<VMHostTopology> host, Func<VMNeighbours> neighbours, Func<HostMemoryFacts?>? hostMemory = null)
{
    /// <summary>The source that evidence from the persistent configuration names.</summary>
    public const string PersistentXml = "libvirt: persistent XML";

    /// <summary>The source that evidence from the running configuration names.</summary>
    public const string RunningXml = "libvirt: running XML";

    private readonly Lazy<VMHostTopology> _host = new(host);
    private readonly Lazy<VMNeighbours> _neighbours = new(neighbours);
    private readonly Lazy<HostMemoryFacts?> _hostMemory = new(hostMemory ?? (static () => null));

    /// <summary>The VM.</summary>
    public VMTopology VM { get; } = vm;

    /// <summary>The host.</summary>
    public VMHostTopology Host => _host.Value;

    /// <summary>The other running VMs on the host.</summary>
    public VMNeighbours Neighbours => _neighbours.Value;

    /// <summary>The kernel's facts of the host's memory; null where the host is not this machine.</summary>
    public HostMemoryFacts? HostMemory => _hostMemory.Value;

    /// <summary>What the host's programs and kernel can do.</summary>
    public HostAbilities Abilities { get; init; } = new();

    /// <summary>Whether the VM is off with its state saved (a managed save).</summary>
    public bool HasManagedSave { get; init; }

    /// <summary>Reads which CPUs the host can give this VM; by default it returns null for "not known".</summary>
    public Func<GuestCpuAbilities?> ReadGuestCpus { get; init; } = static () => null;

    /// <summary>Which CPUs the host can give this VM; null where that is not known.</summary>
    public GuestCpuAbilities? GuestCpus => ReadGuestCpus();

    /// <summary>The guest's answers on the queues of its NICs, by hardware address; NICs without a question are missing.</summary>
    public IReadOnlyDictionary<string, GuestNicQueuesReading> GuestQueues { get; init; } =
        new Dictionary<string, GuestNicQueuesReading>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The configuration that a change of devices or memory would edit. A different value in the running VM is a pending restart, and not
    /// a second finding.
    /// </summary>
    public ConfigurationView Planned => VM.Configured is { } configured
        ? new ConfigurationView(PersistentXml, configured)
        : new ConfigurationView(RunningXml, VM.Current);

    /// <summary>The running configuration, then the persistent one, each where it exists.</summary>
    public IReadOnlyList<ConfigurationView> Views =>
    [
        .. VM.Running is { } running ? [new ConfigurationView(RunningXml, running)] : Array.Empty<ConfigurationView>(),
        .. VM.Configured is { } configured ? [new ConfigurationView(PersistentXml, configured)] : Array.Empty<ConfigurationView>(),
    ];

    /// <summary>Whether the VM is QEMU's, so that virtio, caches and I/O threads have a meaning (libvirt's test driver imitates one).</summary>
    public bool IsQemu => VM.Current.DomainType is "kvm" or "qemu" or "hvf" or "test";

    /// <summary>Whether a pin restricts a thread. A pin to all host CPUs does not: libvirt shows one after a live pin was taken back.</summary>
    public bool IsRealPin(CpuSet cpus) => !Host.OnlineCpus.IsSubsetOf(cpus);

    /// <summary>The facts for the rules of changes, as if the change had just been made.</summary>
    /// <param name="change">The change.</param>
    /// <param name="after">The configuration that it leads to.</param>
    public RuleContext ForRules(VMChange change, VMConfiguration after) => new(
        change, new VMFacts(VM.Running is not null, VM.IsPersistent, VM.Running, VM.Configured), after, () => Host, () => Neighbours, () => HostMemory)
    {
        ReadAbilities = () => Abilities,
    };
}
