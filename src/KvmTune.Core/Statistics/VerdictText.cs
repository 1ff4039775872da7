// A verdict in words for people.
namespace KvmTune.Statistics;

/// <summary>Writes verdicts.</summary>
public static class VerdictText
{
    /// <summary>The verdict in a word or two, for example <c>no difference</c>, <c>improved (provisional)</c>.</summary>
    /// <param name="verdict">The verdict.</param>
    /// <param name="isProvisional">Whether drift of the host is not excluded.</param>
    public static string Of(Verdict verdict, bool isProvisional = false) =>
        (verdict == Verdict.NoDifference ? "no difference" : verdict.ToString().ToLowerInvariant()) + (isProvisional ? " (provisional)" : null);
}
