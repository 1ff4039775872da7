// The address of the guest's peer: found on the VM's bridge, otherwise required as a parameter.
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using NSubstitute;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class NetworkWorkloadTests
{
    private const string Macvtap = "<domain type='kvm'><devices><interface type='direct'><source dev='eth0' mode='bridge'/></interface></devices></domain>";

    [Fact]
    public async Task Without_an_address_it_says_so()
    {
        var error = await Assert.ThrowsAsync<MeasurementException>(() => Instance(null).PrepareAsync(CancellationToken.None));
        Assert.Equal("NetworkAddressMissing", error.ErrorId);
        Assert.Contains("-HostAddress", error.Message, StringComparison.Ordinal);
        Assert.Contains("macvtap", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_that_is_not_this_machines_is_told_before_the_guest_is_asked_to_reach_it()
    {
        // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
        var instance = Instance("192.0.2.1");
        await instance.PrepareAsync(CancellationToken.None);
        var error = await Assert.ThrowsAsync<MeasurementException>(() => instance.RunAsync(CancellationToken.None));
        Assert.Equal("NetworkAddressMissing", error.ErrorId);
        Assert.Contains("192.0.2.1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_address_is_refused() =>
        Assert.Contains("'db01'", Assert.Throws<ArgumentException>(() => new NetworkWorkload().Validate(Request("db01"))).Message, StringComparison.Ordinal);

    private static WorkloadRequest Request(string? address) => new() { Name = "Network", HostAddress = address };

    private static IWorkloadInstance Instance(string? address)
    {
        var channel = Substitute.For<IGuestChannel>();
        channel.RunAsync(default!, default).ReturnsForAnyArgs(new GuestCommandResult(0, null, "iperf 3.12 (cJSON 1.7.15)\n", string.Empty, TimeSpan.Zero));
        return new NetworkWorkload().Create(new WorkloadContext
        {
            VMName = "db01",
            Request = Request(address),
            RunningXml = Macvtap,
            Channel = channel,
            TimeProvider = TimeProvider.System,
            Report = (_, _) => { },
        });
    }
}
