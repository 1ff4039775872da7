// Shared strings for the frequent words of domain documents: names of elements and common values.
using System.Text;

namespace KvmTune.Topology;

/// <summary>Creates strings from UTF-8, with shared strings for frequent words. The table never changes, so all threads share it.</summary>
internal static class XmlWords
{
    private const int Size = 1024; // a power of two, several times the number of words

    private static readonly string?[] Table = Fill(
    [
        "domain", "name", "uuid", "title", "description", "metadata", "memory", "currentMemory", "maxMemory", "memoryBacking", "memtune",
        "blkiotune", "hard_limit", "soft_limit", "numatune", "memnode", "vcpu", "vcpus", "iothreads", "iothreadids", "iothread", "cputune",
        "vcpupin", "emulatorpin", "iothreadpin", "emulatorsched", "vcpusched", "iothreadsched", "shares", "period", "quota", "resource",
        "sysinfo", "os", "type", "loader", "nvram", "boot", "bootmenu", "smbios", "bios", "kernel", "initrd", "cmdline", "firmware", "features", "cpu",
        "model", "vendor", "topology", "cache", "feature", "numa", "cell", "clock", "timer", "on_poweroff", "on_reboot", "on_crash", "pm",
        "devices", "seclabel", "hugepages", "page", "locked", "nosharepages", "source", "access", "allocation", "discard", "emulator",
        "disk", "controller", "interface", "channel", "serial", "console", "parallel", "filesystem", "input", "tpm", "graphics", "sound",
        "audio", "video", "hostdev", "redirdev", "redirfilter", "memballoon", "rng", "panic", "watchdog", "iommu", "vsock", "lease", "hub",
        "smartcard", "shmem", "driver", "auth", "backingStore", "mirror", "target", "iotune", "readonly", "shareable", "transient", "blockio",
        "geometry", "wwn", "product", "encryption", "alias", "address", "mac", "bandwidth", "mtu", "link", "rom", "filterref", "virtualport",
        "guest", "host", "backend", "coalesce", "master", "vlan", "port", "script", "ip", "route", "tune", "state", "log", "protocol",
        "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec", "write_iops_sec",
        "file", "block", "network", "volume", "dir", "bridge", "direct", "ethernet", "user", "vhostuser", "vdpa", "virtio", "scsi", "sata", "ide",
        "usb", "fdc", "sd", "pci", "ccid", "virtio-serial", "virtio-scsi", "pcie-root", "pcie-root-port", "pcie-to-pci-bridge", "pci-root",
        "pci-bridge", "qemu-xhci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3", "piix3-uhci", "lsilogic", "none", "e1000", "e1000e",
        "rtl8139", "cdrom", "floppy", "lun", "raw", "qcow2", "luks", "writeback", "writethrough", "directsync", "unsafe", "default", "native",
        "threads", "io_uring", "unmap", "ignore", "on", "off", "yes", "no", "vhost", "qemu", "kvm", "test", "xen", "lxc", "static", "auto", "strict",
        "preferred", "interleave", "restrictive", "host-passthrough", "host-model", "maximum", "custom", "qemu64", "x86_64", "aarch64",
        "i686", "s390x", "ppc64le", "riscv64", "hvm", "KiB", "MiB", "GiB", "bytes", "memfd", "anonymous", "immediate", "ondemand",
        "vda", "vdb", "vdc", "vdd", "sda", "sdb", "sdc", "hda", "hdb", "hdc",
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "24", "32", "48", "64",
        "1048576", "2097152", "4194304", "8388608", "16777216", "33554432", "org.qemu.guest_agent.0",
    ]);

    /// <summary>The string for some UTF-8 bytes.</summary>
    public static string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return string.Empty;
        }

        for (var slot = Hash(utf8); Table[slot] is { } word; slot = (slot + 1) & (Size - 1))
        {
            if (Ascii.Equals(utf8, word))
            {
                return word;
            }
        }

        return Encoding.UTF8.GetString(utf8);
    }

    private static string?[] Fill(string[] words)
    {
        var table = new string?[Size];
        foreach (var word in words)
        {
            var slot = Hash(Encoding.ASCII.GetBytes(word));
            while (table[slot] is { } other && !string.Equals(other, word, StringComparison.Ordinal))
            {
                slot = (slot + 1) & (Size - 1);
            }

            table[slot] = word;
        }

        return table;
    }

    private static int Hash(ReadOnlySpan<byte> word) =>
        ((word[0] * 31) + (word[word.Length / 2] * 131) + (word[^1] * 1031) + (word.Length * 4099)) & (Size - 1);
}
