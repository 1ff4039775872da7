// Rules about the guest's CPU. They allow only what this host supports: otherwise a VM is shut down first and then cannot start.
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of CPU modes, models and features.</summary>
public static class CpuModelRules
{
    /// <summary>The CPU feature that lets a guest on an AMD CPU see several threads in a core.</summary>
    public const string Topoext = "topoext";

    /// <summary>The host must support the CPU mode or model.</summary>
    public static TuningRule CpuModelIsUsable { get; } = new(
        nameof(CpuModelIsUsable), TuningArea.Cpu, RuleSeverity.Error,
        "libvirt takes the name of any CPU model into the configuration, and only the next start fails.",
        "libvirt formatdomaincaps, CPU configuration; tried on libvirt 9.0.0",
        static context => context.Change is not CpuModelChange || context.After.Cpu is not { Mode: { } mode } cpu || context.GuestCpus is not { } host
            ? null
            : (mode, cpu.Model) switch
            {
                ("custom", { } model) when !host.Models.TryGetValue(model, out _) => RuleCheck.Broken(
                    $"There is no CPU model '{model}' on this host. It can give: {Few(Usable(host), model)}."),
                ("custom", { } model) when !host.Models[model].IsUsable => RuleCheck.Broken(
                    $"The CPU model '{model}' needs features that this host does not have. It can give: {Few(Usable(host), model)}."),
                ("custom", { } model) => RuleCheck.Kept($"the host can give the model {model}"),
                _ when !host.Modes.Contains(mode) => RuleCheck.Broken(
                    $"The CPU mode {mode} is not supported on this host for this kind of VM. Supported are: {string.Join(", ", host.Modes.Order(StringComparer.Ordinal))}."),
                _ => RuleCheck.Kept($"the host supports the mode {mode}"),
            });

    /// <summary>The host must support a required feature; libvirt must know every other feature.</summary>
    public static TuningRule CpuFeatureIsUsable { get; } = new(
        nameof(CpuFeatureIsUsable), TuningArea.Cpu, RuleSeverity.Error,
        "A VM that requires a CPU feature which the host does not have does not start, nor does one that names a feature which libvirt does not know.",
        "libvirt formatdomain, CPU feature; libvirt formatdomaincaps; tried on libvirt 9.0.0",
        static context =>
        {
            if (context.Change is not CpuModelChange || context.After.Cpu.Features.Count == 0 || context.GuestCpus is not { Features: { } known } host)
            {
                return null;
            }

            var required = context.After.Cpu.Features.Where(feature => feature.Value is "require").Select(feature => feature.Key).ToList();
            var missing = required.Where(feature => !known.Contains(feature)).ToList();
            var unknown = context.After.Cpu.Features.Keys.Except(required, StringComparer.Ordinal).Where(feature => host.KnowsFeature(feature) == false).ToList();
            return RuleCheck.BrokenBy(
                [
                    .. missing.Select(feature => $"this host cannot give the CPU feature '{feature}'"),
                    .. unknown.Select(feature => $"libvirt knows no CPU feature '{feature}'"),
                ],
                required.Count > 0 ? $"the host can give {string.Join(", ", required)}" : $"libvirt knows {string.Join(", ", context.After.Cpu.Features.Keys)}",
                $"Leave it out, or use one of: {Few(known, missing.Concat(unknown).FirstOrDefault() ?? string.Empty)}.");
        });

    /// <summary>A feature needs a CPU mode or model.</summary>
    public static TuningRule CpuFeatureNeedsModel { get; } = new(
        nameof(CpuFeatureNeedsModel), TuningArea.Cpu, RuleSeverity.Error,
        "libvirt refuses features of a CPU for which neither a mode nor a model is set.",
        "libvirt 9.0 virCPUDefParseXML",
        static context => context.Change is not CpuModelChange || context.After.Cpu is not { Features.Count: > 0 } cpu
            ? null
            : cpu.Mode is null && cpu.Model is null
                ? RuleCheck.Broken($"'{context.After.Name}' has no CPU model that a feature could be added to. Set one too, for example -Model host-model.")
                : RuleCheck.Kept($"features of {cpu.Model ?? cpu.Mode}"));

