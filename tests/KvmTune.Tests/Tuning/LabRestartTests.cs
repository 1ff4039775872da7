// A VM that another process is starting, for example after that process was killed: the restart waits for it, and then shuts it down normally.
using KvmTune.Libvirt;
using KvmTune.Tests.Measurement;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Tuning;

[Trait("Category", "Lab")]
[Collection(FirstGuest.Name)]
public sealed class LabRestartTests
{
    private const int PausedStartingUp = 11;

    [SkippableFact]
    public async Task A_VM_that_is_just_being_started_is_waited_for_and_shut_down()
    {
        using var lab = LabGuest.Open("lab1");
        var vm = lab.Domain;
        var restarter = new VMRestarter(TimeProvider.System, new RestartOptions());
        await restarter.ShutDownAsync(vm, CancellationToken.None);
        try
        {
            using var connection = LibvirtConnection.Open(vm.Connection.Uri, ConnectionAccess.ReadWrite);
            using var same = connection.LookupByUuid(vm.Id);
            var start = Task.Run(same.Start);
            Assert.True(SpinWait.SpinUntil(() => vm.GetState(out var reason) == DomainState.Paused && reason == PausedStartingUp, TimeSpan.FromMinutes(2)));

            Assert.True(await restarter.ShutDownAsync(vm, CancellationToken.None));

            await start;
            Assert.False(vm.IsActive);
        }
        finally
        {
            await restarter.StartAsync(vm, waitForAgent: true, CancellationToken.None);
        }
    }
}
