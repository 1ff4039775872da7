// What a kind of finding can look at: the VM as it runs and as it is configured, the host, its other VMs, and what the guest says.
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

/// <summary>The facts that findings rest on. What costs a call is read only when it is asked for.</summary>
/// <param name="vm">The VM.</param>
/// <param name="host">Reads the host.</param>
/// <param name="neighbours">Reads the other running VMs of the host.</param>
/// <param name="hostMemory">Reads what the local kernel says of the host's memory; null where the host is not this machine.</param>
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

    /// <summary>What the kernel says of the host's memory; null where the host is not this machine.</summary>
    public HostMemoryFacts? HostMemory => _hostMemory.Value;

    /// <summary>What the host's programs and kernel can do.</summary>
    public HostAbilities Abilities { get; init; } = new();

    /// <summary>What the guest says of the queues of its NICs, by hardware address; NICs that nobody asked about are missing.</summary>
    public IReadOnlyDictionary<string, GuestNicQueuesReading> GuestQueues { get; init; } =
        new Dictionary<string, GuestNicQueuesReading>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The configuration that a change of devices or memory would edit: what the running VM still has otherwise is a pending
    /// restart, and not a finding twice.
    /// </summary>
    public ConfigurationView Planned => VM.Configured is { } configured
        ? new ConfigurationView(PersistentXml, configured)
        : new ConfigurationView(RunningXml, VM.Current);

    /// <summary>What is in force, and then what the next start would bring, where that exists.</summary>
    public IReadOnlyList<ConfigurationView> Views =>
    [
        .. VM.Running is { } running ? [new ConfigurationView(RunningXml, running)] : Array.Empty<ConfigurationView>(),
        .. VM.Configured is { } configured ? [new ConfigurationView(PersistentXml, configured)] : Array.Empty<ConfigurationView>(),
    ];

    /// <summary>Whether the VM is QEMU's, so that virtio, caches and I/O threads mean something (libvirt's test driver plays one).</summary>
    public bool IsQemu => VM.Current.DomainType is "kvm" or "qemu" or "hvf" or "test";

    /// <summary>A pin to all host CPUs is none: libvirt shows it so after a live pin was taken back.</summary>
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
