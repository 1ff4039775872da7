// A parameter's numbers of vCPUs or I/O threads: 0, 0,1, '0-3,^2' or * for all.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Common;

/// <summary>Reads lists of numbers.</summary>
internal static class NumberLists
{
    /// <summary>The numbers in the texts, in order and without duplicates.</summary>
    /// <param name="texts">Numbers, libvirt's lists, or *.</param>
    /// <param name="all">Reads the numbers for *; called only if a text is *.</param>
    /// <param name="thing">The numbered thing, for the error: <c>vCPU</c>.</param>
    /// <exception cref="KvmTuneException">A text is not a list of numbers (<c>InvalidNumber</c>).</exception>
    public static IReadOnlyList<int> Of(IEnumerable<string> texts, Func<IEnumerable<int>> all, string thing)
    {
        var numbers = new List<int>();
        foreach (var text in texts)
        {
            if (text.Trim() == "*")
            {
                numbers.AddRange(all());
            }
            else if (CpuSet.TryParse(text, out var set) && !set.IsEmpty)
            {
                numbers.AddRange(set.Numbers);
            }
            else if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            {
                // A negative number is kept here; the change then reports that the VM has no such vCPU.
                numbers.Add(number);
            }
            else
            {
                throw new KvmTuneException(
                    "InvalidNumber", KvmTuneErrorCategory.InvalidArgument, $"'{text}' names no {thing}. Write a number (0), several (0,1 or '0-3'), or * for all.");
            }
        }

        return [.. numbers.Distinct().Order()];
    }
}
