// Finds a number in a JSON report by a subset of JSONPath (RFC 9535): names, names in quotes, and indexes.
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace KvmTune.Measurement.Workloads;

/// <summary>A path such as <c>$.result.tps</c>, <c>$.runs[0]['mean time']</c> or <c>$.runs[-1]</c> (the last).</summary>
internal static partial class JsonPath
{
    /// <summary>Whether the text is a valid path.</summary>
    public static bool IsValid(string path) => Whole().IsMatch(path);

    /// <summary>The number at the path, also if it is written as a string; null if there is none.</summary>
    /// <param name="json">The report; text before its first brace or bracket and after its last one is skipped.</param>
    /// <param name="path">The path.</param>
    public static double? Find(string json, string path)
    {
        var start = json.AsSpan().IndexOfAny('{', '[');
        var end = json.AsSpan().LastIndexOfAny('}', ']');
        if (start < 0 || end < start)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(json.AsMemory(start, end - start + 1));
            var at = document.RootElement;
            foreach (Match step in Step().Matches(path))
            {
                if (step.Groups["index"] is { Success: true } index)
                {
                    var number = int.Parse(index.ValueSpan, CultureInfo.InvariantCulture);
                    var length = at.ValueKind == JsonValueKind.Array ? at.GetArrayLength() : 0;
                    number = number < 0 ? length + number : number;
                    if (number < 0 || number >= length)
                    {
                        return null;
                    }

                    at = at[number];
                }
                else if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(step.Groups["name"].Value, out at))
                {
                    return null;
                }
            }

            var text = at.ValueKind == JsonValueKind.String ? at.GetString() : at.GetRawText();
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private const string OneStep = @"(\.(?<name>[^.\[\]'""\s]+)|\['(?<name>[^']+)'\]|\[""(?<name>[^""]+)""\]|\[(?<index>-?[0-9]{1,9})\])";

    [GeneratedRegex(@"^\$" + OneStep + "+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Whole();

    [GeneratedRegex(OneStep, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Step();
}
