// A workload against itself: the noise, the detectable effects, the time, and the check for false alarms.
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class CalibrationTests
{
    [Fact]
    public void Noise_reach_and_time_are_those_of_the_runs()
    {
        var calibration = VMCalibrator.Calibrate(Performances.Of(Performances.Around(3, 40, 1000, 4)), seed: 5);

        Assert.Equal(40, calibration.Runs);
        Assert.Equal(5, calibration.Seed);
        Assert.InRange(calibration.NoisePercent, 2.8, 5.5);
        Assert.InRange(calibration.PairNoisePercent, 3.8, 8);
        Assert.Equal([8, 12, 20, 8, 12, 20], calibration.Reach.Select(reach => reach.Count));
        var pairs = calibration.Reach.Take(3).ToList();
        Assert.All(pairs, reach => Assert.Equal(ComparisonDesign.Pairs, reach.Design));
        Assert.Equal(pairs.Select(reach => reach.DetectablePercent).OrderDescending(), pairs.Select(reach => reach.DetectablePercent));
        Assert.InRange(pairs[2].DetectablePercent!.Value, 3, 9);
        Assert.Equal(2 * 20 * 4, pairs[2].TimeSeconds, 6);
        Assert.False(calibration.IsFalseAlarm);
        Assert.Contains("raised no false alarm", calibration.Sentence, StringComparison.Ordinal);
        Assert.Contains("in 20 pairs (160 s)", calibration.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_that_drifts_is_told_and_pairs_still_hold()
    {
        var drifting = Enumerable.Range(0, 24).Select(i => 1000 * Math.Exp((0.01 * i) + (i % 4 is 1 or 2 ? 0.012 : 0))).ToArray();

        var calibration = VMCalibrator.Calibrate(Performances.Of(drifting), seed: 5);

        Assert.Equal(Verdict.Improved, calibration.SequenceCheck.Verdict);
        Assert.True(calibration.IsFalseAlarm);
        Assert.NotEqual(Verdict.Improved, calibration.PairCheck.Verdict);
        Assert.Contains("The host drifted", calibration.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_trend_of_five_per_cent_a_run_raises_an_alarm_in_pairs_no_more_often_than_chance()
    {
        // With odd runs against even runs, such a trend caused a false alarm in 68 %.
        var alarms = Enumerable.Range(0, 200).Count(seed =>
        {
            var noise = Performances.Around(seed, 16, 1000, 3);
            var trend = noise.Select((value, i) => value * Math.Pow(1.05, i)).ToArray();
            return VMCalibration.IsClaim(VMCalibrator.Calibrate(Performances.Of(trend), seed, forecasts: false).PairCheck.Verdict);
        });
        Assert.InRange(alarms, 0, 20);
    }

    [Fact]
    public void Too_few_runs_are_refused_and_constant_ones_reach_the_threshold()
    {
        Assert.Contains("at least 12 good runs", Assert.Throws<ComparisonException>(
            () => VMCalibrator.Calibrate(Performances.Of(Performances.Around(1, 11, 10, 1)))).Message, StringComparison.Ordinal);
        Assert.Equal(3, VMCalibrator.Calibrate(Performances.Of([.. Enumerable.Repeat(7.0, 12)])).Reach[0].DetectablePercent!.Value, 1);
    }
}
