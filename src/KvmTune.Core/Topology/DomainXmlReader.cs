// Reads a libvirt domain XML into a VMConfiguration in one forward pass; DomainDocument is for edits. It keeps only the values of the
// model, so that listing ten thousand VMs costs hardly more than fetching them.
using System.Globalization;
using System.Xml;

namespace KvmTune.Topology;

/// <summary>The forward-only reader of domain XML (format: libvirt formatdomain).</summary>
public static class DomainXmlReader
{
    /// <summary>Reads a domain document.</summary>
    /// <param name="xml">The result of libvirt's virDomainGetXMLDesc, or a file for virDomainDefineXML.</param>
    /// <exception cref="XmlException">The text is not XML, or its root is not <c>&lt;domain&gt;</c>.</exception>
    public static VMConfiguration Read(string xml) => XmlCursor.Over(xml, Read);

    /// <summary>Reads a domain document from its UTF-8 bytes.</summary>
    /// <exception cref="XmlException">The text is not XML, or its root is not <c>&lt;domain&gt;</c>.</exception>
    public static VMConfiguration Read(ReadOnlySpan<byte> utf8) => XmlCursor.Over(utf8, Read);

    private static VMConfiguration Read(XmlCursor reader)
    {
        reader.MoveToRoot();
        if (reader.Name is not ("domain" or "inactiveDomain"))
        {
            throw new XmlException($"The root element is <{reader.Name}>, not <domain>: this is not a domain XML.");
        }

        return new DomainParts(reader).Read();
    }

    /// <summary>The values found so far in one pass.</summary>
    private sealed class DomainParts(XmlCursor reader)
    {
        private readonly Dictionary<int, CpuSet> _vcpuPins = [];
        private readonly Dictionary<int, CpuSet> _ioThreadPins = [];
        private readonly List<int> _ioThreadIds = [];
        private readonly DeviceXmlReader _devices = new(reader);
        private string? _name;
        private string? _architecture;
        private string? _machine;
        private Guid? _id;
        private int _maxVcpus = 1;
        private int? _currentVcpus;
        private CpuSet? _pluggedVcpus;
        private int _ioThreadCount;
        private string? _vcpuPlacement;
        private CpuSet? _vcpuCpuSet;
        private CpuSet? _emulatorPin;
        private CpuLimits _limits = new();
        private string? _manager;
        private CpuConfiguration _cpu = new();
        private MemoryConfiguration _memory = new();

        public VMConfiguration Read()
        {
            var type = reader.GetAttribute("type") ?? string.Empty;
            _manager = ManagerOf(reader.GetAttribute("xmlns:nova") ?? reader.GetAttribute("xmlns:ovirt-vm"));
            foreach (var element in reader.Children())
            {
                ReadSection(element);
            }

            // <iothreads>N</iothreads> alone means the ids 1 to N; ids named in <iothreadids> come first.
            for (var id = 1; _ioThreadIds.Count < _ioThreadCount; id++)
            {
                if (!_ioThreadIds.Contains(id))
                {
                    _ioThreadIds.Add(id);
                }
            }

            return new VMConfiguration
            {
                Name = _name ?? string.Empty,
                Id = _id,
                DomainType = type,
                Architecture = _architecture,
                Machine = _machine,
                MaxVcpus = _maxVcpus,
                CurrentVcpus = _currentVcpus ?? _maxVcpus,
                PluggedVcpus = _pluggedVcpus,
                VcpuPlacement = _vcpuPlacement,
                VcpuCpuSet = _vcpuCpuSet,
                VcpuPins = _vcpuPins,
                EmulatorPin = _emulatorPin,
                IOThreadIds = _ioThreadIds,
                IOThreadPins = _ioThreadPins,
                Limits = _limits,
                Cpu = _cpu,
                Memory = _memory with { CurrentKiB = _memory.CurrentKiB > 0 ? _memory.CurrentKiB : _memory.MaximumKiB },
                Disks = _devices.Disks,
                Controllers = _devices.Controllers,
                Nics = _devices.Nics,
                HasGuestAgentChannel = _devices.HasGuestAgentChannel,
                HasPassedThroughDevices = _devices.HasPassedThroughDevices,
                BalloonModel = _devices.BalloonModel,
                IsDesktop = _devices.IsDesktop,
                Manager = _manager,
            };
        }

