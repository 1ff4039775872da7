// Measures how long the parts of an experiment take, for a realistic estimate of the remaining time and for time limits.
using System.Globalization;
using KvmTune.Measurement;

namespace KvmTune.Experiments;

/// <summary>The mean times of an experiment's parts: guesses at first, measured times as soon as there are any.</summary>
internal sealed class ExperimentPace(
    TimeProvider time, ExperimentPace.Guess guess, string vmName, IProgress<MeasurementProgress>? progress)
{
    private readonly long _started = time.GetTimestamp();
    private Mean _run = new(guess.Run);
    private Mean _switch = new(guess.Switch);
    private Mean _preparation = new(guess.Preparation);
    private double _fraction;

    /// <summary>How long the experiment has taken so far.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_started);

    /// <summary>Records the time of a run.</summary>
    public void RunTook(TimeSpan elapsed) => _run = _run.With(elapsed);

    /// <summary>Records the time of a switch, or of a restart if a switch needs one.</summary>
    public void SwitchTook(TimeSpan elapsed) => _switch = _switch.With(elapsed);

    /// <summary>Records the time of opening a session.</summary>
    public void PreparationTook(TimeSpan elapsed) => _preparation = _preparation.With(elapsed);

    /// <summary>How long this many runs are likely to take.</summary>
    public TimeSpan TimeOfRuns(int runs) => _run.Value * runs;

    /// <summary>How long a unit is likely to take.</summary>
    /// <param name="schedule">The order.</param>
    /// <param name="unit">The unit.</param>
    public TimeSpan TimeOf(ExperimentSchedule schedule, ExperimentUnit unit) =>
        (_run.Value * (unit.Runs + 1)) + _switch.Value + (schedule is { NeedsRestart: true, IsResumed: false } ? _preparation.Value : TimeSpan.Zero);

    /// <summary>How long some stages are likely to take.</summary>
    /// <param name="schedule">The order.</param>
    /// <param name="first">The first stage, counted from 0.</param>
    /// <param name="end">The stage after the last.</param>
    public TimeSpan TimeOf(ExperimentSchedule schedule, int first, int end)
    {
        var sum = TimeSpan.Zero;
        for (var i = first; i < end; i++)
        {
            foreach (var unit in schedule.Stage(i).Units)
            {
                sum += TimeOf(schedule, unit);
            }
        }

        return sum;
    }

    /// <summary>How long the last switch is likely to take, at worst, after the decision to keep the change or not.</summary>
    public TimeSpan SettlingTime => _switch.Value;

    /// <summary>Reports the step that begins now.</summary>
    /// <param name="activity">The step.</param>
    /// <param name="remaining">How long the rest of the experiment is likely to take.</param>
    public void Report(string activity, TimeSpan remaining)
    {
        var whole = Elapsed + remaining;
        _fraction = whole > TimeSpan.Zero ? Math.Clamp(Elapsed / whole, 0, 1) : 0;
        progress?.Report(new MeasurementProgress(vmName, activity, _fraction, remaining));
    }

    /// <summary>A time in words, for example <c>90 s</c> or <c>4 min</c>.</summary>
    public static string Words(TimeSpan span) => span.TotalMinutes >= 3
        ? string.Create(CultureInfo.InvariantCulture, $"{span.TotalMinutes:0} min")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, span.TotalSeconds):0} s");

    /// <summary>The assumed times before anything is measured.</summary>
    /// <param name="Run">The time of a run.</param>
    /// <param name="Switch">The time of a switch.</param>
    /// <param name="Preparation">The time for preparing the workload and removing it.</param>
    internal sealed record Guess(TimeSpan Run, TimeSpan Switch, TimeSpan Preparation)
    {
        /// <summary>For a workload with runs of this length, and a suspend of this length if there is one.</summary>
        public static Guess Of(TimeSpan runLength, bool needsRestart, TimeSpan? pause = null) => new(
            runLength + TimeSpan.FromMilliseconds(150),
            pause is { } suspend ? suspend + TimeSpan.FromSeconds(1) : needsRestart ? TimeSpan.FromSeconds(30) : TimeSpan.FromMilliseconds(50),
            TimeSpan.FromSeconds(4));
    }

    // The guess is used until the first time is measured.
    private sealed record Mean(TimeSpan Assumed, TimeSpan Sum = default, int Count = 0)
    {
        public TimeSpan Value => Count == 0 ? Assumed : Sum / Count;

        public Mean With(TimeSpan elapsed) => this with { Sum = Sum + elapsed, Count = Count + 1 };
    }
}
