// A scene for findings: a VM as running and as configured, a host and neighbours as plain values.
using KvmTune.Diagnosis;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Diagnosis;

/// <summary>The input of the kinds of findings.</summary>
public sealed record FindingScene
{
    /// <summary>The persistent XML; null for a transient VM.</summary>
    public string? Configured { get; init; }

    /// <summary>The running XML; null for a VM that does not run.</summary>
    public string? Running { get; init; }

    /// <summary>The host.</summary>
    public VMHostTopology Host { get; init; } = RuleScene.Flat(8) with { CpuModel = "Skylake-Client-IBRS" };

    /// <summary>The other running VMs.</summary>
    public IReadOnlyList<VMConfiguration> Neighbours { get; init; } = [];

    /// <summary>The local kernel's memory settings; null for another machine.</summary>
    public HostMemoryFacts? HostMemory { get; init; }

    /// <summary>The abilities of the host's programs and kernel.</summary>
    public HostAbilities Abilities { get; init; } = new();

    /// <summary>Whether the VM's state is saved.</summary>
    public bool HasManagedSave { get; init; }

    /// <summary>The CPUs that the host can give the VM.</summary>
    public GuestCpuAbilities? GuestCpus { get; init; }

    /// <summary>The guest's report about its NICs' queues.</summary>
    public IReadOnlyDictionary<string, GuestNicQueuesReading> GuestQueues { get; init; } = new Dictionary<string, GuestNicQueuesReading>();

    /// <summary>A stopped VM with this XML.</summary>
    public static FindingScene Of(string xml) => new() { Configured = xml };

    /// <summary>The observations of one kind, or of all.</summary>
    public IReadOnlyList<DetectedFinding> Look(FindingKind? kind = null) =>
        [.. VMInspector.Look(Context()).Where(found => kind is null || found.Kind == kind)];

    /// <summary>The scene after the change of an observation, in the configuration that it would change.</summary>
    public FindingScene After(FindingObservation observation)
    {
        var change = observation.Remedy.MakeChange!(DomainDocument.Parse(Configured ?? Running!));
        var live = change.CanBeLive && change.Scope is not ChangeScope.Config;
        return this with
        {
            Running = Running is null || !(live || Configured is null) ? Running : Edited(Running, change),
            Configured = Configured is null || change.Scope is ChangeScope.Live ? Configured : Edited(Configured, change),
        };
    }

    private FindingContext Context()
    {
        var running = Running is null ? null : DomainXmlReader.Read(Running);
        var configured = Configured is null ? null : DomainXmlReader.Read(Configured);
        return new FindingContext(
            new VMTopology
            {
                VMName = (configured ?? running)!.Name,
                VMId = Guid.Empty,
                ConnectionUri = "qemu:///system",
                State = running is null ? VMState.ShutOff : VMState.Running,
                IsPersistent = configured is not null,
                Running = running,
                Configured = configured,
                Vcpus = [],
                Differences = Running is null || Configured is null ? [] : SettingComparer.Pending(DomainSettings.Read(Running), DomainSettings.Read(Configured), Host.OnlineCpus),
            },
            () => Host, () => new RunningVMs(Neighbours).Beside(Guid.Empty), () => HostMemory)
        {
            Abilities = Abilities,
            HasManagedSave = HasManagedSave,
            ReadGuestCpus = () => GuestCpus,
            GuestQueues = GuestQueues,
        };
    }

    private static string Edited(string xml, VMChange change)
    {
        var document = DomainDocument.Parse(xml);
        change.Edit(document);
        return document.ToXml();
    }
}
