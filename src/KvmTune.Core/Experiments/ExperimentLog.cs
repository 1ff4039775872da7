// Times the steps of an experiment.
namespace KvmTune.Experiments;

/// <summary>The steps so far, with their times.</summary>
internal sealed class ExperimentLog(TimeProvider time)
{
    private readonly List<ExperimentStep> _steps = [];

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<ExperimentStep> Steps => _steps.ToList();

    /// <summary>Does something as a step; a failed step is recorded too.</summary>
    public async Task<T> DoAsync<T>(ExperimentStepKind kind, string name, Func<Task<T>> action)
    {
        var (at, started) = (time.GetUtcNow(), time.GetTimestamp());
        try
        {
            return await action();
        }
        finally
        {
            _steps.Add(new ExperimentStep(kind, name, at, time.GetElapsedTime(started)));
        }
    }

    /// <summary>Does something as a step; a failed step is recorded too.</summary>
    public Task DoAsync(ExperimentStepKind kind, string name, Func<Task> action) => DoAsync(kind, name, async () =>
    {
        await action();
        return true;
    });

    /// <summary>The time of the last step.</summary>
    public TimeSpan Last => _steps[^1].Elapsed;
}