        private void ReadSection(string element)
        {
            switch (element)
            {
                case "name":
                    _name = reader.Text();
                    break;
                case "metadata":
                    foreach (var child in reader.Children())
                    {
                        var prefix = child.IndexOf(':', StringComparison.Ordinal) is var colon and > 0 ? $"xmlns:{child[..colon]}" : "xmlns";
                        _manager ??= ManagerOf(reader.GetAttribute(prefix));
                    }

                    break;
                case "uuid":
                    _id = Guid.TryParse(reader.Text(), out var id) ? id : null;
                    break;
                case "memory":
                    _memory = _memory with { MaximumKiB = reader.MemoryKiB() };
                    break;
                case "currentMemory":
                    _memory = _memory with { CurrentKiB = reader.MemoryKiB() };
                    break;
                case "memoryBacking":
                    ReadMemoryBacking();
                    break;
                case "memtune":
                    ReadChildrenNamed("hard_limit", () => _memory = _memory with { HardLimitKiB = reader.MemoryKiB() });
                    break;
                case "numatune":
                    ReadNumaTune();
                    break;
                case "vcpu":
                    _vcpuPlacement = reader.GetAttribute("placement");
                    _vcpuCpuSet = reader.CpuSet("cpuset");
                    _currentVcpus = reader.Number("current");
                    _maxVcpus = int.TryParse(reader.Text(), NumberStyles.None, CultureInfo.InvariantCulture, out var vcpus) ? vcpus : 1;
                    break;
                case "vcpus":
                    ReadPluggedVcpus();
                    break;
                case "iothreads":
                    _ioThreadCount = int.TryParse(reader.Text(), NumberStyles.None, CultureInfo.InvariantCulture, out var threads) ? threads : 0;
                    break;
                case "iothreadids":
                    ReadChildrenNamed("iothread", () => AddNumber(_ioThreadIds, reader.Number("id")));
                    break;
                case "cputune":
                    ReadCpuTune();
                    break;
                case "os":
                    ReadChildrenNamed("type", () =>
                    {
                        _architecture = reader.GetAttribute("arch");
                        _machine = reader.GetAttribute("machine");
                    });
                    break;
                case "cpu":
                    ReadCpu();
                    break;
                case "devices":
                    _devices.Read();
                    break;
            }
        }

        private void ReadPluggedVcpus()
        {
            var plugged = new List<int>();
            ReadChildrenNamed("vcpu", () => AddNumber(plugged, reader.GetAttribute("enabled") == "yes" && reader.Number("id") is >= 0 and <= Topology.CpuSet.MaxNumber and var id ? id : null));
            _pluggedVcpus = plugged.Count > 0 ? Topology.CpuSet.Of(plugged) : null;
        }

        private void ReadCpuTune()
        {
            var schedulers = new List<ThreadScheduler>();
            foreach (var element in reader.Children())
            {
                switch (element)
                {
                    case "vcpupin" when reader.Number("vcpu") is { } vcpu && reader.CpuSet("cpuset") is { } cpus:
                        _vcpuPins[vcpu] = cpus;
                        break;
                    case "emulatorpin" when reader.CpuSet("cpuset") is { } cpus:
                        _emulatorPin = cpus;
                        break;
                    case "iothreadpin" when reader.Number("iothread") is { } thread && reader.CpuSet("cpuset") is { } cpus:
                        _ioThreadPins[thread] = cpus;
                        break;
                    case "vcpusched" or "iothreadsched" or "emulatorsched" when reader.GetAttribute("scheduler") is { } scheduler:
                        schedulers.Add(new ThreadScheduler(
                            element[..^"sched".Length], reader.CpuSet("vcpus") ?? reader.CpuSet("iothreads") ?? Topology.CpuSet.Empty, scheduler, reader.Number("priority")));
                        break;
                    default:
                        ReadLimit(element);
                        break;
                }
            }

            _limits = _limits with { Schedulers = schedulers };
        }

