// Findings about the CPU model that the guest sees.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Kinds of findings about the CPU model.</summary>
public static class CpuModelFindings
{
    /// <summary>A named model other than the host's.</summary>
    public static FindingKind CpuModelHidesHostFeatures { get; } = new(
        nameof(CpuModelHidesHostFeatures), TuningArea.Cpu, FindingSeverity.Medium, WorkloadKinds.Memory,
        "A guest uses only the instructions that its CPU model has: a general model hides newer ones (AES, AVX, large pages) that the host could run at full speed.",
        "QEMU manual, CPU models; libvirt formatdomain, CPU model and topology",
        static context =>
        {
            // For host-model, the running XML has the named model that libvirt chose; the mode itself is in the persistent XML.
            var (source, vm) = context.Planned;
            var model = vm.Cpu.Model ?? (vm.Cpu.Mode is null ? "(none, so QEMU's general one)" : "(not set)");
            return vm.DomainType is not "kvm" || vm.Architecture is not ("x86_64" or "i686") || vm.Cpu.Mode is "host-passthrough" or "host-model" or "maximum"
                || context.Host.CpuModel is not { } host || host == vm.Cpu.Model
                    ? []
                    :
                    [
                        new FindingObservation(
                            "CPU model",
                            [
                                new FindingEvidence("CPU mode", vm.Cpu.Mode ?? "(not set)", source),
                                new FindingEvidence("CPU model", model, source),
                                new FindingEvidence("host CPU model", host, "libvirt: capabilities of the host"),
                            ],
                            "Try host-passthrough; host-model where the VM must migrate to other CPUs.",
                            FindingRemedy.By(new CpuModelChange
                            {
                                Values = CpuModelChange.OfModel("host-passthrough"),
                            })),
                    ];
        });

    /// <summary>Threads that an AMD guest takes for cores.</summary>
    public static FindingKind ThreadsWithoutTopoext { get; } = new(
        nameof(ThreadsWithoutTopoext), TuningArea.Cpu, FindingSeverity.Medium, WorkloadKinds.Cpu,
        CpuModelRules.ThreadsNeedTopoext.Reason, CpuModelRules.ThreadsNeedTopoext.Source,
        static context => context.Planned is var (source, vm) && vm.Cpu.Topology is { Threads: > 1 } topology
            && context.GuestCpus is { } host && CpuModelRules.ShouldHaveTopoext(vm, host)
            ?
            [
                new FindingObservation(
                    "CPU topology",
                    [
                        new FindingEvidence("CPU topology", topology.ToString(), source),
                        new FindingEvidence("CPU", vm.Cpu.Model ?? vm.Cpu.Mode!, source),
                        new FindingEvidence("CPU feature topoext", "(not set)", source),
                    ],
                    "Try the CPU feature topoext.",
                    FindingRemedy.By(new CpuModelChange
                    {
                        Values = [CpuModelChange.OfFeature(CpuModelRules.Topoext, "require")],
                    })),
            ]
            : []);

    /// <summary>All kinds of this file.</summary>
    public static IReadOnlyList<FindingKind> All { get; } = [ThreadsWithoutTopoext, CpuModelHidesHostFeatures];
}
