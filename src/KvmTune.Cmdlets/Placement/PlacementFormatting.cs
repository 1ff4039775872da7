// The cells and pictures of placements. The format file calls these methods.
using System.Globalization;
using KvmTune.Cmdlets.Common;
using KvmTune.Placement;

namespace KvmTune.Cmdlets.Placement;

/// <summary>Formats placements for people. For the format file, not for scripts.</summary>
[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)]
public static class PlacementFormatting
{
    /// <summary>The host CPU of each vCPU, for example <c>0:2 1:3</c>.</summary>
    public static string Pins(PlacementPlan plan) => string.Join(
        ' ', plan.Placement.VcpuPins.OrderBy(pin => pin.Key).Select(pin => string.Create(CultureInfo.InvariantCulture, $"{pin.Key}:{pin.Value}")));

    /// <summary>The picture of a map, in the session's colours.</summary>
    /// <param name="map">The map.</param>
    /// <param name="style">The session's <c>$PSStyle</c>.</param>
    public static string Map(HostMap map, object? style) => HostMapPicture.Draw(map, Colours(style));

    /// <summary>The picture of a plan: the nodes of its VM, with all VMs on them.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="style">The session's <c>$PSStyle</c>.</param>
    public static string Picture(PlacementPlan plan, object? style)
    {
        var map = HostMap.Of(plan.HostPlacement) with { IsAscii = !SessionStyle.CanDraw(HostMapPicture.UnicodeStrokes) };
        return HostMapPicture.Draw(map, Colours(style), plan.Nodes);
    }

    private static HostMapColours Colours(object? style) => SessionStyle.Of(style) is { } colours
        ? new(colours.Foreground("Green"), colours.Foreground("Red"), colours.Foreground("Cyan"), colours.Foreground("BrightBlack"), colours.Reset)
        : HostMapColours.None;
}
