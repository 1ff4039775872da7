// Judges counters: which area holds a VM back, if any does. Values in, a verdict out; nothing is read here.
using KvmTune.Tuning;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>
/// The verdict. Each area is judged by the USE method. Of several saturated areas, the one whose cause explains the others comes first
/// (a guest that swaps keeps its disk busy), then one with a reached limit, then the one that cost the most time.
/// </summary>
public static class BottleneckJudge
{
    /// <summary>Judges one VM.</summary>
    /// <param name="vm">The counters.</param>
    /// <param name="thresholds">The table.</param>
    public static VMBottleneckReport Judge(VMObservation vm, BottleneckThresholds thresholds)
    {
        ArgumentNullException.ThrowIfNull(vm);
        ArgumentNullException.ThrowIfNull(thresholds);
        JudgedArea[] areas =
        [
            CpuJudge.Judge(vm, thresholds), DiskJudge.Judge(vm, thresholds), MemoryJudge.Judge(vm, thresholds), NetworkJudge.Judge(vm, thresholds),
        ];
        var saturated = areas.Where(judged => judged.Area.IsSaturated).OrderBy(judged => judged.Rank).ThenByDescending(judged => judged.Weight)
            .Select(judged => judged.Area).ToList();
        var worst = saturated.FirstOrDefault();
        return new VMBottleneckReport
        {
            VMName = vm.VMName,
            VMId = vm.VMId,
            ConnectionUri = vm.ConnectionUri,
            StartedAt = vm.StartedAt,
            Interval = vm.Interval,
            Area = worst?.Area,
            Cause = worst?.Cause,
            Subject = worst?.Subject,
            Verdict = worst is null ? Healthy(areas) : Also(worst, saturated),
            Areas = areas.Select(judged => judged.Area).ToList(),
            Notes = vm.GuestUnknownReason is { } reason ? [$"The guest's own counters are not known: {reason}"] : Array.Empty<string>(),
        };
    }

    private static string Also(AreaBottleneck worst, List<AreaBottleneck> saturated) => saturated.Count == 1
        ? worst.Verdict
        : $"{worst.Verdict}. Also saturated: {string.Join(", ", saturated.Skip(1).Select(area => Word(area.Area)))}";

    private static string Healthy(JudgedArea[] areas)
    {
        var unknown = areas.Where(judged => !judged.Area.IsKnown).Select(judged => Word(judged.Area.Area)).ToList();
        return unknown.Count == 0 ? VMBottleneckReport.NoBottleneck
            : !areas.Any(judged => judged.Area.Saturation.Any(evidence => evidence.Value is not null)) ? "unknown: none of the counters is kept for this VM"
            : $"{VMBottleneckReport.NoBottleneck} (unknown, since no counter is kept: {string.Join(", ", unknown)})";
    }

    private static string Word(TuningArea area) => area == TuningArea.Cpu ? "CPU" : area.ToString().ToLowerInvariant();
}
