// One guest of the lab for a test: connection, target, measurer, and a check for leftovers in it.
using KvmTune.Guest;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using Xunit;

namespace KvmTune.Tests.Measurement;

/// <summary>Opens a guest of the lab, or skips the test if there is no lab (KVMTUNE_LAB_URI is not set).</summary>
internal sealed class LabGuest : IDisposable
{
    private readonly LibvirtConnection _connection;

    private LabGuest(LibvirtConnection connection, LibvirtDomain domain)
    {
        _connection = connection;
        Domain = domain;
        Target = new LibvirtMeasurementTarget(domain, TimeProvider.System);
    }

    /// <summary>A run that is long enough for a test to open a channel, find fio and act, even on a busy host.</summary>
    public static readonly TimeSpan TimeToReact = TimeSpan.FromSeconds(6);

    public LibvirtDomain Domain { get; }

    public LibvirtMeasurementTarget Target { get; }

    public VMMeasurer Measurer { get; } = new(WorkloadCatalog.CreateDefault(), TimeProvider.System);

    public static LabGuest Open(string name = "lab2")
    {
        var uri = Environment.GetEnvironmentVariable("KVMTUNE_LAB_URI");
        Skip.If(string.IsNullOrEmpty(uri), "KVMTUNE_LAB_URI is not set: there is no lab.");
        var connection = LibvirtConnection.Open(uri, ConnectionAccess.ReadWrite);
        var domain = connection.LookupByName(name);
        if (!domain.IsActive)
        {
            domain.Start();
        }

        return new LabGuest(connection, domain);
    }

    public static SshEndpoint Ssh(string name = "lab2")
    {
        var key = Environment.GetEnvironmentVariable("KVMTUNE_LAB_SSH_KEY");
        Skip.If(string.IsNullOrEmpty(key), "KVMTUNE_LAB_SSH_KEY is not set: the lab's guests cannot be reached by SSH.");
        return new SshEndpoint
        {
            HostName = Environment.GetEnvironmentVariable($"KVMTUNE_LAB_{name.ToUpperInvariant()}_ADDRESS")!,
            UserName = "root",
            IdentityFile = key,
            KnownHostsFile = Environment.GetEnvironmentVariable("KVMTUNE_LAB_KNOWN_HOSTS"),
        };
    }

    /// <summary>A channel to the guest; waits until the guest has booted far enough to answer.</summary>
    public async Task<IGuestChannel> ChannelAsync(GuestChannelKind kind = GuestChannelKind.Agent)
    {
        var request = new WorkloadRequest { Name = "Cpu", Channel = kind, Ssh = kind == GuestChannelKind.Ssh ? Ssh(Domain.Name) : null };
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return await Target.OpenChannelAsync(request, CancellationToken.None);
            }
            catch (GuestChannelException exception) when (attempt < 120
                && exception.Reason is GuestChannelReason.AgentNotResponding or GuestChannelReason.SshUnreachable)
            {
                await Task.Delay(500);
            }
        }
    }

    /// <summary>Waits until fio runs in the guest.</summary>
    public async Task WaitForFioAsync()
    {
        var channel = await ChannelAsync();
        var command = new GuestCommand("/bin/sh", ["-c", "until pidof fio; do usleep 50000; done"]) { TimeLimit = TimeSpan.FromMinutes(2) };
        Assert.True((await channel.RunAsync(command, CancellationToken.None)).Succeeded, "fio was not started.");
    }

    /// <summary>
    /// The possible leftovers of a measurement: its folders, and fio processes. A zombie counts as ended, because init may collect it late.
    /// </summary>
    public async Task<string> LeftoversAsync()
    {
        var channel = await ChannelAsync();
        const string script = "ls -d /data/.kvmtune-* /.kvmtune-* 2>/dev/null;"
            + " for p in $(pidof fio sysbench); do grep -q '^State:.Z' /proc/$p/status || cat /proc/$p/status; done; true";
        var result = await channel.RunAsync(new GuestCommand("/bin/sh", ["-c", script]), CancellationToken.None);
        return result.StandardOutput;
    }

    public void Dispose()
    {
        Target.Dispose();
        Domain.Dispose();
        _connection.Dispose();
    }
}
