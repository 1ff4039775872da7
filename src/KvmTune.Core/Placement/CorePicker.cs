// Chooses the threads of some cores that a VM's vCPUs get, by the thread policy.
namespace KvmTune.Placement;

/// <summary>Picks CPUs on cores that are known to suffice.</summary>
internal sealed class CorePicker(PlacementState state, ThreadPolicy policy)
{
    /// <summary>Whether each vCPU, or each core that the guest sees, can have an idle core of its own.</summary>
    public bool HasDistinctCores(List<LayoutCore> cores, int count, int guestThreads)
    {
        var needed = (count + guestThreads - 1) / guestThreads;
        foreach (var core in cores)
        {
            if (core.Cpus.Length >= guestThreads && state.IsIdle(core) && --needed == 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The CPUs for so many vCPUs, in the order of the vCPUs, so that vCPUs beside each other sit beside each other.</summary>
    public IReadOnlyList<int> Pick(IReadOnlyList<LayoutCore> cores, int count, int guestThreads) => policy switch
    {
        ThreadPolicy.Isolate => [.. cores.Where(state.IsIdle).Take(count).Select(core => core.Cpus[0])],
        ThreadPolicy.Require => [.. cores.Where(state.IsIdle).SelectMany(core => core.Cpus).Take(count)],
        _ => guestThreads > 1 && PickGuestCores(cores, count, guestThreads) is { } cpus ? cpus : PickThreads(cores, count),
    };

    // The threads of a guest's core belong on siblings: so many threads of each core, idle cores first. Null where that is not to be had.
    private List<int>? PickGuestCores(IReadOnlyList<LayoutCore> cores, int count, int guestThreads)
    {
        var cpus = new List<int>(count);
        foreach (var core in cores.OrderBy(core => state.IsIdle(core) ? 0 : 1))
        {
            var free = core.Cpus.Where(state.IsFree).ToList();
            for (var first = 0; first + guestThreads <= free.Count && cpus.Count < count; first += guestThreads)
            {
                cpus.AddRange(free.GetRange(first, Math.Min(guestThreads, count - cpus.Count)));
            }
        }

        return cpus.Count == count ? cpus : null;
    }

    // One thread of every idle core, then their siblings, and what is left beside other VMs last.
    private List<int> PickThreads(IReadOnlyList<LayoutCore> cores, int count)
    {
        var ranked = new List<(int Rank, int Core, int Cpu)>();
        foreach (var core in cores)
        {
            if (state.IsTaken(core))
            {
                continue;
            }

            var rank = state.LoadOf(core) == 0 ? 0 : core.Cpus.Length + 1;
            foreach (var cpu in core.Cpus.Where(state.IsFree))
            {
                ranked.Add((rank++, core.Index, cpu));
            }
        }

        return [.. ranked.Order().Take(count).OrderBy(entry => entry.Core).ThenBy(entry => entry.Cpu).Select(entry => entry.Cpu)];
    }
}
