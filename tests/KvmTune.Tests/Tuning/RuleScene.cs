// A scene for rules: a VM, a host and neighbours as plain values, so that a rule can be broken on hosts that do not exist here.
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

/// <summary>The input of a rule.</summary>
public sealed record RuleScene
{
    /// <summary>The change.</summary>
    public required VMChange Change { get; init; }

    /// <summary>The persistent XML.</summary>
    public string Xml { get; init; } = Vm();

    /// <summary>Whether the VM runs (with the same XML).</summary>
    public bool IsRunning { get; init; }

    /// <summary>Whether the VM is off with its state saved.</summary>
    public bool HasManagedSave { get; init; }

    /// <summary>Whether the VM is persistent.</summary>
    public bool IsPersistent { get; init; } = true;

    /// <summary>The host.</summary>
    public VMHostTopology Host { get; init; } = Flat(8);

    /// <summary>The XML of the other running VMs.</summary>
    public IReadOnlyList<string> Neighbours { get; init; } = [];

    /// <summary>The local kernel's memory settings; null for another machine.</summary>
    public HostMemoryFacts? HostMemory { get; init; }


    /// <summary>The abilities of the host's programs and kernel.</summary>
    public HostAbilities Abilities { get; init; } = new();

    /// <summary>The CPUs that the host can give the VM; null if they are unknown.</summary>
    public GuestCpuAbilities? GuestCpus { get; init; }

    /// <summary>A VM's XML.</summary>
    public static string Vm(string name = "db01", int vcpus = 4, string inside = "", string devices = "", string type = "kvm", string vcpuAttributes = "") => $"""
        <domain type='{type}'><name>{name}</name><memory unit='KiB'>1048576</memory><vcpu {vcpuAttributes}>{vcpus}</vcpu>{inside}
        <devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d'/><target dev='vdb' bus='virtio'/></disk>{devices}</devices></domain>
        """;

    /// <summary>A host with one node and no siblings.</summary>
    public static VMHostTopology Flat(int cpus) => Grid(nodes: 1, coresPerNode: cpus, threads: 1);

    /// <summary>A host of equal nodes; siblings have adjacent numbers.</summary>
    public static VMHostTopology Grid(int nodes, int coresPerNode, int threads)
    {
        var result = new List<HostNode>();
        for (var node = 0; node < nodes; node++)
        {
            var first = node * coresPerNode * threads;
            result.Add(new HostNode
            {
                Id = node,
                MemoryKiB = 16 * 1024 * 1024,
                Cpus =
                [
                    .. Enumerable.Range(first, coresPerNode * threads).Select(cpu =>
                    {
                        var core = first + ((cpu - first) / threads * threads);
                        return new HostCpu(cpu, node, node, 0, (cpu - first) / threads, CpuSet.Of(Enumerable.Range(core, threads)));
                    }),
                ],
            });
        }

        return new VMHostTopology
        {
            ConnectionUri = "qemu:///system",
            HostName = "host",
            Nodes = result,
            OnlineCpus = CpuSet.Of(Enumerable.Range(0, nodes * coresPerNode * threads)),
            IsolatedCpus = CpuSet.Empty,
        };
    }

    /// <summary>The host with no memory on one of its nodes, as if the slots of its channels were empty.</summary>
    public static VMHostTopology WithoutMemory(VMHostTopology host, int node) => host with
    {
        Nodes = [.. host.Nodes.Select(own => own.Id == node ? own with { MemoryKiB = 0, FreeMemoryKiB = 0 } : own)],
    };

    /// <summary>Asserts that the rule is broken, and that the evidence contains the given words.</summary>
    public void Breaks(TuningRule rule, params string[] evidence)
    {
        var check = Judge(rule);
        Assert.NotNull(check);
        Assert.False(check.IsKept, $"{rule.Id} is kept: {check.Evidence}");
        Assert.All(evidence, part => Assert.Contains(part, check.Evidence, StringComparison.Ordinal));
    }

    /// <summary>Asserts that the rule applies and is kept.</summary>
    public void Keeps(TuningRule rule)
    {
        var check = Judge(rule);
        Assert.NotNull(check);
        Assert.True(check.IsKept, $"{rule.Id} is broken: {check.Evidence}");
    }

    /// <summary>Asserts that the rule does not apply.</summary>
    public void IsSilent(TuningRule rule) => Assert.Null(Judge(rule));

    /// <summary>Whether an error rule refuses a change of a stopped VM on a large host.</summary>
    public static bool IsRefused(VMChange change, VMConfiguration before, VMConfiguration after) =>
        RuleCatalog.Judge(new RuleContext(change, new VMFacts(false, true, null, before), after, () => Grid(2, 32, 2), () => VMNeighbours.None)
        {
            ReadAbilities = static () => new HostAbilities { Libvirt = new Version(9, 0), Qemu = new Version(7, 2) },
        })
            .Any(finding => finding is { IsKept: false, Severity: RuleSeverity.Error });

    private RuleCheck? Judge(TuningRule rule)
    {
        Assert.Contains(rule, RuleCatalog.All);
        var before = DomainXmlReader.Read(Xml);
        var document = DomainDocument.Parse(Xml);
        Change.Edit(document);
        var facts = new VMFacts(IsRunning, IsPersistent, IsRunning ? before : null, IsPersistent ? before : null) { HasManagedSave = HasManagedSave };
        return rule.Check(new RuleContext(Change, facts, document.ToConfiguration(), () => Host, () => new RunningVMs(Neighbours.Select(DomainXmlReader.Read)).Beside(Guid.Empty), () => HostMemory)
        {
            ReadAbilities = () => Abilities,
            ReadGuestCpus = () => GuestCpus,
        });
    }
}
