// Reads the <devices> part of a domain XML in one forward pass: disks, controllers, network interfaces, the agent's channel.
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>Reads devices; elements that tuning does not need are skipped.</summary>
internal sealed class DeviceXmlReader(XmlCursor reader)
{
    private readonly List<DiskConfiguration> _disks = [];
    private readonly List<ControllerConfiguration> _controllers = [];
    private readonly List<NicConfiguration> _nics = [];
    private bool _isDesktop;
    private bool _hasNoVideo;
    private bool _hasHostPci;
    private bool _hasUser;

    public IReadOnlyList<DiskConfiguration> Disks => _disks;

    public IReadOnlyList<ControllerConfiguration> Controllers => _controllers;

    public IReadOnlyList<NicConfiguration> Nics => _nics;

    public bool HasGuestAgentChannel { get; private set; }

    public bool HasPassedThroughDevices { get; private set; }

    public string? BalloonModel { get; private set; }

    // Without QEMU's screen a passed-through PCI device may be the screen, or the card of a router: only signs of a user tell.
    public bool IsDesktop => _isDesktop || (_hasNoVideo && _hasHostPci && _hasUser);

    /// <summary>Reads the devices element that the reader stands on.</summary>
    public void Read()
    {
        foreach (var element in reader.Children())
        {
            switch (element)
            {
                case "disk":
                    _disks.Add(ReadDisk());
                    HasPassedThroughDevices |= _disks[^1].SourceType is "nvme" or "vhostvdpa";
                    break;
                case "controller":
                    ReadController();
                    break;
                case "interface":
                    _nics.Add(ReadNic());
                    HasPassedThroughDevices |= _nics[^1].InterfaceType is "hostdev" or "vdpa";
                    break;
                case "channel":
                    ReadChannel();
                    break;
                case "hostdev":
                    ReadHostDevice();
                    break;
                case "graphics":
                    // A viewer without QEMU's screen passes on the user's keyboard, mouse and sound.
                    _hasUser = true;
                    break;
                case "memballoon":
                    BalloonModel = reader.GetAttribute("model");
                    break;
                case "sound":
                    _isDesktop = true;
                    break;
                case "input":
                    // A keyboard or mouse of the host.
                    _isDesktop |= reader.GetAttribute("type") == "evdev";
                    break;
                case "shmem":
                    // Looking Glass shows the guest's screen in a window on the host.
                    _isDesktop |= reader.GetAttribute("name") == "looking-glass";
                    break;
                case "video":
                    ReadVideo();
                    break;
            }
        }
    }

    private void ReadVideo()
    {
        foreach (var element in reader.Children())
        {
            _hasNoVideo |= element == "model" && reader.GetAttribute("type") == "none";
        }
    }

    private void ReadHostDevice()
    {
        var type = reader.GetAttribute("type");
        _hasHostPci |= type is "pci" or "mdev";
        HasPassedThroughDevices |= _hasHostPci;
        _hasUser |= type == "usb";

        // A virtual graphics card that QEMU shows.
        _isDesktop |= reader.GetAttribute("display") == "on";
        foreach (var element in reader.Children())
        {
            // Graphics cards often need a file with their firmware; other cards do not.
            _hasUser |= element == "rom" && reader.GetAttribute("file") is not null;
        }
    }

    private DiskConfiguration ReadDisk()
    {
        var disk = new DiskConfiguration
        {
            Target = string.Empty,
            Device = reader.GetAttribute("device") ?? "disk",
            SourceType = reader.GetAttribute("type"),
        };
        foreach (var element in reader.Children())
        {
            disk = element switch
            {
                "driver" => ReadDiskDriver(disk with
                {
                    Format = reader.GetAttribute("type"),
                    Cache = reader.GetAttribute("cache"),
                    IO = reader.GetAttribute("io"),
                    Discard = reader.GetAttribute("discard"),
                    DetectZeroes = reader.GetAttribute("detect_zeroes"),
                    IOThread = reader.Number("iothread"),
                    Queues = reader.Number("queues"),
                }),
                "source" => disk with { Source = ReadDiskSource() },
                "target" => disk with { Target = reader.GetAttribute("dev") ?? string.Empty, Bus = reader.GetAttribute("bus") },
                "iotune" => ReadThrottle(disk),
                "shareable" => disk with { Shareable = true },
                "readonly" => disk with { ReadOnly = true },
                "address" => disk with { Controller = reader.Number("controller") },
                _ => disk,
            };
        }

        return disk;
    }

