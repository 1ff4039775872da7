// The place of a test file: the guest's mounts, its free space, the VM's disk under it.
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class PlaceTests
{
    [Fact]
    public void A_survey_of_a_real_guest_is_read()
    {
        var survey = GuestSurvey.Parse(Captured.Text("survey.txt"))!;

        Assert.Equal("6.1.0-56-cloud-amd64", survey.KernelRelease);
        Assert.Equal(481040, survey.MemoryKiB);
        Assert.Equal(2, survey.OnlineProcessors);
        Assert.Equal("/data", survey.AskedFolder);
        Assert.Equal(["/", "/data"], survey.Mounts.Where(mount => mount is { IsOnDisk: true, IsReadOnly: false }).Select(mount => mount.MountPoint));
        Assert.Equal("/data", survey.MountOf("/data/x")?.MountPoint);
        Assert.Equal("/", survey.MountOf("/database")?.MountPoint);
        Assert.True(survey.MountOf("/tmp")!.IsMemory);
    }

    [Fact]
    public void Read_only_mounts_and_odd_names_are_read()
    {
        const string text = "@kernel\n6\n@memory\n@processors\n0,2-3\n@mounts\n1 0 8:1 / /mnt/a\\040b ro,noatime - ext4 /dev/sda1 ro\n"
            + "2 0 8:2 / /mnt rw shared:1 master:2 - xfs /dev/sdb rw\n3 0 0:40 / /n rw - nfs4 host:/x rw\nbroken line\n@folder\n@end\n";

        var survey = GuestSurvey.Parse(text)!;

        Assert.Equal([("/mnt/a b", true), ("/mnt", false), ("/n", false)], survey.Mounts.Select(mount => (mount.MountPoint, mount.IsReadOnly)));
        Assert.True(survey.Mounts[2].IsNetwork);
        Assert.Equal(3, survey.OnlineProcessors);
        Assert.Null(survey.AskedFolder);
        Assert.Null(survey.AskedDevice);
        Assert.Null(GuestSurvey.Parse("@kernel\n6\n"));
    }

    [Theory]
    [InlineData("DEVNAME=/dev/vdb\nUUID=1-2\nBLOCK_SIZE=4096\nTYPE=ext4\nUSAGE=filesystem", "the signature of ext4")]
    [InlineData("PTUUID=1\nPTTYPE=gpt\nPARTITION=vdc1\nPARTITION=vdc2", "a partition table (gpt)", "the partition vdc1", "the partition vdc2")]
    [InlineData("TYPE=LVM2_member\nUSAGE=raid\nHOLDER=dm-0", "the signature of LVM2_member", "the device dm-0 on top of it")]
    [InlineData("/dev/vdb: LABEL=\"my TYPE\" UUID=\"1\" TYPE=\"xfs\"", "the signature of xfs")]
    [InlineData("")]
    public void A_device_is_told_with_what_is_on_it(string contents, params string[] expected) =>
        Assert.Equal(expected, GuestSurvey.Parse($"@kernel\n6\n@memory\n@processors\n0\n@mounts\n@folder\n@device\nblock\n{contents}\n@end\n")!.AskedDevice);

    [Fact]
    public void File_systems_of_a_real_guest_are_read_with_the_disks_under_them()
    {
        var survey = GuestSurvey.Parse(Captured.Text("survey.txt"))!;
        var mounts = survey.Mounts.Where(mount => mount.IsOnDisk).Select(mount => (mount, mount.MountPoint)).ToList();

        var found = GuestFileSystem.Parse(Captured.Text("file-systems.txt"), mounts)!;

        Assert.Equal([288977, 2053968], found.Select(fileSystem => fileSystem.FreeKiB));
        Assert.All(found, fileSystem => Assert.True(fileSystem.IsWritable));
        Assert.Equal(["vda", "vdb"], found.Select(fileSystem => DiskPlace.DiskTargetOf(fileSystem.DevicePaths, Captured.Text("lab2.xml"))));
        Assert.Null(GuestFileSystem.Parse("@folder\n", mounts));
    }

    [Theory]
    [InlineData("/sys/devices/pci0000:00/0000:00:05.0/virtio1/block/vda/vda1", "vdq")]
    [InlineData("/sys/devices/pci0000:00/0000:00:06.0/virtio2/host0/target0:0:2/0:0:2:1/block/sda", "sdx")]
    [InlineData("/sys/devices/pci0000:00/0000:00:07.0/virtio1/block/vdb", null)]
    [InlineData("/sys/devices/virtual/block/loop0", null)]
    public void The_disk_is_found_by_its_address_and_not_by_its_name(string devicePath, string? target)
    {
        const string xml = """
            <domain><devices>
              <controller type='scsi' index='3' model='virtio-scsi'><address type='pci' domain='0x0000' bus='0x00' slot='0x06' function='0x0'/></controller>
              <disk><target dev='vdq' bus='virtio'/><address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></disk>
              <disk><target dev='sdw' bus='scsi'/><address type='drive' controller='3' bus='0' target='1' unit='1'/></disk>
              <disk><target dev='sdx' bus='scsi'/><address type='drive' controller='3' bus='0' target='2' unit='1'/></disk>
            </devices></domain>
            """;

        Assert.Equal(target, DiskPlace.DiskTargetOf([devicePath], xml));
    }

    [Theory]
    [InlineData(5000, null, 1024)]
    [InlineData(2047, null, 512)]
    [InlineData(2040, null, 512)]
    [InlineData(128, null, 64)]
    [InlineData(300, 200, 200)]
    public void The_file_takes_at_most_half_in_steps_so_that_a_repetition_takes_the_same(int freeMiB, int? asked, int size) =>
        Assert.Equal(size, DiskPlace.ChooseSize(Context(asked), FileSystem(freeMiB)));

    [Theory]
    [InlineData(127, null)]
    [InlineData(200, 200)]
    public void Too_little_space_is_told_with_its_size(int freeMiB, int? asked)
    {
        var exception = Assert.Throws<MeasurementException>(() => DiskPlace.ChooseSize(Context(asked), FileSystem(freeMiB)));

        Assert.Equal("GuestDiskFull", exception.ErrorId);
        Assert.Contains($"{freeMiB} MiB free", exception.Message, StringComparison.Ordinal);
    }

    private static GuestFileSystem FileSystem(int freeMiB) =>
        new(new GuestMount("/data", "ext4", "/dev/vdb", "254:16", false), "/data", freeMiB * 1024L, true, []);

    private static WorkloadContext Context(int? fileSizeMiB) => new()
    {
        VMName = "vm",
        Request = new WorkloadRequest { Name = "RandomWrite", FileSizeMiB = fileSizeMiB },
        RunningXml = "<domain/>",
        TimeProvider = TimeProvider.System,
        Report = (_, _) => { },
    };
}
