// Whether pinning pays at all: it restricts the scheduler, which hurts most with few CPUs and many unpinned VMs.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Rules;

namespace KvmTune.Placement;

/// <summary>Judges a placement as a whole.</summary>
public static class PlacementAdvice
{
    /// <summary>The number of host CPUs from which pinning counts as safe beside unpinned VMs (XenServer's host-cpu-tune).</summary>
    public const int ManyHostCpus = 48;

    /// <summary>All findings on the host, kept and broken.</summary>
    public static IReadOnlyList<RuleFinding> Judge(PlacementRequest request, IReadOnlyList<VMPlacement> placed)
    {
        ArgumentNullException.ThrowIfNull(request);
        var unpinned = request.Neighbours.Where(neighbour => neighbour is { IsRunning: true, VcpuPins.Count: 0 }).ToList();
        return new List<RuleFinding>([ManyUnpinned(unpinned), TooFewLeft(request, placed, unpinned), SmallHost(request, unpinned), .. Isolated(request)]);
    }

    private static RuleFinding ManyUnpinned(List<PlacementNeighbour> unpinned) => Finding(
        "PinningTakesFreedom", unpinned.Count < CpuRules.ManyUnpinnedVMs,
        unpinned.Count < CpuRules.ManyUnpinnedVMs
            ? Text($"{unpinned.Count} other running VMs are not pinned")
            : Text($"{unpinned.Count} other running VMs are not pinned: they run on the pinned host CPUs too. On such a host leave the placement to the scheduler."),
        "Pins restrict the scheduler: one core can be overloaded while others idle.",
        "the course that the method comes from");

    // Compares the vCPUs of the unpinned VMs with the CPUs that pinning leaves to them.
    private static RuleFinding TooFewLeft(PlacementRequest request, IReadOnlyList<VMPlacement> placed, List<PlacementNeighbour> unpinned)
    {
        var pinned = placed.Aggregate(CpuSet.Empty, (all, placement) => all.Union(placement.VcpuCpus));
        pinned = request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).Aggregate(pinned, (all, pin) => all.Union(pin));
        var left = request.Host.OnlineCpus.Except(pinned).Except(request.ReservedCpus).Except(request.Host.IsolatedCpus ?? CpuSet.Empty);
        var wanted = unpinned.Sum(neighbour => neighbour.Vcpus);
        var isBroken = wanted > left.Count;
        var evidence = Text($"{left.Count} host CPUs stay without pinned vCPUs, for {wanted} vCPUs of {unpinned.Count} unpinned VMs and the host itself");
        return Finding(
            "PinningLeavesTooFewCpus", !isBroken,
            isBroken ? $"{evidence}: they will crowd there, or disturb the pinned vCPUs. Pin less, or try it first with Invoke-VMExperiment." : evidence,
            "The unpinned VMs have only the CPUs that pinning leaves, even while the pinned ones are idle.",
            "OpenStack Nova, dedicated and shared CPU sets of one host");
    }

    private static RuleFinding SmallHost(PlacementRequest request, List<PlacementNeighbour> unpinned)
    {
        var count = request.Host.OnlineCpus.Count;
        var isBroken = count < ManyHostCpus && unpinned.Count > 0;
        return Finding(
            "SmallHostSharedWithUnpinned", !isBroken,
            isBroken
                ? Text($"The host has {count} CPUs, and {unpinned.Count} running VMs on it are not pinned: on fewer than {ManyHostCpus} the scheduler usually does better. Try it with Invoke-VMExperiment before you keep it.")
                : Text($"{count} host CPUs, {unpinned.Count} unpinned running VMs"),
            "A small host has no CPUs to spare.",
            "XenServer host-cpu-tune, which pins exclusively only from 48 host CPUs up");
    }

    private static IEnumerable<RuleFinding> Isolated(PlacementRequest request)
    {
        if (request.Host.IsolatedCpus is { IsEmpty: false } isolated)
        {
            yield return Finding(
                "IsolatedCpusLeftAlone", request.UseIsolatedCpus,
                request.UseIsolatedCpus
                    ? $"the isolated CPUs {isolated} carry one vCPU each, emulators are elsewhere"
                    : $"The kernel isolates host CPUs {isolated}, and they are left alone. If they are meant for VMs, -UseIsolatedCpu puts vCPUs there, one each, and on no others.",
                "The scheduler puts nothing on isolated CPUs: without pinned vCPUs they stay idle.",
                "libvirt kvm-realtime; kernel parameter isolcpus");
        }
    }

    private static RuleFinding Finding(string id, bool isKept, string evidence, string reason, string source) =>
        new(id, TuningArea.Cpu, RuleSeverity.Warning, isKept, evidence, reason, source);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
