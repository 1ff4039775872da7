// Places a set of VMs: several unfinished placements are kept at each step, so that one bad choice does not decide the result.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>A placement of all VMs.</summary>
/// <param name="Places">The place of each VM; null for one that found none.</param>
/// <param name="Services">The CPUs of emulator and I/O threads of each VM.</param>
/// <param name="State">The CPUs and the memory that each VM has.</param>
/// <param name="Aims">How good it is.</param>
internal sealed record Solution(IReadOnlyList<Place?> Places, IReadOnlyList<ServiceChoice?> Services, PlacementState State, PlacementAims Aims);

/// <summary>
/// A beam search: VMs are placed one after the other, and the best unfinished placements are kept at each step. On a small host that covers
/// all placements. On a large one the result is improved by placing each VM again beside all others, as long as that gains.
/// </summary>
internal sealed class PlacementSearch(HostLayout layout, PlacementRequest request, IReadOnlyList<PlacementVM> vms, CancellationToken cancellationToken)
{
    // The work of one search, in cores that are looked at; and the most and fewest placements that are kept at each step.
    private const int Work = 4_000;
    private const int Widest = 48;
    private const int Narrowest = 2;

    // The number of ways to place a VM up to which all are tried: Ways is shared by the VMs, with these limits for each.
    private const int Ways = 20_000;
    private const int MostWays = 7_000;
    private const int FewestWays = 24;

    // How many VMs with a place, and how many without one, are tried in exchanges.
    private const int MostExchanged = 8;

    // With more VMs, a place that is only better for emulator threads is not worth the time: judging it takes a look at every VM.
    private const int MostWithTies = 200;

    // How often the search is repeated from its own result.
    private const int MostRepeats = 4;

    private readonly PlacementState _before = new(layout, request);

    private int MostWaysOfEach => Math.Clamp(Ways / (vms.Count * vms.Count), FewestWays, MostWays);

    /// <summary>
    /// The best placement that is found. VMs whose present place is as good as any other keep it. The search is repeated from its own result,
    /// so that a later call finds nothing better.
    /// </summary>
    public Solution Find()
    {
        var best = FindFrom(vms);
        for (var again = 0; again < MostRepeats && vms.Count > 1 && !best.Aims.IsPerfect; again++)
        {
            var other = FindFrom([.. vms.Select((vm, index) => best.Places[index] is { } place ? AsPlaced(vm, place) : vm)]);
            if (other.Aims >= best.Aims)
            {
                break;
            }

            best = other;
        }

        return best;
    }

    private Solution FindFrom(IReadOnlyList<PlacementVM> now)
    {
        var kept = KeepCurrent(now);
        var best = Polish(Place(now, kept, largestFirst: true), now);
        foreach (var largestFirst in new[] { true, false })
        {
            if (!best.Aims.IsPerfect && !(kept.Count == 0 && largestFirst))
            {
                var other = Polish(Place(now, new Dictionary<int, Place>(), largestFirst), now);
                best = other.Aims < best.Aims ? other : best;
            }
        }

        return best;
    }

    private static PlacementVM AsPlaced(PlacementVM vm, Place place) => vm with
    {
        CurrentPins = vm.PluggedVcpus.Zip(place.Cpus).ToDictionary(pin => pin.First, pin => pin.Second),
        CurrentNodes = CpuSet.Of(place.Memory.Select(part => part.Node.Id)),
    };

    // The VMs that can keep their pins together.
    private Dictionary<int, Place> KeepCurrent(IReadOnlyList<PlacementVM> now)
    {
        var kept = new Dictionary<int, Place>();
        var state = _before.Copy();
        for (var index = 0; index < now.Count; index++)
        {
            if (PlaceOptions.Current(state, now[index]) is { } place)
            {
                kept[index] = place;
                state.Take(now[index], place);
            }
        }

        return kept;
    }

    // Places each VM again beside all others, and VMs without a place in exchange for VMs with a costly one, as long as that gains.
    private Solution Polish(Solution solution, IReadOnlyList<PlacementVM> now)
    {
        var best = solution;
        for (var hasGained = now.Count > 1; hasGained && !best.Aims.IsPerfect;)
        {
            hasGained = false;
            for (var index = 0; index < now.Count && !best.Aims.IsPerfect; index++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (Anew(best, index, index, now) is { } other)
                {
                    (best, hasGained) = (other, true);
                }
            }

            foreach (var (leaves, comes) in Exchanges(best, now))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (best.Places[leaves] is not null && best.Places[comes] is null && Anew(best, leaves, comes, now) is { } other)
                {
                    (best, hasGained) = (other, true);
                }
            }
        }

