// An action of a test during a measurement.
using KvmTune.Measurement;

namespace KvmTune.Tests.Measurement;

/// <summary>Runs an action once, when the measurement reports the beginning of an activity.</summary>
internal sealed class Reaction(string activity, Action react) : IProgress<MeasurementProgress>
{
    private Action? _react = react;

    public Reaction(string activity, Func<Task> react)
        : this(activity, () => { _ = react(); })
    {
    }

    public void Run() => Interlocked.Exchange(ref _react, null)?.Invoke();

    public void Report(MeasurementProgress value)
    {
        if (value.Activity.StartsWith(activity, StringComparison.Ordinal))
        {
            Run();
        }
    }
}
