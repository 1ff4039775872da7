// What the kernel of this machine says about its cores.
using KvmTune.Hosts;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Hosts;

public sealed class HostReadingTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvmtune-cores").FullName;

    [Fact]
    public void The_types_of_hybrid_cores_are_read()
    {
        Write("cpu_core/cpus", "0-3\n");
        Write("cpu_atom/cpus", "4-5\n");
        Write("cpu_lowpower/cpus", "6\n");
        Assert.Equal(["core", "core", "core", "core", "atom", "atom", "lowpower"], HostReading.CoreTypes(_root, new CpuSet("0-6")).OrderBy(type => type.Key).Select(type => type.Value));

        // A CPU of no type: the types do not tell the cores apart.
        Assert.Empty(HostReading.CoreTypes(_root, new CpuSet("0-7")));
        Write("cpu_atom/cpus", "x\n");
        Assert.Empty(HostReading.CoreTypes(_root, new CpuSet("0-6")));
        Assert.Empty(HostReading.CoreTypes(Path.Combine(_root, "none"), new CpuSet("0-6")));
    }

    [Fact]
    public void Speeds_are_of_one_measure_for_all_cpus()
    {
        Write("cpu0/cpufreq/cpuinfo_max_freq", "5200000\n");
        Write("cpu1/cpufreq/cpuinfo_max_freq", "4600000\n");
        Write("cpu0/cpu_capacity", "1024\n");
        Assert.Equal([5_200_000, 4_600_000], HostReading.Speeds(_root, new CpuSet("0-1")).OrderBy(speed => speed.Key).Select(speed => speed.Value));
        Write("cpu1/cpu_capacity", "600\n");
        Assert.Equal([1024, 600], HostReading.Speeds(_root, new CpuSet("0-1")).OrderBy(speed => speed.Key).Select(speed => speed.Value));
        Assert.Empty(HostReading.Speeds(_root, new CpuSet("0-2")));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Write(string file, string text)
    {
        var path = Path.Combine(_root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
