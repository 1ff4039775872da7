namespace KvmTune.Tuning;
/// <summary>placeholder</summary>
public sealed record VMTuningResult;
