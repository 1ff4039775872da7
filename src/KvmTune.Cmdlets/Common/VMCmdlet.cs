// Cmdlets that work on VMs: the choice of the VMs and of their host.
using System.Management.Automation;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet that takes VMs, by name, wildcard, UUID or object.</summary>
public abstract class VMCmdlet : CancellableCmdlet
{
    /// <summary>The libvirt URI of the host. Default: the object's own, else that of Connect-VMHost, LIBVIRT_DEFAULT_URI or qemu:///system.</summary>
    [Parameter]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ConnectionUri { get; set; }

    /// <summary>
    /// The text of a progress bar over many VMs, for example <c>Looking at the VMs of</c>; null for a cmdlet with its own bars or none.
    /// </summary>
    protected virtual string? Activity => null;

    /// <summary>Calls an action for each VM that the references name. An unknown name causes an error; the other VMs are still processed.</summary>
    protected void ForEachVM(IEnumerable<VMReference> references, bool writable, Action<VMTarget> action) =>
        ForEachVM(references, writable, keep: false, vm =>
        {
            action(vm);
            return false;
        });

    /// <summary>Calls an action for each VM that the references name. The caller can keep VMs for later.</summary>
    /// <param name="references">The VMs.</param>
    /// <param name="writable">Whether the connection is writable.</param>
    /// <param name="keep">Whether VMs may be kept: then a VM's domain is disposed only if the action returns false.</param>
    /// <param name="action">The action; it returns true to keep a VM, whose domain the caller then disposes.</param>
    protected void ForEachVM(IEnumerable<VMReference> references, bool writable, bool keep, Func<VMTarget, bool> action)
    {
        foreach (var reference in references)
        {
            Try(reference.Name, () =>
            {
                var host = HostConnections.Get(ConnectionUri ?? reference.ConnectionUri);
                var connection = writable ? host.Write() : host.Read();
                var bar = Activity is { } activity ? new VMCountProgress(this, $"{activity} {host.Uri}") : null;
                foreach (var domain in Find(reference, host, connection, bar))
                {
                    var isKept = false;
                    bar?.Next(domain.Name);
                    try
                    {
                        Try(domain.Name, () => isKept = UnlessGone(reference, domain, () => action(new VMTarget(host, domain, reference))) && keep);
                    }
                    finally
                    {
                        if (!isKept)
                        {
                            domain.Dispose();
                        }
                    }
                }

                bar?.Complete();
            });
        }
    }

    /// <summary>Reads each VM that the references name, a few ahead on other threads, and passes on the results one by one in their order.</summary>
    /// <param name="references">The VMs.</param>
    /// <param name="read">Reads one; must not touch the cmdlet. Its token is cancelled when no more results are needed.</param>
    /// <param name="action">Takes the result, on PowerShell's thread. An error of either is written, and the next VM follows.</param>
    protected void ReadEachVM<T>(IEnumerable<VMReference> references, Func<VMTarget, CancellationToken, T> read, Action<T> action)
    {
        foreach (var reference in references)
        {
            Try(reference.Name, () =>
            {
                var host = HostConnections.Get(ConnectionUri ?? reference.ConnectionUri);
                using var ahead = new ReadAhead<T>(CancellationToken);
                var bar = new VMCountProgress(this, $"{Activity ?? "Reading VMs of"} {host.Uri}");
                foreach (var domain in Find(reference, host, host.Read(), bar))
                {
                    if (ahead.IsFull)
                    {
                        bar.Next(ahead.NextName);
                        TakeNext(reference, ahead, action);
                    }

                    ahead.Begin(domain, token => read(new VMTarget(host, domain, reference), token));
                }

                while (!ahead.IsEmpty)
                {
                    TakeNext(reference, ahead, action);
                }

                bar.Complete();
            });
        }
    }

    private void TakeNext<T>(VMReference reference, ReadAhead<T> ahead, Action<T> action)
    {
        var name = ahead.NextName;
        Try(name, () => UnlessGone(reference, name, () =>
        {
            action(Take(ahead));
            return true;
        }));
    }

    private T Take<T>(ReadAhead<T> ahead)
    {
        try
        {
            return ahead.Take();
        }
        catch (OperationCanceledException) when (CancellationToken.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
    }

    private bool UnlessGone(VMReference reference, LibvirtDomain domain, Func<bool> action) => UnlessGone(reference, domain.Name, action);

    // A VM can disappear after a pattern found it (a transient VM was shut down, another one undefined). Then it is skipped. A VM that the user
    // named must exist.
    private bool UnlessGone(VMReference reference, string name, Func<bool> action)
    {
        try
        {
            return action();
        }
        catch (Exception exception) when (reference.Id is null && WildcardPattern.ContainsWildcardCharacters(reference.Name)
            && exception is LibvirtException { ErrorCode: LibvirtErrorCode.NoDomain })
        {
            WriteVerbose($"{name} was removed after the VMs were listed.");
            return false;
        }
    }

    /// <summary>The one VM that a reference names; null for a pattern without a VM of exactly that name. The caller disposes it.</summary>
    /// <exception cref="KvmTuneException">There is no such VM (<c>VMNotFound</c>).</exception>
    private protected static LibvirtDomain? FindNamed(VMReference reference, HostConnection host, LibvirtConnection connection) => reference.Id is { } id
        ? connection.TryLookupByUuid(id) ?? throw host.VMNotFound(reference.Name, id)
        // A VM can have the name 'web[1]': the literal name is tried first, then the pattern.
        : WildcardPattern.ContainsWildcardCharacters(reference.Name)
            ? connection.TryLookupByName(reference.Name)
            : host.FindVM(reference.Name, connection);

    private static IEnumerable<LibvirtDomain> Find(VMReference reference, HostConnection host, LibvirtConnection connection, VMCountProgress? bar) =>
        FindNamed(reference, host, connection) is { } named
            ? [named]
            : Matching(connection, new WildcardPattern(reference.Name, WildcardOptions.IgnoreCase), bar);

    private static IEnumerable<LibvirtDomain> Matching(LibvirtConnection connection, WildcardPattern pattern, VMCountProgress? bar)
    {
        var domains = connection.ListDomains();
        bar?.Expect(domains.Count);
        foreach (var domain in domains.OrderBy(domain => domain.Name, StringComparer.OrdinalIgnoreCase).ThenBy(domain => domain.Name, StringComparer.Ordinal))
        {
            if (pattern.IsMatch(domain.Name))
            {
                yield return domain;
            }
            else
            {
                bar?.Skip();
                domain.Dispose();
            }
        }
    }
}

/// <summary>One VM that a cmdlet works on.</summary>
/// <param name="Host">Its host.</param>
/// <param name="Domain">The libvirt domain.</param>
/// <param name="Reference">The user's reference to it.</param>
public sealed record VMTarget(HostConnection Host, LibvirtDomain Domain, VMReference Reference)
{
    /// <summary>The changes of the VM that were planned before by the same call, or by the same script block, and are not made yet.</summary>
    internal IReadOnlyList<VMChange> Planned { get; init; } = [];
}
