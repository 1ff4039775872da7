// Lets a script block say what to change without changing it: while it runs, every cmdlet that would change a VM hands in its plan.
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>The plans of one script block.</summary>
internal sealed class PlanCollector
{
    // Belongs to the flow of the script block, so that another runspace, which may change a VM at the same time, is not concerned.
    private static readonly AsyncLocal<PlanCollector?> Ambient = new();

    private readonly List<VMTuningPlan> _plans = [];

    /// <summary>The collection that is under way here; null where changes are made.</summary>
    public static PlanCollector? Current => Ambient.Value;

    /// <summary>The plans that were handed in while an action ran. Nothing was changed by them.</summary>
    public static IReadOnlyList<VMTuningPlan> Collect(Func<IEnumerable<object?>> action)
    {
        var (collector, before) = (new PlanCollector(), Ambient.Value);
        Ambient.Value = collector;
        try
        {
            // A plan that was made elsewhere, by a finding for example, is collected where the block writes it out.
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

    /// <summary>Refuses an action that is not a plan of a VM and so cannot be delayed.</summary>
    /// <param name="what">What was asked for, as a cmdlet's name.</param>
    /// <exception cref="KvmTuneException">A collection is under way (<c>NotInExperiment</c>).</exception>
    public static void Refuse(string what)
    {
        if (Current is not null)
        {
            throw new KvmTuneException(
                "NotInExperiment", KvmTuneErrorCategory.InvalidOperation,
                $"{what} acts at once, and -Change may only plan until the baseline is measured. Run it before the experiment.");
        }
    }

    /// <summary>Takes a plan, once.</summary>
    public void Add(VMTuningPlan plan)
    {
        if (!_plans.Any(known => ReferenceEquals(known, plan)))
        {
            _plans.Add(plan);
        }
    }
}
