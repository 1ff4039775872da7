// All workloads by name.
namespace KvmTune.Measurement.Workloads;

/// <summary>The available workloads.</summary>
public sealed class WorkloadCatalog
{
    private readonly Dictionary<string, IWorkload> _byName;

    /// <summary>A catalog of the given workloads.</summary>
    public WorkloadCatalog(IEnumerable<IWorkload> workloads)
    {
        All = [.. workloads];
        _byName = All.ToDictionary(workload => workload.Name, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>All workloads, in the order for display.</summary>
    public IReadOnlyList<IWorkload> All { get; }

    /// <summary>The workloads that come with KvmTune.</summary>
    public static WorkloadCatalog CreateDefault() => new(
    [
        .. FioWorkload.CreateAll(), .. SysbenchWorkload.CreateAll(), new NetworkWorkload(), new CommandWorkload(), new ObserveWorkload(),
    ]);

    /// <summary>Finds a workload by name, in any case.</summary>
    /// <exception cref="ArgumentException">No workload has that name; the message lists the names.</exception>
    public IWorkload Get(string name) =>
        _byName.TryGetValue(name, out var workload)
            ? workload
            : throw new ArgumentException(
                $"There is no workload '{name}'. There are: {string.Join(", ", All.Select(known => known.Name))}.", nameof(name));
}
