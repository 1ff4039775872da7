// Lets -Metric take hashtables: @{ Name = 'Tps'; Pattern = 'tps = ([\d.]+)'; Unit = 'transactions/s'; Direction = 'Higher' }.
using System.Collections;
using System.Management.Automation;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Measurement;

/// <summary>Turns hashtables into the metrics of the user's own program. A single metric is the primary one.</summary>
internal sealed class CommandMetricTransformationAttribute : ArgumentTransformationAttribute
{
    private const string Example = "@{ Name = 'Tps'; Pattern = 'tps = ([\\d.]+)'; Unit = 'transactions/s'; Direction = 'Higher'; Primary = $true }";

    private static readonly string[] Keys = ["Name", "Pattern", "JsonPath", "Unit", "Direction", "Kind", "Primary"];

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var bare = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        var items = bare is IEnumerable several and not IDictionary and not string ? several.Cast<object>().ToList() : [bare];
        var metrics = items.Select(item => Read(item is PSObject one ? one.BaseObject : item)).ToArray();
        return metrics is [{ Definition.IsPrimary: false } only]
            ? new[] { only with { Definition = only.Definition with { IsPrimary = true } } }
            : metrics;
    }

    private static CommandMetric Read(object? item)
    {
        if (item is CommandMetric ready)
        {
            return ready;
        }

        if (item is not IDictionary table)
        {
            throw new ArgumentTransformationMetadataException($"A metric is a hashtable, for example {Example}.");
        }

        var settings = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase);
        foreach (DictionaryEntry entry in table)
        {
            var key = entry.Key?.ToString() ?? string.Empty;
            if (!Keys.Contains(key, StringComparer.OrdinalIgnoreCase))
            {
                throw new ArgumentTransformationMetadataException($"A metric has no '{key}'. It has: {string.Join(", ", Keys)}.");
            }

            settings[key] = entry.Value;
        }

        string? Text(string key) => settings.GetValueOrDefault(key)?.ToString() is { Length: > 0 } text ? text : null;
        string Needed(string key) => Text(key) ?? throw new ArgumentTransformationMetadataException($"A metric needs a {key}, for example {Example}.");
        var name = Needed("Name");
        return new CommandMetric(
            new MetricDefinition(name, Needed("Unit"), Direction(name, Needed("Direction")), Kind(Text("Kind")), LanguagePrimitives.IsTrue(settings.GetValueOrDefault("Primary"))),
            Text("Pattern"),
            Text("JsonPath"));
    }

    private static MetricDirection Direction(string name, string text) => text.ToUpperInvariant() switch
    {
        "HIGHER" or "HIGHERISBETTER" => MetricDirection.HigherIsBetter,
        "LOWER" or "LOWERISBETTER" => MetricDirection.LowerIsBetter,
        _ => throw new ArgumentTransformationMetadataException($"The Direction of {name} must be Higher or Lower, whichever is better, and not '{text}'."),
    };

    private static MetricKind Kind(string? text) => text is null
        ? MetricKind.Rate
        : Enum.TryParse<MetricKind>(text, ignoreCase: true, out var kind) && Enum.IsDefined(kind)
            ? kind
            : throw new ArgumentTransformationMetadataException($"'{text}' is not a kind of metric. Use one of: {string.Join(", ", Enum.GetNames<MetricKind>())}.");
}
