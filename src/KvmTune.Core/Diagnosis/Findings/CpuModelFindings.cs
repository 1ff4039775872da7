// Findings about the CPU model that the guest sees.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Kinds of findings about the CPU model.</summary>
public static class CpuModelFindings
{
    /// <summary>A named model that is not the host's.</summary>
    public static FindingKind CpuModelHidesHostFeatures { get; } = new(
        nameof(CpuModelHidesHostFeatures), TuningArea.Cpu, FindingSeverity.Medium, WorkloadKinds.Memory,
        "A guest uses only the instructions that its CPU model has: a general model hides newer ones (AES, AVX, large pages) that the host could run at full speed.",
        "QEMU manual, CPU models; libvirt formatdomain, CPU model and topology",
        static context =>
        {
            // The running XML of host-model is the named model that it became; what was asked for stands in the persistent one.
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

    /// <summary>All kinds of this file.</summary>
    public static IReadOnlyList<FindingKind> All { get; } = [CpuModelHidesHostFeatures];
}
