// Tails of the normal and Student's distribution, for tests that are too large to count exactly, and for planning power.
using MathNet.Numerics.Distributions;

namespace KvmTune.Statistics;

/// <summary>Tails and quantiles.</summary>
internal static class NormalTail
{
    /// <summary>The probability of a standard normal value above z; exact for large z, where 1 − Φ(z) would round to 0.</summary>
    internal static double Above(double z) => Normal.CDF(0, 1, -z);

    /// <summary>The standard normal quantile.</summary>
    internal static double Quantile(double probability) => Normal.InvCDF(0, 1, probability);

    /// <summary>The quantile of Student's t.</summary>
    internal static double StudentQuantile(double probability, double degreesOfFreedom)
        => StudentT.InvCDF(0, 1, degreesOfFreedom, probability);
}