    /// <summary>A guest with several threads in a core needs topoext on AMD.</summary>
    public static TuningRule ThreadsNeedTopoext { get; } = new(
        nameof(ThreadsNeedTopoext), TuningArea.Cpu, RuleSeverity.Error,
        "QEMU gives a guest with an AMD CPU several threads in a core only with the feature topoext; without it the guest sees cores, with only a line in QEMU's log.",
        "QEMU target/i386/cpu.c, x86_cpu_realizefn; cockpit-machines 2381, kubevirt 1994",
        static context => NeedsTopoext(context) is not { } host || !CanGiveTopoext(host)
                ? null
                : HasTopoext(context.After.Cpu, host)
                    ? RuleCheck.Kept("the CPU has topoext")
                    : RuleCheck.Broken($"With {context.After.Cpu.Topology} the guest needs the CPU feature topoext on this AMD host, or it takes the threads for cores. Add -Feature topoext{(context.After.Cpu.Mode is null ? ", and a model that it is added to, for example -Model host-model" : null)}, or use a topology of one thread a core."));

    /// <summary>Without topoext a guest on AMD sees its threads as cores.</summary>
    public static TuningRule ThreadsBecomeCores { get; } = new(
        nameof(ThreadsBecomeCores), TuningArea.Cpu, RuleSeverity.Warning,
        "QEMU gives a guest with an AMD CPU several threads in a core only with the feature topoext, which an emulated one cannot have.",
        "QEMU target/i386/cpu.c; tried with QEMU 7.2, emulated",
        static context => NeedsTopoext(context) is { } host && !CanGiveTopoext(host)
            ? RuleCheck.Broken($"This host cannot give '{context.After.Name}' the CPU feature topoext: with {context.After.Cpu.Topology} the guest takes the threads for cores.")
            : null);

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } = [CpuModelIsUsable, CpuFeatureNeedsModel, CpuFeatureIsUsable, ThreadsNeedTopoext, ThreadsBecomeCores];

    /// <summary>Whether a guest with this CPU needs topoext, does not have it, and can get it.</summary>
    public static bool ShouldHaveTopoext(VMConfiguration vm, GuestCpuAbilities host)
    {
        ArgumentNullException.ThrowIfNull(vm);
        ArgumentNullException.ThrowIfNull(host);
        return vm.Cpu is { Topology.Threads: > 1, Mode: not null } && !vm.Cpu.Features.ContainsKey(Topoext)
            && VendorOf(vm, host) == "AMD" && !HasTopoext(vm.Cpu, host) && CanGiveTopoext(host);
    }

    private static bool CanGiveTopoext(GuestCpuAbilities host) => host.Features?.Contains(Topoext) != false;

    // The CPUs that the host supports, if the change gives a guest on AMD several threads in a core; otherwise null.
    private static GuestCpuAbilities? NeedsTopoext(RuleContext context) =>
        context.Change is CpuModelChange && context.After.Cpu.Topology is { Threads: > 1 } && context.GuestCpus is { } host && VendorOf(context.After, host) == "AMD" ? host : null;

    // QEMU's EPYC models include topoext; host-passthrough and maximum need it added explicitly (no_autoenable_flags).
    private static bool HasTopoext(CpuConfiguration cpu, GuestCpuAbilities host) => cpu.Features.TryGetValue(Topoext, out var policy)
        ? policy is "require" or "force" or "optional"
        : cpu.Mode switch
        {
            "custom" => IsEpyc(cpu.Model),
            "host-model" => host.HostModelFeatures.TryGetValue(Topoext, out policy) ? policy is "require" : IsEpyc(host.HostModel),
            _ => false,
        };

    private static bool IsEpyc(string? model) => model?.StartsWith("EPYC", StringComparison.Ordinal) == true;

    // Under KVM a guest sees the host's vendor, an emulated guest the vendor of its model. QEMU's own general models are AMD's.
    private static string? VendorOf(VMConfiguration vm, GuestCpuAbilities host) =>
        vm.Architecture is not ("x86_64" or "i686") ? null
        : vm.DomainType is "qemu" && vm.Cpu is { Mode: "custom", Model: { } model } ? host.Models.GetValueOrDefault(model)?.Vendor ?? (model.StartsWith("qemu", StringComparison.Ordinal) ? "AMD" : null)
        : vm.DomainType is "qemu" && vm.Cpu.Mode is null or "maximum" ? "AMD"
        : host.Vendor;

    private static IEnumerable<string> Usable(GuestCpuAbilities host) => host.Models.Where(model => model.Value.IsUsable).Select(model => model.Key);

    // The names that begin most like the requested one come first.
    private static string Few(IEnumerable<string> names, string asked)
    {
        var all = names.OrderByDescending(name => name.Zip(asked).TakeWhile(pair => char.ToUpperInvariant(pair.First) == char.ToUpperInvariant(pair.Second)).Count())
            .ThenBy(name => name, StringComparer.Ordinal).ToList();
        return all.Count == 0 ? "none" : $"{string.Join(", ", all.Take(10))}{(all.Count > 10 ? FormattableString.Invariant($" and {all.Count - 10} more (Tab shows them)") : null)}";
    }
}
