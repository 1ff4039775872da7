// The current step of a measurement, for a progress bar and for -Verbose.
namespace KvmTune.Measurement;

/// <summary>One step of a measurement, reported when it begins.</summary>
/// <param name="VMName">The VM that is measured.</param>
/// <param name="Activity">The step and why: <c>run 3 of 8</c>, <c>filling the file once, so that first-write allocation does not count</c>.</param>
/// <param name="Fraction">The share of the whole that is done, from 0 to 1.</param>
/// <param name="Remaining">How long the rest is likely to take; null if that is unknown.</param>
public sealed record MeasurementProgress(string VMName, string Activity, double Fraction, TimeSpan? Remaining);
