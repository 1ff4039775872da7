// Decides from a verdict whether the change is kept, with a sentence that says why.
using KvmTune.Statistics;

namespace KvmTune.Experiments;

/// <summary>Whether a change is kept, and why.</summary>
/// <param name="IsKept">Whether it is kept.</param>
/// <param name="Reason">Why, as a sentence.</param>
internal sealed record KeepDecision(bool IsKept, string Reason)
{
    /// <summary>Decides by the rule.</summary>
    public static KeepDecision Of(KeepRule rule, VMComparison comparison)
    {
        var verdict = VerdictText.Of(comparison.Verdict, comparison.IsProvisional);
        return rule switch
        {
            KeepRule.Always => new(true, $"Kept, as -Keep Always asks. The verdict is: {verdict}."),
            KeepRule.Never => new(false, $"Undone, as -Keep Never asks. The verdict is: {verdict}."),
            KeepRule.NotWorse when comparison.Verdict is Verdict.Improved or Verdict.NoDifference => new(true, $"Kept, since it is not worse: {verdict}."),
            KeepRule.NotWorse => new(false, $"Undone, since nothing shows that it is no worse: {verdict}."),
            _ when comparison.Verdict is Verdict.Improved => new(true, $"Kept, since it {verdict}."),
            _ => new(false, $"Undone, since no improvement is shown: {verdict}."),
        };
    }
}
