// A workload that turned out not to report while it runs: its experiment is made with pairs of runs.
namespace KvmTune.Experiments.Switchback;

/// <summary>The load cannot be switched inside.</summary>
internal sealed class NotStreamingException(string message) : Exception(message);
