// Lets a script block describe changes without making them: while it runs, every cmdlet that would change a VM passes its plan to the
// collector.
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>The plans of one script block.</summary>
internal sealed class PlanCollector
{
    // Bound to the script block's flow, so another runspace can change a VM at the same time.
    private static readonly AsyncLocal<PlanCollector?> Ambient = new();

    private readonly List<VMTuningPlan> _plans = [];

    /// <summary>The current collection; null while cmdlets make changes.</summary>
    public static PlanCollector? Current => Ambient.Value;

    /// <summary>The plans that cmdlets passed while the action ran. None of them was applied.</summary>
    public static IReadOnlyList<VMTuningPlan> Collect(Func<IEnumerable<object?>> action)
    {
        var (collector, before) = (new PlanCollector(), Ambient.Value);
        Ambient.Value = collector;
        try
        {
            // A plan from elsewhere, for example of a finding, is collected if the block writes it to its output.
            foreach (var plan in action().OfType<VMTuningPlan>())
            {
                collector.Add(plan);
            }

            return collector._plans;
        }
        finally
        {
            Ambient.Value = before;
        }
    }

    /// <summary>Refuses an action that is not a plan of a VM and so cannot be postponed.</summary>
    /// <param name="what">The refused action, as a cmdlet's name.</param>
    /// <exception cref="KvmTuneException">A collection is running (<c>NotInExperiment</c>).</exception>
    public static void Refuse(string what)
    {
        if (Current is not null)
        {
            throw new KvmTuneException(
                "NotInExperiment", KvmTuneErrorCategory.InvalidOperation,
                $"{what} acts at once, and -Change may only plan until the baseline is measured. Run it before the experiment.");
        }
    }

    /// <summary>The changes of a VM that were collected so far.</summary>
    public List<VMChange> ChangesOf(Guid vmId) => [.. _plans.Where(plan => plan.VMId == vmId).Select(plan => plan.Change)];

    /// <summary>Adds a plan, if it was not added yet.</summary>
    public void Add(VMTuningPlan plan)
    {
        if (!_plans.Any(known => ReferenceEquals(known, plan)))
        {
            _plans.Add(plan);
        }
    }
}
