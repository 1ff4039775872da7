// Kinds of core: performance and efficiency cores, or cores of the same speed with a larger and a smaller cache.
using System.Collections.Immutable;
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>Cores of one kind.</summary>
/// <param name="Cpus">Their host CPUs.</param>
/// <param name="Description">The difference from other kinds, for example <c>capacity 1024</c> or <c>up to 5200 MHz, cache of 96 MiB</c>.</param>
public sealed record CoreKind(CpuSet Cpus, string Description)
{
    /// <summary>For example <c>CPUs 0-15 (capacity 1024)</c>.</summary>
    public override string ToString() => $"CPUs {Cpus} ({Description})";
}

/// <summary>Distinguishes kinds of core.</summary>
public static class CoreKinds
{
    /// <summary>The types of core that the kernel names on hybrid Intel processors, the fastest first (arch/x86/events/intel).</summary>
    internal static ImmutableArray<string> CoreTypes { get; } = ["core", "atom", "lowpower"];

    // Cores of one kind differ a little: Intel's favoured cores reach 6 % more than the others, AMD's chiplets 9 %. Efficiency cores reach
    // three quarters of a performance core on most processors, and 88 % on Arrow Lake, where only the kernel's types tell them apart.
    private const double SameKindFrom = 0.85;

    /// <summary>
    /// The kinds of a host, the fastest first; one kind if all cores are equal or nothing is known about them. Cores are compared by their
    /// type on hybrid Intel processors, by the kernel's <c>cpu_capacity</c>, otherwise by their highest frequencies, and at the same speed by
    /// the size of the last-level cache.
    /// </summary>
    public static IReadOnlyList<CoreKind> Of(VMHostTopology host)
    {
        ArgumentNullException.ThrowIfNull(host);
        var cpus = host.Cpus.Where(cpu => host.OnlineCpus.Contains(cpu.Id)).ToList();
        if (cpus.Count == 0)
        {
            // A host that reports no nodes reports only the number of its CPUs.
            return [new CoreKind(host.OnlineCpus, Describe(null, 0, 0))];
        }

        var cacheOf = host.LastLevelCaches.SelectMany(cache => cache.Cpus.Numbers.Select(cpu => (cpu, cache.SizeKiB))).GroupBy(entry => entry.cpu).ToDictionary(group => group.Key, group => group.First().SizeKiB);
        var speedsOf = cpus.GroupBy(TypeOf).ToDictionary(type => type.Key, type => Speeds(type));
        var kinds = cpus.GroupBy(cpu => (Type: TypeOf(cpu), Speed: speedsOf[TypeOf(cpu)].First(speed => (cpu.Speed ?? 0) >= SameKindFrom * speed), Cache: cacheOf.GetValueOrDefault(cpu.Id)))
            .OrderBy(group => group.Key.Type).ThenByDescending(group => group.Key.Speed).ThenByDescending(group => group.Key.Cache).ToList();
        var cachesDiffer = kinds.Select(group => group.Key.Cache).Distinct().Count() > 1;
        return kinds.ConvertAll(group => new CoreKind(CpuSet.Of(group.Select(cpu => cpu.Id)), Describe(group.First().CoreType, group.Key.Speed, cachesDiffer ? group.Key.Cache : 0)));
    }

    private static int TypeOf(HostCpu cpu) => cpu.CoreType is { } type ? CoreTypes.IndexOf(type) : -1;

    // The highest speed of each kind, the fastest first.
    private static List<int> Speeds(IEnumerable<HostCpu> cpus)
    {
        var speeds = new List<int>();
        foreach (var speed in cpus.Select(cpu => cpu.Speed ?? 0).Distinct().OrderDescending())
        {
            if (speeds.Count == 0 || speed < SameKindFrom * speeds[^1])
            {
                speeds.Add(speed);
            }
        }

        return speeds;
    }

    // Capacities are at most 1024 (kernel, cpu-capacity binding); frequencies are in kHz and far higher.
    private static string Describe(string? type, int speed, long cacheKiB)
    {
        var text = speed == 0 ? null : speed <= 1024
            ? string.Create(CultureInfo.InvariantCulture, $"capacity {speed}")
            : string.Create(CultureInfo.InvariantCulture, $"up to {speed / 1000} MHz");
        return string.Join(", ", new[] { type is null ? null : $"cpu_{type}", text, cacheKiB > 0 ? $"cache of {PageSize.Rounded(cacheKiB)}" : null }.OfType<string>().DefaultIfEmpty("all alike"));
    }
}
