// For a workload that does not report while it runs: its experiment is then made with pairs of runs.
namespace KvmTune.Experiments.Switchback;

/// <summary>The side cannot be switched inside the load.</summary>
internal sealed class NotStreamingException(string message) : Exception(message);
