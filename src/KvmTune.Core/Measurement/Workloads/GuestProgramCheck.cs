// Checks that the guest has a workload's program, and reads its version.
using KvmTune.Guest;

namespace KvmTune.Measurement.Workloads;

/// <summary>Asks a guest's program for its version.</summary>
internal static class GuestProgramCheck
{
    /// <returns>The first line of the program's output, for example <c>fio-3.33</c>.</returns>
    /// <exception cref="MeasurementException">The guest does not have the program.</exception>
    public static async Task<string> VersionAsync(WorkloadContext context, GuestProgram program, CancellationToken cancellationToken)
    {
        try
        {
            var result = await context.RequiredChannel.RunAsync(new GuestCommand(program.Name, ["--version"]) { HasShortOutput = true }, cancellationToken);
            var line = result.StandardOutput.Split('\n', 2)[0].Trim();
            return line.Length > 0
                ? line
                : throw new MeasurementException(
                    MeasurementReason.WorkloadProgramUnsuitable, $"{program.Name} in {context.VMName} does not start: {result.Describe()}");
        }
        catch (GuestChannelException exception) when (exception.Reason == GuestChannelReason.CommandNotFound)
        {
            throw new MeasurementException(
                MeasurementReason.WorkloadProgramMissing,
                $"The guest {context.VMName} does not have {program.Name}, which the workload {context.Request.Name} runs. {program.HowToInstall()}",
                exception);
        }
    }
}
