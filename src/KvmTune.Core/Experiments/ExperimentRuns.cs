// Collects the runs of both sides of an experiment over all its sessions, and combines them into two measurements.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Experiments;

/// <summary>The runs of an experiment so far, in order, each with its side.</summary>
internal sealed class ExperimentRuns
{
    private readonly List<Entry> _entries = [];
    private readonly Dictionary<bool, MeasurementConditions> _conditions = [];
    private readonly Dictionary<bool, TimeSpan> _elapsed = new() { [false] = TimeSpan.Zero, [true] = TimeSpan.Zero };
    private readonly Dictionary<bool, Guid> _ids = new() { [false] = Guid.NewGuid(), [true] = Guid.NewGuid() };
    private readonly List<string> _notes = [];
    // The index of the first run of each pair.
    private readonly List<int> _pairs = [];
    private readonly HashSet<string> _stoppedCounters = new(StringComparer.Ordinal);
    private VMPerformance? _template;

    /// <summary>The number of runs so far, which marks the beginning of a stage.</summary>
    public int Count => _entries.Count;

    /// <summary>How many runs failed.</summary>
    public int FailedCount => _entries.Count(entry => entry.Run.Failure is not null);

    /// <summary>Facts that a reader needs, each a sentence.</summary>
    public IReadOnlyList<string> Notes => _notes.ToList();

    /// <summary>Whether the conditions of a side are known already.</summary>
    public bool Knows(bool isCandidate) => _conditions.ContainsKey(isCandidate);

    /// <summary>Adds a run. A failed run is flagged as screened, so that it takes no place among the counted runs.</summary>
    public void Add(MeasuredRun run, bool isCandidate) => _entries.Add(new Entry(
        run with { Number = _entries.Count + 1, IsScreened = run is { Failure: not null, IsWarmup: false } }, isCandidate));

    /// <summary>Adds to the time of a side.</summary>
    public void AddElapsed(bool isCandidate, TimeSpan elapsed) => _elapsed[isCandidate] += elapsed;

    /// <summary>Records the conditions of a side, and checks that they are the same as before on that side.</summary>
    /// <exception cref="ComparisonException">The conditions have changed since the side was last measured.</exception>
    public void Learn(VMPerformance session, bool isCandidate, MeasurementConditions conditions)
    {
        _template ??= session;
        if (!_conditions.TryGetValue(isCandidate, out var before))
        {
            _conditions[isCandidate] = conditions;
            return;
        }

        LikenessCheck.CheckConditions(session with { Conditions = before }, session with { Conditions = conditions }, force: false);
        if (!string.Equals(before.ConfigurationHash, conditions.ConfigurationHash, StringComparison.Ordinal))
        {
            Note($"Somebody else changed the VM's running configuration during the experiment: the {(isCandidate ? "candidate" : "baseline")} was not the same in all its runs.");
        }
    }

    /// <summary>Adds a note, unless it is there already.</summary>
    public void Note(string note)
    {
        if (!_notes.Contains(note, StringComparer.Ordinal))
        {
            _notes.Add(note);
        }
    }

    /// <summary>Treats the runs since a mark as a pair. Returns why it counts as disturbed, in words; null if it does not.</summary>
    public string? WhyDisturbed(int mark)
    {
        _pairs.Add(mark);
        List<List<MeasuredRun>> session = [.. _pairs.Select((start, i) => _entries[start..(i + 1 < _pairs.Count ? _pairs[i + 1] : _entries.Count)].ConvertAll(entry => entry.Run))];
        return ScreeningRule.WhyDisturbed(session[^1], session, _stoppedCounters);
    }

    /// <summary>Flags the good runs since a mark, which are a pair, as screened.</summary>
    public void Screen(int mark)
    {
        for (var i = mark; i < _entries.Count; i++)
        {
            if (_entries[i].Run is { IsWarmup: false, Failure: null } run)
            {
                _entries[i] = _entries[i] with { Run = run with { IsScreened = true } };
            }
        }
    }

    /// <summary>
    /// Stops screening by counters that differ between the sides. Pairs that they already screened stay screened: see
    /// <see cref="ScreeningRule.MovedWithSide"/>.
    /// </summary>
    public void StopWhereCounterMoved()
    {
        var sides = _entries.ConvertAll(entry => (entry.Run, entry.IsCandidate));
        foreach (var counter in ScreeningRule.Counters.Where(counter => !_stoppedCounters.Contains(counter) && ScreeningRule.MovedWithSide(counter, sides)))
        {
            _stoppedCounters.Add(counter);
            Note(ScreeningRule.WhyStopped(counter, sides));
        }
    }

    /// <summary>One side as a measurement; null before its first run.</summary>
    public VMPerformance? ToPerformance(bool isCandidate)
    {
        var runs = _entries.Where(entry => entry.IsCandidate == isCandidate).Select(entry => entry.Run).ToList();
        if (_template is null || runs.Count == 0 || !_conditions.TryGetValue(isCandidate, out var conditions))
        {
            return null;
        }

        var failed = runs.Count(run => run.Failure is not null);
        return _template with
        {
            Id = _ids[isCandidate],
            Runs = runs,
            Conditions = conditions,
            StartedAt = runs[0].StartedAt,
            Elapsed = _elapsed[isCandidate],
            Notes = failed == 0
                ? _notes.ToList()
                : [.. _notes, string.Create(CultureInfo.InvariantCulture, $"{failed} failed runs were repeated; they are kept among the runs.")],
        };
    }

    /// <summary>The measurements so far: baseline and candidate, one of them, or none.</summary>
    public IReadOnlyList<VMPerformance> ToPerformances() =>
        [.. new[] { ToPerformance(isCandidate: false), ToPerformance(isCandidate: true) }.OfType<VMPerformance>()];

    private sealed record Entry(MeasuredRun Run, bool IsCandidate);
}
