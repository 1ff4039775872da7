// The pictures of placements. The format file calls these methods.
using KvmTune.Cmdlets.Common;
using KvmTune.Placement;

namespace KvmTune.Cmdlets.Placement;

/// <summary>Formats placements for people. For the format file, not for scripts.</summary>
[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)]
public static class PlacementFormatting
{
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
