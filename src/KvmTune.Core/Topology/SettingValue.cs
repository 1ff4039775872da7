// A setting with the value that a change gives it.
namespace KvmTune.Topology;

/// <summary>A setting with the value that a change gives it.</summary>
/// <param name="Path">Its address in the domain XML.</param>
/// <param name="Value">The value; null for "not set".</param>
public sealed record SettingValue(SettingPath Path, string? Value)
{
    /// <summary>For example <c>devices/disk[vdb]/driver/@cache = none</c>.</summary>
    public override string ToString() => $"{Path} = {Value ?? "(not set)"}";
}
