// Returns huge pages that a change reserved, and takes back changes of the host's pools.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.HugePages;

namespace KvmTune.Journal;

/// <summary>Undoes what was done to the pools of a host.</summary>
/// <param name="journal">The journal.</param>
/// <param name="host">The host.</param>
/// <param name="pools">Its pools; null to read them.</param>
public sealed class PoolUndo(TuningJournal journal, HostConnection host, HugePagePools? pools = null)
{
    private readonly HugePagePools _pools = pools ?? new HugePagePools(host);

    /// <summary>Removes the pages that were added to pools for a change, if they are not in use.</summary>
    /// <returns>Notes for the user on pages that are in use and stay.</returns>
    /// <exception cref="KvmTuneException">The host cannot be reached, or refuses.</exception>
    public IReadOnlyList<string> GiveBack(IReadOnlyList<ReservedPool> reserved)
    {
        if (reserved.Count == 0)
        {
            return [];
        }

        var notes = new List<string>();
        var now = _pools.Read();
        foreach (var pool in reserved)
        {
            var current = now.FirstOrDefault(candidate => candidate.Node == pool.Node && candidate.PageSizeKiB == pool.PageSizeKiB);
            if (current is null)
            {
                continue;
            }

            // The pool may have changed since: only the added pages are removed.
            var size = SetSize(current);
            var wanted = size - Math.Clamp(size - pool.Before, 0, pool.Added);
            var possible = Math.Max(wanted, Math.Min(size, current.InUse ?? 0));
            if (possible != size)
            {
                _pools.Apply(_pools.Plan(new HugePagePoolRequest(pool.PageSizeKiB, possible, pool.Node)));
            }

            if (possible > wanted)
            {
                notes.Add(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{PageSize.Pages(possible - wanted, pool.PageSizeKiB)} that were reserved on node {pool.Node} are in use and stay: restart the VM, then Set-HugePagePool {PageSize.Short(pool.PageSizeKiB)} {wanted} -Node {pool.Node} gives them back."));
            }
        }

        return notes;
    }

    /// <summary>Plans the undo of a change of the host's pools. Nothing is touched.</summary>
    /// <param name="entry">The change.</param>
    /// <param name="force">Whether a pool that was changed again since is set back too.</param>
    /// <returns>A plan for each pool to set; none if all are as before.</returns>
    /// <exception cref="KvmTuneException">The entry is not a change of a host (<c>NotUndoable</c>), or a pool was changed again (<c>UndoCollides</c>).</exception>
    public IReadOnlyList<HugePagePoolPlan> Plan(JournalEntry entry, bool force)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var intent = entry.HostIntent ?? throw new KvmTuneException(
            "NotUndoable", KvmTuneErrorCategory.InvalidArgument,
            string.Create(CultureInfo.InvariantCulture, $"Entry {entry.Id} is not a change of a host's pools."));
        var all = _pools.Read();
        var now = _pools.Select(all, intent.Request.PageSizeKiB, intent.Request.Node).Sum(SetSize);
        var before = intent.FormerPools.Sum(pool => pool.Count);
        if (!force && now != before && now != intent.Request.Count)
        {
            throw new KvmTuneException(
                TuningUndo.Collides, KvmTuneErrorCategory.ResourceBusy,
                string.Create(CultureInfo.InvariantCulture, $"Entry {entry.Id} ('{entry.Title}' on {entry.ConnectionUri}) cannot be taken back: there are {PageSize.Pages(now, intent.Request.PageSizeKiB)} now, while the change left {intent.Request.Count} and before there were {before}. Undo what came later first, or add -Force to set it back anyway."));
        }

        return [.. intent.FormerPools.Select(_pools.Plan).Where(plan => plan.HasChanges)];
    }

    /// <summary>Whether anything of a change of the host's pools is left: in its files, or in a pool.</summary>
    /// <param name="entry">The change.</param>
    /// <param name="plans">The plans of its undo.</param>
    public static bool IsLeft(JournalEntry entry, IReadOnlyList<HugePagePoolPlan> plans)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(plans);
        return plans.Count > 0 || entry.HostIntent!.FormerFiles.Any(file => FormerFile.Of(file.Path) != file);
    }

    /// <summary>Takes a change of the host's pools back.</summary>
    /// <param name="entry">The change.</param>
    /// <param name="force">Whether a pool that was changed again since is set back too.</param>
    /// <param name="warn">Takes a warning if the outcome could not be recorded.</param>
    /// <param name="cancellationToken">Ends the wait for the host.</param>
    /// <returns>The result for each pool; none if nothing of the change was left, which the journal then knows.</returns>
    /// <exception cref="KvmTuneException">As for <see cref="Plan"/>, or a file was changed since, or the pools cannot be set.</exception>
    public async Task<IReadOnlyList<HugePagePoolResult>> UndoAsync(JournalEntry entry, bool force, Action<string> warn, CancellationToken cancellationToken)
    {
        if (!IsLeft(entry, Plan(entry, force)))
        {
            if (entry.UndoneAt is null)
            {
                journal.MarkUndone(entry.Id, by: null);
            }

            return [];
        }

        var intent = entry.HostIntent!;
        List<HugePagePoolPlan> plans = [.. intent.FormerPools.Select(_pools.Plan)];
        var current = intent.FormerPools.Select(pool => pool with { Count = _pools.Select(_pools.Read(), pool.PageSizeKiB, pool.Node).Sum(SetSize) }).ToList();
        return await journal.RecordHostChangeAsync(
            new HostChangeIntent
            {
                ConnectionUri = entry.ConnectionUri,
                Title = $"back to before: {entry.Title}",
                Request = intent.Request with { Count = intent.FormerPools.Sum(pool => pool.Count) },
                FormerPools = current,
                FormerFiles = [.. intent.FormerFiles.Select(file => FormerFile.Of(file.Path))],
                Undoes = entry.Id,
            },
            () =>
            {
                // Pools without a change have a result too, since files may be restored for them.
                var results = plans.Select(plan => plan.HasChanges ? _pools.Apply(plan) : new HugePagePoolResult { Plan = plan, After = plan.Before }).ToList();
                foreach (var file in intent.FormerFiles)
                {
                    file.Restore();
                }

                return results;
            },
            warn,
            cancellationToken);
    }

    private static long SetSize(HugePagePool pool) => pool.Total - (pool.Surplus ?? 0);
}
