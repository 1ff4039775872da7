// VMs that end before or while they are watched, on libvirt's test driver: the others are still reported.
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Tests.Libvirt;
using Xunit;

namespace KvmTune.Tests.Diagnosis.Bottlenecks;

public sealed class BottleneckFinderTests
{
    [Fact]
    public async Task A_vm_that_ends_or_is_gone_costs_the_others_nothing()
    {
        using var file = new NodeFile("stays", "off", "gone", "goes");
        using var host = new HostConnection(file.Uri);
        var domains = host.Write().ListDomains();
        var byName = domains.ToDictionary(domain => domain.Name, StringComparer.Ordinal);
        byName["off"].Destroy();
        End(byName["gone"]);
        var isWatched = false;
        var progress = new Steps(step =>
        {
            if (!isWatched && step.Activity == "watching")
            {
                isWatched = true;
                End(byName["goes"]);
            }
        });

        var reports = await new BottleneckFinder(TimeProvider.System).FindAsync(
            host, domains, new BottleneckOptions { Interval = TimeSpan.FromMilliseconds(20) }, progress, CancellationToken.None);

        Assert.True(isWatched);
        Assert.Equal("stays", Assert.Single(reports).VMName);
        foreach (var domain in domains)
        {
            domain.Dispose();
        }
    }

    private static void End(LibvirtDomain domain)
    {
        domain.Destroy();
        domain.Undefine();
    }

    private sealed class Steps(Action<MeasurementProgress> onStep) : IProgress<MeasurementProgress>
    {
        public void Report(MeasurementProgress value) => onStep(value);
    }
}
