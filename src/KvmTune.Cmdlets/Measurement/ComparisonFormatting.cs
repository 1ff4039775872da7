// The picture of a comparison in the session's colours. The format file calls this method.
using KvmTune.Cmdlets.Common;
using KvmTune.Statistics;

namespace KvmTune.Cmdlets.Measurement;

/// <summary>Formats comparisons for people. For the format file, not for scripts.</summary>
[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)]
public static class ComparisonFormatting
{
    /// <summary>The picture of a plot.</summary>
    /// <param name="plot">The plot.</param>
    /// <param name="style">The session's <c>$PSStyle</c>.</param>
    public static string Plot(ComparisonPlot plot, object? style) => ComparisonPicture.Draw(
        plot,
        SessionStyle.Of(style) is { } colours
            ? new(colours.Foreground("Green"), colours.Foreground("Red"), colours.Foreground("Yellow"), colours.Foreground("BrightBlack"), colours.Reset)
            : ComparisonColours.None);
}