        private void ReadLimit(string element)
        {
            _limits = element switch
            {
                "shares" => _limits with { Shares = Value() },
                "period" => _limits with { Vcpu = _limits.Vcpu with { PeriodMicroseconds = Value() } },
                "quota" => _limits with { Vcpu = _limits.Vcpu with { QuotaMicroseconds = Value() } },
                "global_period" => _limits with { Global = _limits.Global with { PeriodMicroseconds = Value() } },
                "global_quota" => _limits with { Global = _limits.Global with { QuotaMicroseconds = Value() } },
                "emulator_period" => _limits with { Emulator = _limits.Emulator with { PeriodMicroseconds = Value() } },
                "emulator_quota" => _limits with { Emulator = _limits.Emulator with { QuotaMicroseconds = Value() } },
                "iothread_period" => _limits with { IOThread = _limits.IOThread with { PeriodMicroseconds = Value() } },
                "iothread_quota" => _limits with { IOThread = _limits.IOThread with { QuotaMicroseconds = Value() } },
                _ => _limits,
            };

            long? Value() => long.TryParse(reader.Text(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;
        }

        private void ReadCpu()
        {
            _cpu = _cpu with { Mode = reader.GetAttribute("mode") };
            Dictionary<string, string>? features = null;
            foreach (var element in reader.Children())
            {
                switch (element)
                {
                    case "model":
                        _cpu = _cpu with { Model = reader.Text() };
                        break;
                    case "topology":
                        _cpu = _cpu with
                        {
                            Topology = new CpuTopology(
                                reader.Number("sockets") ?? 1, reader.Number("dies") ?? 1, reader.Number("cores") ?? 1, reader.Number("threads") ?? 1)
                            {
                                Clusters = reader.Number("clusters") ?? 1,
                            },
                        };
                        break;
                    case "numa":
                        _cpu = _cpu with { NumaCells = ReadNumaCells() };
                        break;
                    case "feature" when reader.GetAttribute("name") is { } feature:
                        (features ??= new(StringComparer.Ordinal))[feature] = reader.GetAttribute("policy") ?? "require";
                        break;
                }
            }

            _cpu = features is null ? _cpu : _cpu with { Features = features };
        }

        private List<GuestNumaCell> ReadNumaCells()
        {
            var cells = new List<GuestNumaCell>();
            foreach (var element in reader.Children())
            {
                if (element == "cell")
                {
                    cells.Add(new GuestNumaCell(
                        reader.Number("id") ?? cells.Count,
                        reader.CpuSet("cpus") ?? Topology.CpuSet.Empty,
                        XmlReading.ToKiB(reader.GetAttribute("memory"), reader.GetAttribute("unit"))));
                }
            }

            return cells;
        }

        private void ReadMemoryBacking()
        {
            foreach (var element in reader.Children())
            {
                _memory = element switch
                {
                    "hugepages" => _memory with { UsesHugePages = true, HugePages = ReadHugePages() },
                    "locked" => _memory with { Locked = true },
                    "nosharepages" => _memory with { NoSharePages = true },
                    "source" => _memory with { SourceType = reader.GetAttribute("type") },
                    "allocation" => _memory with { Allocation = reader.GetAttribute("mode") },
                    _ => _memory,
                };
            }
        }

        private List<HugePageBacking> ReadHugePages()
        {
            var pages = new List<HugePageBacking>();
            foreach (var element in reader.Children())
            {
                if (element == "page")
                {
                    var size = reader.GetAttribute("size") is { } text ? XmlReading.ToKiB(text, reader.GetAttribute("unit")) : (long?)null;
                    pages.Add(new HugePageBacking(size, reader.CpuSet("nodeset")));
                }
            }

            return pages;
        }

        private void ReadNumaTune()
        {
            var policies = new List<GuestCellMemoryPolicy>();
            foreach (var element in reader.Children())
            {
                switch (element)
                {
                    case "memory":
                        _memory = _memory with
                        {
                            NumaMode = reader.GetAttribute("mode"),
                            NumaNodes = reader.CpuSet("nodeset"),
                            NumaPlacement = reader.GetAttribute("placement"),
                        };
                        break;
                    case "memnode":
                        policies.Add(new GuestCellMemoryPolicy(
                            reader.Number("cellid") ?? 0, reader.GetAttribute("mode"), reader.CpuSet("nodeset") ?? Topology.CpuSet.Empty));
                        break;
                }
            }

            _memory = _memory with { CellPolicies = policies };
        }

        private void ReadChildrenNamed(string name, Action read)
        {
            foreach (var element in reader.Children())
            {
                if (element == name)
                {
                    read();
                }
            }
        }

        // The XML namespaces of managers in the metadata; Nova's ends with a version.
        private static string? ManagerOf(string? nameSpace) => nameSpace switch
        {
            null => null,
            _ when nameSpace.StartsWith("http://openstack.org/xmlns/libvirt/nova", StringComparison.Ordinal) => "OpenStack Nova",
            _ when nameSpace.StartsWith("http://ovirt.org/vm", StringComparison.Ordinal) => "oVirt",
            _ when nameSpace.StartsWith("http://kubevirt.io", StringComparison.Ordinal) => "KubeVirt",
            _ => null,
        };

        private static void AddNumber(List<int> numbers, int? number)
        {
            if (number is { } value)
            {
                numbers.Add(value);
            }
        }
    }
}
