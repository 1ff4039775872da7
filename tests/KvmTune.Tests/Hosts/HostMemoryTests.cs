// Reading the kernel's own files: mounts, pools, flags, and the huge pages of a process.
using KvmTune.Hosts;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Hosts;

public sealed class HostMemoryTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvmtune-kernel").FullName;

    [Fact]
    public void The_kernels_files_are_read()
    {
        Write("proc/self/mounts", "proc /proc proc rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\nnone /mnt/huge\\0401G hugetlbfs rw,pagesize=1024M 0 0\nold /old hugetlbfs rw 0 0\n");
        Write("proc/meminfo", "MemTotal:       24684032 kB\nHugepagesize:       2048 kB\n");
        Write("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme pdpe1gb lm\n");
        Write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        Write("sys/kernel/mm/ksm/run", "1\n");
        Write("sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "7\n");
        foreach (var (file, text) in new[] { ("nr_hugepages", "12"), ("free_hugepages", "5"), ("surplus_hugepages", "2") })
        {
            Write($"sys/devices/system/node/node1/hugepages/hugepages-2048kB/{file}", text);
        }

        Write("sys/devices/system/node/possible", "0-1");

        var facts = HostMemoryFacts.Read(_root);

        Assert.Equal([new HugePageMount("/dev/hugepages", 2048), new HugePageMount("/mnt/huge 1G", 1048576), new HugePageMount("/old", 2048)], facts.Mounts);
        Assert.Equal((2048, "madvise", true, true), (facts.DefaultPageSizeKiB, facts.TransparentHugePages, facts.MergesPages, facts.HasGigabytePages));
        Assert.Equal([new KernelPagePool(1, 2048, 12, 5, 2)], facts.Pools);
        Assert.Equal(7, facts.Reserved[2048]);
    }

    [Fact]
    public void What_is_not_there_is_not_known()
    {
        Write("proc/cpuinfo", "processor : 0\nFeatures : fp asimd\n");
        var facts = HostMemoryFacts.Read(_root);

        Assert.Empty(facts.Mounts);
        Assert.Empty(facts.Pools);
        Assert.Equal((null, null, null, null), (facts.DefaultPageSizeKiB, facts.TransparentHugePages, facts.MergesPages, facts.HasGigabytePages));
    }

    [Fact]
    public void Huge_pages_of_a_process_are_counted_by_size_private_and_shared_ones_and_no_transparent_ones()
    {
        const string Smaps = """
            55d000-56d000 r-xp 00000000 fe:00 1 /usr/bin/qemu-system-x86_64
            KernelPageSize:        4 kB
            AnonHugePages:    262144 kB
            Shared_Hugetlb:        0 kB
            Private_Hugetlb:       0 kB
            7f461fe00000-7f463fe00000 rw-p 00000000 00:28 545997 /dev/hugepages/libvirt/qemu/42-lab2/qemu_back_mem.pc.ram.4paUvI (deleted)
            KernelPageSize:     2048 kB
            Shared_Hugetlb:     4096 kB
            Private_Hugetlb:  524288 kB
            7f500-7f600 rw-s 00000000 00:28 5 /dev/hugepages1G/x
            KernelPageSize:  1048576 kB
            Shared_Hugetlb:  2097152 kB
            Private_Hugetlb:       0 kB
            """;

        Assert.Equal([new MappedHugePages(2048, 528384), new MappedHugePages(1048576, 2097152)], GuestPages.FromSmaps(Smaps));
    }

    [Fact]
    public void The_nodes_of_a_processs_huge_pages_are_read()
    {
        const string NumaMaps = """
            55d000 default file=/usr/bin/qemu mapped=1031 N0=1031 N2=5 kernelpagesize_kB=4
            7f4600000000 bind:1 file=/dev/hugepages/x huge anon=256 dirty=256 N1=200 N3=56 kernelpagesize_kB=2048
            7f5600000000 bind:1 file=/dev/hugepages1G/x huge dirty=2 N0=2 kernelpagesize_kB=1048576
            """;

        Assert.Equal(new CpuSet("1,3"), GuestPages.NodesFromNumaMaps(NumaMaps, 2048));
        Assert.Equal(new CpuSet(0), GuestPages.NodesFromNumaMaps(NumaMaps, 1048576));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Write(string path, string text)
    {
        var file = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
