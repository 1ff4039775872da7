// The completers of parameters: VMs, disks, I/O threads, NICs, vCPUs, host CPUs, workloads, hosts.
using System.Collections;
using System.Globalization;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Network;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Topology;
using KvmTune.Tuning.HugePages;

namespace KvmTune.Cmdlets.Completion;

/// <summary>The VMs of the host.</summary>
public sealed class VMNameCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters)
    {
        var running = Names(boundParameters, DomainListFlags.Active);
        return running.Select(name => new Candidate(name, $"{name} (running)"))
            .Concat(Names(boundParameters, DomainListFlags.Inactive).Select(name => new Candidate(name, $"{name} (shut off)")))
            .OrderBy(candidate => candidate.Value, StringComparer.OrdinalIgnoreCase);
    }

    private static List<string> Names(IDictionary boundParameters, DomainListFlags flags)
    {
        var names = new List<string>();
        foreach (var domain in Host(boundParameters).Read().ListDomains(flags))
        {
            using (domain)
            {
                names.Add(domain.Name);
            }
        }

        return names;
    }
}

/// <summary>The disks of the VM.</summary>
public sealed class DiskCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        VM(boundParameters)?.Disks.Select(disk => new Candidate(
            disk.Target, $"{disk.Bus} {disk.Device}, {disk.Format}, cache {disk.Cache ?? "not set"}, {disk.Source}")) ?? [];
}

/// <summary>The I/O threads of the VM.</summary>
public sealed class IOThreadCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        VM(boundParameters) is { } vm
            ? vm.IOThreadIds.Select(id => new Candidate(
                id.ToString(CultureInfo.InvariantCulture),
                $"{Served(vm, id)}, {(vm.IOThreadPins.TryGetValue(id, out var pin) ? $"pinned to host CPU {pin}" : "not pinned")}"))
            : [];

    private static string Served(VMConfiguration vm, int id) => string.Join(
        ", ",
        vm.Disks.Where(disk => disk.IOThread == id || disk.IOThreads.Contains(id)).Select(disk => $"disk {disk.Target}")
            .Concat(vm.Controllers.Where(controller => controller.IOThread == id)
                .Select(controller => string.Create(CultureInfo.InvariantCulture, $"SCSI controller {controller.Index}")))
            .DefaultIfEmpty("serves nothing"));
}

/// <summary>The NICs of the VM.</summary>
public sealed class NicCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) => VM(boundParameters) is not { } vm
        ? []
        : vm.Nics.Select((nic, index) => new Candidate(
                nic.Mac,
                string.Create(CultureInfo.InvariantCulture, $"NIC {index}: {nic.Model ?? "default model"} on {nic.InterfaceType} {nic.Source}, {nic.Queues ?? 1} queue{(nic.Queues > 1 ? "s" : null)}")))
            .Append(new Candidate(NicNames.All, "every NIC of the VM"));
}

/// <summary>The vCPUs of the VM.</summary>
public sealed class VcpuCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        VM(boundParameters) is { } vm
            ? Enumerable.Range(0, vm.MaxVcpus).Select(vcpu => new Candidate(
                vcpu.ToString(CultureInfo.InvariantCulture),
                vm.VcpuPins.TryGetValue(vcpu, out var pin) ? $"pinned to host CPU {pin}" : "not pinned"))
            : [];
}

/// <summary>The CPU modes and named models that the host can give the VM.</summary>
public sealed class CpuModelCompleter : Completer
{
    private static readonly Candidate[] Modes =
    [
        new("host-passthrough", "the host's own CPU as it is; migrates only to the same CPU"),
        new("host-model", "a named model as near to the host's CPU as libvirt knows one; migrates"),
        new("maximum", "everything that the hypervisor can give; also when emulated"),
    ];

    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) => GuestCpus(boundParameters) is not { } host
        ? Modes
        : Modes.Where(mode => host.Modes.Contains(mode.Value)).Concat(host.Models.Where(model => model.Value.IsUsable)
            .OrderBy(model => model.Key, StringComparer.OrdinalIgnoreCase)
            .Select(model => new Candidate(model.Key, model.Value.Vendor is { } vendor ? $"a CPU model of {vendor}" : "a CPU model")));
}

