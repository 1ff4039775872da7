// What libvirt says about the host's hardware in one call.
namespace KvmTune.Libvirt;

/// <summary>
/// The host as <c>virNodeGetInfo</c> has it. <paramref name="Sockets"/>, <paramref name="Cores"/> and
/// <paramref name="Threads"/> multiply up to the CPUs only on regular hosts; the capabilities XML has the true layout.
/// </summary>
/// <param name="Model">The CPU's model, for instance <c>x86_64</c>.</param>
/// <param name="MemoryKiB">The memory in KiB.</param>
/// <param name="Cpus">The number of active CPUs.</param>
/// <param name="MHz">The CPUs' expected frequency in MHz; 0 if unknown.</param>
/// <param name="Nodes">The number of NUMA nodes.</param>
/// <param name="Sockets">CPU sockets per node.</param>
/// <param name="Cores">Cores per socket.</param>
/// <param name="Threads">Threads per core.</param>
public sealed record NodeInfo(
    string Model, ulong MemoryKiB, int Cpus, int MHz, int Nodes, int Sockets, int Cores, int Threads);
