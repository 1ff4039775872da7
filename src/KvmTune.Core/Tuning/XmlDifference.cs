// The difference of two domain XMLs for the user: removed lines with '-', added lines with '+'.
using System.Text;

namespace KvmTune.Tuning;

/// <summary>A line difference by the longest common subsequence, over the part of the documents that differs.</summary>
internal static class XmlDifference
{
    /// <summary>The differing lines, each with the sign of a unified difference; empty if there are none.</summary>
    public static string Between(string before, string after)
    {
        var left = Lines(before);
        var right = Lines(after);
        var start = 0;
        while (start < left.Length && start < right.Length && left[start] == right[start])
        {
            start++;
        }

        var end = 0;
        while (end < left.Length - start && end < right.Length - start && left[^(end + 1)] == right[^(end + 1)])
        {
            end++;
        }

        return Write(left[start..^end], right[start..^end]);
    }

    private static string Write(string[] left, string[] right)
    {
        var common = new int[left.Length + 1, right.Length + 1];
        for (var i = left.Length - 1; i >= 0; i--)
        {
            for (var j = right.Length - 1; j >= 0; j--)
            {
                common[i, j] = left[i] == right[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }

        var text = new StringBuilder();
        for (int i = 0, j = 0; i < left.Length || j < right.Length;)
        {
            if (i < left.Length && j < right.Length && left[i] == right[j])
            {
                i++;
                j++;
            }
            else if (i < left.Length && (j == right.Length || common[i + 1, j] >= common[i, j + 1]))
            {
                text.Append('-').AppendLine(left[i++]);
            }
            else
            {
                text.Append('+').AppendLine(right[j++]);
            }
        }

        return text.ToString().TrimEnd();
    }

    private static string[] Lines(string xml) => xml.Split('\n').Select(line => line.TrimEnd()).ToArray();
}