        return best;
    }

    // Pairs the VMs with the most costly places with the VMs without one, the least demanding first; VMs with the same demands stand for each other.
    private static List<(int Leaves, int Comes)> Exchanges(Solution best, IReadOnlyList<PlacementVM> now)
    {
        var waiting = Enumerable.Range(0, now.Count).Where(index => best.Places[index] is null).DistinctBy(index =>
                (now[index].PluggedVcpus.Count, now[index].MemoryKiB, now[index].PageSizeKiB, now[index].GuestThreads, now[index].IsRealTime, now[index].Cells.Count, now[index].RequiredNodes))
            .OrderBy(index => now[index].MemoryKiB).ThenBy(index => now[index].PluggedVcpus.Count).Take(MostExchanged).ToList();
        return waiting.Count == 0 ? [] :
        [
            .. from entry in Enumerable.Range(0, now.Count).Where(index => best.Places[index] is not null)
                   .Select(index => (Index: index, Cost: CostOf(best.State, now[index], best.Places[index]!))).Where(entry => !entry.Cost.IsPerfect)
                   .OrderByDescending(entry => entry.Cost).Take(MostExchanged)
               from comes in waiting
               select (entry.Index, comes),
        ];
    }

    private static PlacementAims CostOf(PlacementState state, PlacementVM vm, Place place)
    {
        var without = state.Copy();
        without.Release(vm, place);
        return without.Measure(vm, place);
    }

    // Removes a VM from its place, and gives this or another VM the best place that exists then.
    private Solution? Anew(Solution best, int leaves, int comes, IReadOnlyList<PlacementVM> now)
    {
        var vm = now[comes];
        var state = best.State.Copy();
        var without = best.Aims with { Services = 0 };
        if (best.Places[leaves] is { } place)
        {
            state.Release(now[leaves], place);
            without -= state.Measure(now[leaves], place);
        }
        else
        {
            without -= new PlacementAims { Refused = 1 };
        }

        // Places that are better without counting emulator threads, the best first; an equally good one may be better with them.
        var known = best.Aims with { Services = 0 };
        var others = PlaceOptions.For(state, vm, MostWaysOfEach).Select(other => (Place: other, Aims: without + state.Measure(vm, other)))
            .Where(other => now.Count > MostWithTies ? other.Aims < known : other.Aims <= known).OrderBy(other => other.Aims).Take(Narrowest);
        foreach (var other in others)
        {
            var places = best.Places.ToArray();
            places[leaves] = null;
            places[comes] = other.Place;
            var taken = state.Copy();
            taken.Take(vm, other.Place);
            var found = Finish(places, taken, other.Aims, now);
            if (found.Aims < best.Aims)
            {
                return found;
            }
        }

        return null;
    }

    private Solution Place(IReadOnlyList<PlacementVM> now, Dictionary<int, Place> given, bool largestFirst)
    {
        var places = new Place?[now.Count];
        var (state, aims) = (_before.Copy(), default(PlacementAims));
        foreach (var (index, place) in given)
        {
            aims += state.Measure(now[index], place);
            state.Take(now[index], place);
            places[index] = place;
        }

        var open = Enumerable.Range(0, now.Count).Where(index => !given.ContainsKey(index)).OrderBy(index => largestFirst ? index : -index).ToList();
        var width = Math.Clamp(Work / Math.Max(1, open.Count * open.Count * layout.Cores.Count), Narrowest, Widest);
        var beam = new List<Step> { new(state, null, -1, null, aims, 0) };
        foreach (var index in open)
        {
            cancellationToken.ThrowIfCancellationRequested();
            beam = Extend(beam, now[index], index, width);
        }

        return beam.Select(last =>
        {
            var all = places.ToArray();
            for (var step = last; step?.Parent is not null; step = step.Parent)
            {
                all[step.Index] = step.Place;
            }

            return Finish(all, last.State, last.Aims, now);
        }).MinBy(solution => solution.Aims)!;
    }

    private List<Step> Extend(List<Step> beam, PlacementVM vm, int index, int width)
    {
        var next = new List<Step>();
        foreach (var step in beam)
        {
            foreach (var place in PlaceOptions.For(step.State, vm, MostWaysOfEach))
            {
                next.Add(new Step(step.State, step, index, place, step.Aims + step.State.Measure(vm, place), step.Crowding + Crowding(step.State, place)));
            }

            // Without this VM two others may find a place.
            next.Add(new Step(step.State, step, index, null, step.Aims + new PlacementAims { Refused = 1 }, step.Crowding));
        }

        var taken = new List<Step>(width);
        var known = new HashSet<(long, PlacementAims)>();
        foreach (var step in next.OrderBy(step => step.Aims).ThenBy(step => step.Crowding))
        {
            if (taken.Count == width)
            {
                break;
            }

            var state = step.State;
            if (step.Place is not null)
            {
                state = state.Copy();
                state.Take(vm, step.Place);
            }

            if (known.Add((state.Signature(), step.Aims)))
            {
                taken.Add(step with { State = state });
            }
        }

        return taken;
    }

    // Of two equally good places, the one on emptier caches wins: neighbours in a cache slow each other down.
    private static int Crowding(PlacementState state, Place place) =>
        place.Cpus.Select(cpu => state.Layout.Cpus[cpu].Core.Cache).Distinct().Sum(cache => cache.Cores.Sum(state.GuestsOf));

    private static Solution Finish(Place?[] places, PlacementState state, PlacementAims aims, IReadOnlyList<PlacementVM> now)
    {
        var services = new ServiceCpus(state);
        var found = places.Select((place, index) => place is null ? null : services.For(now[index], place)).ToList();
        return new Solution(places, found, state, aims + new PlacementAims { Services = found.Sum(choice => (int)(choice?.Place ?? ServicePlace.OwnCore)) });
    }

    private sealed record Step(PlacementState State, Step? Parent, int Index, Place? Place, PlacementAims Aims, int Crowding);
}
