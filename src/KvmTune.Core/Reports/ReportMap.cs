// The host before and after a change of pins, as boxes: nodes, the caches in them, the cores in those, and the threads on each CPU.
using KvmTune.Placement;
using static System.FormattableString;

namespace KvmTune.Reports;

/// <summary>Writes the topology maps of a chapter.</summary>
internal static class ReportMap
{
    /// <summary>Writes both maps and the table of pins; writes nothing if no pin changed.</summary>
    public static void Write(HtmlText page, ReportChapter chapter)
    {
        if (chapter is not { MapBefore: { } before, MapAfter: { } after })
        {
            return;
        }

        page.Element("h3", "Where it sits on the host").Markup("<div class=\"maps\">");
        Map(page, "Before", before);
        Map(page, "After", after);
        page.Markup("</div>\n");
        var (was, now) = (Pins(before), Pins(after));
        page.Table("The pins before and after", ["Thread", "Host CPUs before", "Host CPUs after"], was.Keys.Union(now.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(thread => new[]
        {
            HtmlText.Encode(thread), was.GetValueOrDefault(thread, "any"), now.GetValueOrDefault(thread, "any"),
        }));
    }

    private static void Map(HtmlText page, string title, HostMap map)
    {
        var pins = Pins(map);
        var words = pins.Count == 0 ? "no thread is pinned; the scheduler puts them anywhere" : string.Join(", ", pins.Select(pin => $"{pin.Key} on host CPU {pin.Value}"));
        page.Markup("<figure class=\"map\">").Element("figcaption", $"{title}: {words}")
            .Markup($"<div role=\"img\" aria-label=\"{HtmlText.Encode($"{title}: {words}. The pins are in the table below.")}\">");
        foreach (var node in map.Nodes)
        {
            page.Markup("<div class=\"node\">").Element("span", Invariant($"node {node.Id}"), "class=\"label\"").Markup("<div class=\"caches\">");
            foreach (var cache in node.Caches)
            {
                page.Markup("<div class=\"cache\">").Element("span", cache.Cache.ToString(), "class=\"label\"").Markup("<div class=\"cores\">");
                foreach (var core in cache.Cores)
                {
                    page.Markup("<div class=\"core\">");
                    foreach (var cpu in core.Cpus)
                    {
                        var (kind, sign) = Sign(cpu);
                        page.Markup($"<div class=\"cpu {kind}\">").Element("span", Invariant($"{cpu.Id}")).Element("b", sign).Markup("</div>");
                    }

                    page.Markup("</div>");
                }

                page.Markup("</div></div>");
            }

            page.Markup("</div></div>\n");
        }

        page.Markup("</div></figure>\n");
    }

    private static (string Kind, string Sign) Sign(HostMapCpu cpu)
    {
        var vcpus = cpu.Occupants.Where(occupant => occupant.Vcpu is not null).Select(occupant => Invariant($"v{occupant.Vcpu}")).ToList();
        var service = cpu.Occupants.Any(occupant => occupant.Vcpu is null) ? "~" : string.Empty;
        return (vcpus.Count, service.Length) switch
        {
            ( > 1, _) => ("shared", Invariant($"{vcpus[0]}+{vcpus.Count - 1}{service}")),
            (1, _) => ("placed", vcpus[0] + service),
            (_, > 0) => ("service", service),
            _ => (cpu.State == HostCpuState.Open ? "free" : "held", cpu.State switch { HostCpuState.Reserved => "R", HostCpuState.Isolated => "I", _ => "\u00b7" }),
        };
    }

    private static SortedDictionary<string, string> Pins(HostMap map)
    {
        var pins = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var vm in map.VMs)
        {
            foreach (var (vcpu, cpus) in vm.VM.VcpuPins)
            {
                pins[Invariant($"vCPU {vcpu}")] = cpus.ToString();
            }

            foreach (var (thread, cpus) in vm.VM.ServicePins)
            {
                pins[thread] = cpus.ToString();
            }
        }

        return pins;
    }
}