/// <summary>The CPU features that the host can give the VM.</summary>
public sealed class CpuFeatureCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        GuestCpus(boundParameters)?.Features?.Order(StringComparer.Ordinal).Select(feature => new Candidate(feature, $"the CPU feature {feature}")) ?? [];
}

/// <summary>The host's online CPUs.</summary>
public sealed class HostCpuCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters)
    {
        var host = HostReading.ReadCpus(Host(boundParameters));
        return host.Cpus.Where(cpu => host.OnlineCpus.Contains(cpu.Id)).Select(cpu => new Candidate(
            cpu.Id.ToString(CultureInfo.InvariantCulture),
            string.Create(CultureInfo.InvariantCulture, $"node {cpu.Node}, socket {cpu.Socket}, core {cpu.Core}, siblings {cpu.Siblings}")));
    }
}

/// <summary>The workloads.</summary>
public sealed class WorkloadCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        WorkloadCatalog.CreateDefault().All.Select(workload => new Candidate(workload.Name, workload.Description));
}

/// <summary>The metrics of the named workload, else of all workloads.</summary>
public sealed class MetricCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) => WorkloadCatalog.CreateDefault().All
        .Where(workload => boundParameters["Workload"]?.ToString() is not { Length: > 0 } named || workload.Name.Equals(named, StringComparison.OrdinalIgnoreCase))
        .SelectMany(workload => Metrics(workload).Select(metric => (workload.Name, Metric: metric)))
        .GroupBy(found => found.Metric.Name, StringComparer.Ordinal)
        .OrderBy(found => found.Key, StringComparer.Ordinal)
        .Select(found => new Candidate(found.Key, $"in {found.First().Metric.Unit}, of {string.Join(", ", found.Select(one => one.Name).Distinct(StringComparer.Ordinal))}"));

    // The user defines the metrics of the workload Command.
    private static IReadOnlyList<MetricDefinition> Metrics(IWorkload workload) => workload.Name is "Command" ? [] : workload.MetricsFor(new WorkloadRequest { Name = workload.Name });
}

/// <summary>The hosts that are connected, and the usual ones.</summary>
public sealed class ConnectionUriCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        HostConnections.Opened.Select(host => new Candidate(host.Uri, "connected"))
            .Concat(
            [
                new Candidate("qemu:///system", "the VMs of this machine"),
                new Candidate("qemu:///session", "the VMs of this user"),
                new Candidate("test:///default", "libvirt's built-in test driver, to try things without risk"),
            ])
            .DistinctBy(candidate => candidate.Value, StringComparer.Ordinal);
}

/// <summary>The sizes of huge pages that the host has.</summary>
public sealed class PageSizeCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        new HugePagePools(Host(boundParameters)).Read().GroupBy(pool => pool.PageSizeKiB).OrderBy(pools => pools.Key).Select(pools => new Candidate(
            PageSize.Short(pools.Key),
            string.Create(CultureInfo.InvariantCulture, $"{pools.Sum(pool => pool.Free)} of {pools.Sum(pool => pool.Total)} pages free")));
}

/// <summary>The NUMA nodes of the host.</summary>
public sealed class HostNodeCompleter : Completer
{
    /// <inheritdoc/>
    protected override IEnumerable<Candidate> Candidates(IDictionary boundParameters) =>
        HostReading.Read(Host(boundParameters)).Nodes.Select(node => new Candidate(
            node.Id.ToString(CultureInfo.InvariantCulture), $"CPUs {node.CpuSet}, {Formatting.KiB(node.FreeMemoryKiB)} of {Formatting.KiB(node.MemoryKiB)} free"));
}