    private string? ReadDiskSource() =>
        reader.GetAttribute("file")
        ?? reader.GetAttribute("dev")
        ?? (reader.GetAttribute("volume") is { } volume ? $"{reader.GetAttribute("pool")}/{volume}" : null)
        ?? reader.GetAttribute("name")
        ?? reader.GetAttribute("dir");

    private DiskConfiguration ReadDiskDriver(DiskConfiguration disk)
    {
        foreach (var element in reader.Children())
        {
            if (element == "iothreads")
            {
                disk = disk with { IOThreads = ReadIOThreadIds() };
            }
        }

        return disk;
    }

    private List<int> ReadIOThreadIds()
    {
        var ids = new List<int>();
        foreach (var element in reader.Children())
        {
            if (element == "iothread" && reader.Number("id") is { } id)
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    private DiskConfiguration ReadThrottle(DiskConfiguration disk)
    {
        var throttle = new Dictionary<string, ulong>(StringComparer.Ordinal);
        string? group = null;
        foreach (var element in reader.Children())
        {
            var text = reader.Text();
            if (element == "group_name")
            {
                group = text;
            }
            else if (ulong.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value))
            {
                throttle[element] = value;
            }
        }

        return disk with { Throttle = throttle, ThrottleGroup = group };
    }

    private void ReadController()
    {
        var controller = new ControllerConfiguration
        {
            Type = reader.GetAttribute("type") ?? string.Empty,
            Index = reader.Number("index") ?? 0,
            Model = reader.GetAttribute("model"),
        };
        foreach (var element in reader.Children())
        {
            if (element == "driver")
            {
                controller = controller with { IOThread = reader.Number("iothread"), Queues = reader.Number("queues") };
            }
        }

        _controllers.Add(controller);
    }

    private NicConfiguration ReadNic()
    {
        var nic = new NicConfiguration { Mac = string.Empty, InterfaceType = reader.GetAttribute("type") ?? string.Empty };
        foreach (var element in reader.Children())
        {
            nic = element switch
            {
                "mac" => nic with { Mac = reader.GetAttribute("address") ?? string.Empty },
                "model" => nic with { Model = reader.GetAttribute("type") },
                "source" => nic with
                {
                    Source = reader.GetAttribute("network") ?? reader.GetAttribute("bridge") ?? reader.GetAttribute("dev")
                        ?? reader.GetAttribute("path"),
                },
                "target" => nic with { HostDevice = reader.GetAttribute("dev") },
                "driver" => nic with
                {
                    Backend = reader.GetAttribute("name"),
                    Queues = reader.Number("queues"),
                    RxQueueSize = reader.Number("rx_queue_size"),
                    TxQueueSize = reader.Number("tx_queue_size"),
                },
                "bandwidth" => ReadBandwidth(nic),
                _ => nic,
            };
        }

        return nic;
    }

    private NicConfiguration ReadBandwidth(NicConfiguration nic)
    {
        foreach (var element in reader.Children())
        {
            nic = element switch
            {
                "inbound" => nic with { InboundLimitKiBPerSecond = reader.Number("average") },
                "outbound" => nic with { OutboundLimitKiBPerSecond = reader.Number("average") },
                _ => nic,
            };
        }

        return nic;
    }

    private void ReadChannel()
    {
        foreach (var element in reader.Children())
        {
            if (element == "target" && string.Equals(reader.GetAttribute("name"), "org.qemu.guest_agent.0", StringComparison.Ordinal))
            {
                HasGuestAgentChannel = true;
            }
        }
    }
}
