// Draws the map of a host: a box for each node, in it a box for each cache, a column for each core, its sibling threads below each other.
using System.Globalization;
using System.Text;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>The colours of a picture: the sequences that begin them, and the one that ends them.</summary>
/// <param name="Placed">For vCPUs.</param>
/// <param name="Shared">For what is overcommitted.</param>
/// <param name="Service">For emulator and I/O threads.</param>
/// <param name="Quiet">For what is free, reserved, isolated or offline.</param>
/// <param name="Reset">Ends a colour.</param>
public sealed record HostMapColours(string Placed, string Shared, string Service, string Quiet, string Reset)
{
    /// <summary>No colours.</summary>
    public static HostMapColours None { get; } = new(string.Empty, string.Empty, string.Empty, string.Empty, string.Empty);
}

/// <summary>Draws maps for terminals of 80 columns; eight cores stand beside each other.</summary>
public static class HostMapPicture
{
    /// <summary>The characters of a picture. Where the encoding lacks one of them, a map is drawn in ASCII.</summary>
    public const string UnicodeStrokes = "┌└─│·";

    private const int Width = 79;
    private const int NumberWidth = 5;
    private const int CellWidth = NumberWidth + 4;

    /// <summary>The picture.</summary>
    /// <param name="map">The map.</param>
    /// <param name="colours">The colours; null for none.</param>
    /// <param name="nodes">Only these nodes are drawn; null for all.</param>
    public static string Draw(HostMap map, HostMapColours? colours = null, CpuSet? nodes = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        var drawing = new Drawing(map.IsAscii ? Strokes.Ascii : Strokes.Unicode, colours ?? HostMapColours.None);
        drawing.Line(Text($"{map.HostName} ({map.ConnectionUri}){(map.IsPlanned ? ", as planned" : null)}"));
        foreach (var node in map.Nodes.Where(node => nodes?.Contains(node.Id) != false))
        {
            drawing.Node(node);
        }

        drawing.Legend(map);
        return drawing.ToString();
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Strokes(string TopLeft, string BottomLeft, string Horizontal, string Vertical, string Free)
    {
        public static Strokes Unicode { get; } = new("┌", "└", "─", "│", "·");

        public static Strokes Ascii { get; } = new("+", "+", "-", "|", ".");
    }

    private sealed class Drawing(Strokes strokes, HostMapColours colours)
    {
        private readonly StringBuilder _text = new();

        public void Line(string line) => _text.AppendLine(line.TrimEnd());

        public override string ToString() => _text.ToString().TrimEnd();

        public void Node(HostMapNode node)
        {
            var memory = node.FreeMemoryKiB is { } free ? $", {PageSize.Rounded(free)} of {PageSize.Rounded(node.MemoryKiB)} free" : node.MemoryKiB > 0 ? $", {PageSize.Rounded(node.MemoryKiB)}" : null;
            var pools = node.PagePools.OrderBy(pool => pool.PageSizeKiB).Skip(1).Where(pool => pool.Total > 0)
                .Select(pool => Text($", {pool.Free?.ToString(CultureInfo.InvariantCulture) ?? "?"} of {PageSize.Pages(pool.Total, pool.PageSizeKiB)} free"));
            Line(Rule(strokes.TopLeft, Text($"node {node.Id}{memory}{string.Concat(pools)}")));
            foreach (var cache in node.Caches)
            {
                Line(Row(Rule(strokes.TopLeft, cache.Cache.ToString(), Width - 2)));
                foreach (var cores in cache.Cores.Chunk((Width - 4) / CellWidth))
                {
                    for (var thread = 0; thread < cores.Max(core => core.Cpus.Count); thread++)
                    {
                        Line(Row($"{strokes.Vertical} {string.Concat(cores.Select(core => thread < core.Cpus.Count ? Cell(core.Cpus[thread]) : new string(' ', CellWidth)))}"));
                    }
                }
            }

            if (!node.OfflineCpus.IsEmpty)
            {
                Line(Row($"{colours.Quiet}offline: CPUs {node.OfflineCpus}{colours.Reset}"));
            }

            Line(strokes.BottomLeft + string.Concat(Enumerable.Repeat(strokes.Horizontal, Width - 1)));
        }

        public void Legend(HostMap map)
        {
            foreach (var vm in map.VMs)
            {
                var pins = vm.VM.VcpuPins.OrderBy(pin => pin.Key).Select(pin => Text($"{pin.Key}:{pin.Value}")).ToList();
                var services = vm.VM.ServicePins.Select(pin => $"{pin.Key} on {pin.Value}");
                var rest = string.Join("; ", new[] { pins.Count > 0 ? $"vCPUs {string.Join(' ', pins)}" : "vCPUs not pinned" }.Concat(services));
                Wrapped($"{vm.Sign}  {vm.VM.Name}{(vm.IsPlanned || !map.IsPlanned ? null : " (there already)")}{(vm.VM.IsRunning ? null : " (shut off)")}: ", rest);
            }

            Line(Text($"{strokes.Free} free  a0 vCPU 0 of VM a  ~ emulator, I/O threads  ! several vCPUs  R reserved  I isolated"));
            if (map.Unpinned.Count > 0)
            {
                Wrapped("not pinned, anywhere: ", string.Join(", ", map.Unpinned));
            }

            foreach (var shared in map.Shared)
            {
                Wrapped("shared: ", shared);
            }
        }

        // Words over several lines, the later ones indented.
        private void Wrapped(string head, string words)
        {
            var line = new StringBuilder(head);
            foreach (var word in words.Split(' '))
            {
                if (line.Length + word.Length > Width && line.ToString().Trim().Length > 0)
                {
                    Line(line.ToString());
                    line.Clear().Append("   ");
                }

                line.Append(word).Append(' ');
            }

            Line(line.ToString());
        }

        private string Row(string inner) => $"{strokes.Vertical} {inner}";

        private string Rule(string corner, string title, int width = Width) =>
            $"{corner}{strokes.Horizontal} {title} {string.Concat(Enumerable.Repeat(strokes.Horizontal, Math.Max(1, width - title.Length - 4)))}";

        private string Cell(HostMapCpu cpu)
        {
            var vcpus = cpu.Occupants.Where(occupant => occupant.Vcpu is not null).ToList();
            var (sign, colour) = (vcpus.Count, cpu.Occupants.Count) switch
            {
                ( > 1, _) => (Text($"{vcpus[0].Sign}{vcpus[0].Vcpu}!{vcpus.Count}"), colours.Shared),
                (1, > 1) => (Text($"{vcpus[0].Sign}{vcpus[0].Vcpu}~"), colours.Shared),
                (1, _) => (Text($"{vcpus[0].Sign}{vcpus[0].Vcpu}"), colours.Placed),
                (_, > 1) => ($"~{cpu.Occupants.Count.ToString(CultureInfo.InvariantCulture)}", colours.Service),
                (_, 1) => ($"~{cpu.Occupants[0].Sign}", colours.Service),
                _ => (cpu.State switch { HostCpuState.Reserved => "R", HostCpuState.Isolated => "I", _ => strokes.Free }, colours.Quiet),
            };
            return $"{Text($"{cpu.Id}:"),5}{colour}{sign.PadRight(CellWidth - NumberWidth)}{colours.Reset}";
        }
    }
}
