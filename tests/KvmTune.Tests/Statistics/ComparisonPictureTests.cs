// The plot of a comparison: every run is in it, it fits a terminal, and it agrees with the comparison.
using KvmTune.Measurement;
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class ComparisonPictureTests
{
    private static readonly double[] Slow = [100, 101, 102, 103, 104, 105, 106, 107];
    private static readonly double[] Fast = [150, 152, 151, 150, 149, 148, 155, 150];

    [Fact]
    public void It_names_the_vm_the_work_and_the_change_and_gives_shift_verdict_and_medians()
    {
        var comparison = VMComparer.Compare(Performances.Of(Slow), Performances.Of(Fast));
        var lines = ComparisonPlot.Of(comparison, change: "disk vdb: cache=none").ToString().Split('\n');

        Assert.Equal("db01, RandomWrite: disk vdb: cache=none", lines[0]);
        Assert.Equal($"Iops (higher is better): {ComparisonPicture.Shift(comparison.PrimaryMetric)}, improved", lines[2]);
        Assert.Matches("^  baseline │.* 104 IOPS$", lines[3]);
        Assert.Matches("^ candidate │.* 150 IOPS$", lines[5]);
        Assert.Matches("^ +100 .* IOPS$", lines[8]);
        Assert.Equal(9, lines.Length);
    }

    [Fact]
    public void Every_run_that_counts_is_a_dot_in_its_place_and_several_in_one_place_are_counted()
    {
        var plot = ComparisonPlot.Of(VMComparer.Compare(Performances.Of([0, 50, 50, 50, 100, 25]), Performances.Of([0, 100, 0, 100, 0, 100]).Failing(2)));
        var lines = plot.ToString().Split('\n');

        Assert.Equal(6, Dots(lines[3]));
        Assert.Equal(5, Dots(lines[5]));
        Assert.Equal('•', lines[3][12]);
        Assert.Equal('3', lines[5][12]);
        Assert.Equal(12 + 49, lines[5].LastIndexOf('2', 12 + 49));
    }

    [Fact]
    public void The_interval_of_a_side_is_drawn_under_its_dots_with_the_median_in_it()
    {
        var lines = ComparisonPlot.Of(VMComparer.Compare(Performances.Of(Slow), Performances.Of(Fast))).ToString().Split('\n');
        foreach (var line in new[] { lines[4], lines[6] })
        {
            var (left, median, right) = (line.IndexOf('├', StringComparison.Ordinal), line.IndexOf('┼', StringComparison.Ordinal), line.IndexOf('┤', StringComparison.Ordinal));
            Assert.True(left > 0 && left < median && median < right, line);
        }

        Assert.True(lines[4].IndexOf('┤', StringComparison.Ordinal) < lines[6].IndexOf('├', StringComparison.Ordinal));
    }

    [Fact]
    public void Too_few_runs_and_runs_in_blocks_have_a_median_and_no_interval()
    {
        var few = ComparisonPlot.Of(VMComparer.Compare(Performances.Of(1, 2, 3), Performances.Of(1, 2, 3)));
        Assert.Null(few.Metrics[0].Baseline.Interval);
        Assert.Contains('┼', few.ToString());
        Assert.DoesNotContain('├', few.ToString());

        var blocks = ComparisonPlot.Of(VMComparer.Compare(
            Performances.Of(Slow).At(0, 1, 2, 3, 20, 21, 22, 23), Performances.Of(Fast).At(10, 11, 12, 13, 30, 31, 32, 33),
            new() { Design = ComparisonDesign.Blocks }));
        Assert.All(blocks.Metrics, metric => Assert.Null(metric.Candidate.Interval));
    }

    [Fact]
    public void Runs_of_one_boot_are_dots_and_the_interval_is_that_of_the_boots()
    {
        double[] boots = [.. Enumerable.Range(0, 18).Select(i => 100.0 + i)];
        var plot = ComparisonPlot.Of(VMComparer.Compare(
            Performances.Of(boots), Performances.Of(boots), new() { Design = ComparisonDesign.Pairs, RunsPerUnit = 3, Plan = LookPlan.Fixed(6) }));
        Assert.Equal(18, plot.Metrics[0].Baseline.Values.Count);
        Assert.Equal((101.0, 116.0), (plot.Metrics[0].Baseline.Interval!.Low, plot.Metrics[0].Baseline.Interval!.High));
    }

    public static TheoryData<string> Shapes() => new() { "spread", "one value", "powers", "zero", "negative", "failed", "long" };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void It_fits_80_columns_and_in_ascii_it_is_ascii(string shape)
    {
        var (baseline, candidate) = shape switch
        {
            "one value" => (Performances.Of(5, 5, 5, 5, 5, 5), Performances.Of(5, 5, 5, 5, 5, 5)),
            "powers" => (Performances.Of(1, 20, 300, 4000, 50_000, 6), Performances.Of(1e6, 2e7, 3, 4, 5, 6)),
            "zero" => (Performances.Of(0, 0, 0, 0, 0, 0), Performances.Of(0, 0, 0, 0, 0, 0)),
            "negative" => (Performances.Of(-5, -4, 3, 2, 1, 0), Performances.Of(-1, 1, 2, 3, 4, 5)),
            "failed" => (Performances.Of(1).Failing(1), Performances.Of(2).Failing(1)),
            _ => (Performances.Of(Slow, [1e5, 2e5, 3e5, 4e5, 5e5, 6e5, 7e5, 8e5], [1, 2, 3, 4, 5, 6, 7, 1e9]), Performances.Of(Fast, Slow, Fast)),
        };
        var name = shape == "long" ? new string('n', 200) : "db01";
        var plot = ComparisonPlot.Of(VMComparer.Compare(baseline, candidate), _ => true) with { VMName = name };
        Assert.All(plot.ToString().Split('\n'), line => Assert.InRange(line.Length, 0, 79));

        var ascii = (plot with { IsAscii = true }).ToString();
        Assert.All(ascii.Split('\n'), line => Assert.InRange(line.Length, 0, 79));
        Assert.True(ascii.All(char.IsAscii), ascii);
        Assert.Equal(plot.ToString().Split('\n').Length, ascii.Split('\n').Length);
    }

    [Fact]
    public void Colours_say_which_way_the_candidate_went_and_change_nothing_else()
    {
        var colours = new ComparisonColours("<g>", "<r>", "<y>", "<q>", "<x>");
        var better = ComparisonPlot.Of(VMComparer.Compare(Performances.Of(Slow), Performances.Of(Fast)));
        var worse = ComparisonPlot.Of(VMComparer.Compare(Performances.Of(Fast), Performances.Of(Slow)));
        Assert.Contains("<g>", ComparisonPicture.Draw(better, colours), StringComparison.Ordinal);
        Assert.Contains("<r>", ComparisonPicture.Draw(worse, colours), StringComparison.Ordinal);
        Assert.DoesNotContain("<g>", ComparisonPicture.Draw(worse, colours), StringComparison.Ordinal);
        var plain = System.Text.RegularExpressions.Regex.Replace(ComparisonPicture.Draw(better, colours), "<[gryqx]>", string.Empty, default, TimeSpan.FromSeconds(5));
        Assert.Equal(
            better.ToString().Split('\n').Select(line => line.TrimEnd()), plain.Split('\n').Select(line => line.TrimEnd()));
    }

    private static int Dots(string line) =>
        line[12..62].Sum(sign => sign switch { '•' => 1, >= '2' and <= '9' => sign - '0', _ => 0 });
}
