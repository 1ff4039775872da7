// Set-HugePagePool: the number of huge pages that the host reserves, now and after a restart of the host.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Tuning.HugePages;

namespace KvmTune.Cmdlets.Memory;

/// <summary>Sets the size of a host's pool of huge pages.</summary>
[Cmdlet(VerbsCommon.Set, "HugePagePool", SupportsShouldProcess = true)]
[OutputType(typeof(HugePagePoolResult))]
public sealed class SetHugePagePoolCommand : CancellableCmdlet
{
    /// <summary>The page size: 2M, 1G, 2048K, or a number of KiB.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("PageSizeKiB")]
    [PageSizeTransformation]
    [ArgumentCompleter(typeof(PageSizeCompleter))]
    public long PageSize { get; set; }

    /// <summary>The number of pages in the pool.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ValidateRange(0, uint.MaxValue)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public long Count { get; set; }

    /// <summary>The NUMA node. By default the whole host: the kernel spreads the pages over the nodes.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(HostNodeCompleter))]
    public int? Node { get; set; }

    /// <summary>
    /// Keeps the pool after a restart of the host, if the host is this machine: with a file in /etc/sysctl.d for the default size on the whole
    /// host, in /etc/tmpfiles.d otherwise. Pages of 1 GiB need the kernel command line, which is shown.
    /// </summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter Persist { get; set; }

    /// <summary>With -Persist: the folder that takes the place of /, for a system image.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string PersistenceRoot { get; set; } = "/";

    /// <summary>The libvirt URI; by default the session's default host.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ConnectionUri { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Try(ConnectionUri, () => Set(HostConnections.Get(ConnectionUri)));

    private void Set(HostConnection host)
    {
        PlanCollector.Refuse("Set-HugePagePool");
        var persistence = Persist ? PersistenceOn(host) : null;
        var pools = new HugePagePools(host);
        var plan = pools.Plan(new HugePagePoolRequest(PageSize, Count, Node));
        // -WhatIf shows the warnings with the plan.
        foreach (var warning in IsWhatIf ? [] : plan.Warnings)
        {
            WriteWarning($"{host.Uri}: {warning}");
        }

        if (!ShouldProcess(Description(plan, persistence), $"{host.Uri}: {plan.Title}?", "KvmTune"))
        {
            return;
        }

        WriteVerbose($"{host.Uri}: {(plan.HasChanges ? $"the same with virsh:\n{plan.VirshCommand}" : $"nothing to do, the pool already has this size: {plan.Title}.")}");
        if (!PoolPersistence.IsPossible(PageSize))
        {
            persistence = null;
        }

        // On a host with a long uptime, the kernel can take a while to reserve many pages, and it reports no progress.
        var bar = new ProgressRecord(0, $"{host.Uri}: {plan.Title}", "the kernel is making and giving back pages");
        WriteProgress(bar);
        HugePagePoolResult result;
        KvmTuneException? failure;
        try
        {
            (result, failure) = plan.HasChanges || persistence is not null
                ? Await((post, token) => Journals.Current.RecordHostChangeAsync(
                    Intent(plan, persistence), () => Apply(pools, plan, persistence), warning => post(() => WriteWarning($"{host.Uri}: {warning}")), token))
                : Apply(pools, plan, persistence);
        }
        finally
        {
            bar.RecordType = ProgressRecordType.Completed;
            WriteProgress(bar);
        }

        if (failure is not null)
        {
            WriteError(ErrorRecords.Make(failure, result));
        }

        if (Persist && !PoolPersistence.IsPossible(PageSize))
        {
            WriteWarning($"{result.ConnectionUri}: a running host cannot reserve pages of {Topology.PageSize.Text(PageSize)} reliably. To keep the pool, add to the kernel command line: {result.KernelCommandLine}");
        }

        WarnOfBoot(host, plan.Request);
        WriteObject(result);
    }

    private void WarnOfBoot(HostConnection host, HugePagePoolRequest request)
    {
        if (host.IsLocalQemu
            && new PoolPersistence(HostMemoryFacts.Read(), GetUnresolvedProviderPathFromPSPath(PersistenceRoot)).AtBoot(request) is { } boot && boot.Count != request.Count)
        {
            WriteWarning(FormattableString.Invariant(
                $"{host.Uri}: the file {boot.File} sets this pool to {boot.Count} pages at the next boot of the host, not to {request.Count}. {(Persist ? "Change that file." : "Add -Persist, or change that file.")}"));
        }
    }

    private static HostChangeIntent Intent(HugePagePoolPlan plan, PoolPersistence? persistence) => new()
    {
        ConnectionUri = plan.ConnectionUri,
        Title = plan.HasChanges ? plan.Title : $"{plan.Title}, kept over a restart of the host",
        Request = plan.Request,
        FormerPools = [.. plan.Before.Select(pool => new HugePagePoolRequest(pool.PageSizeKiB, pool.Total - (pool.Surplus ?? 0), pool.Node))],
        FormerFiles = [.. (persistence?.Files ?? []).Select(FormerFile.Of)],
    };

    // The pool is already set, even if the persistent file fails: the result is emitted in any case.
    private static (HugePagePoolResult Result, KvmTuneException? Failure) Apply(HugePagePools pools, HugePagePoolPlan plan, PoolPersistence? persistence)
    {
        var result = plan.HasChanges ? pools.Apply(plan) : new HugePagePoolResult { Plan = plan, After = plan.Before };
        try
        {
            return (persistence is null ? result : result with { PersistedTo = persistence.Write(plan.Request) }, null);
        }
        catch (KvmTuneException exception)
        {
            return (result, exception);
        }
    }

    private PoolPersistence PersistenceOn(HostConnection host) => host.IsLocalQemu
        ? new PoolPersistence(HostMemoryFacts.Read(), GetUnresolvedProviderPathFromPSPath(PersistenceRoot))
        : throw new KvmTuneException(
            "HostNotLocal", KvmTuneErrorCategory.InvalidOperation,
            $"{host.Uri} is not this machine: -Persist writes files of the host. Run it there.");

    private static string Description(HugePagePoolPlan plan, PoolPersistence? persistence)
    {
        var lines = new List<string> { $"{plan.ConnectionUri}: {plan.Title}" };
        lines.AddRange(plan.Warnings.Select(warning => $"  Warning: {warning}"));
        if (persistence is not null)
        {
            lines.Add(PoolPersistence.IsPossible(plan.Request.PageSizeKiB)
                ? $"  kept over a restart of the host by {persistence.PathFor(plan.Request)}"
                : "  not kept over a restart of the host: that needs the kernel command line");
        }

        lines.Add($"  the same with virsh:\n{plan.VirshCommand}");
        return string.Join('\n', lines);
    }
}
