// Commands to the QEMU guest agent.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed partial class LibvirtDomain
{
    private const int WaitForever = -2; // VIR_DOMAIN_QEMU_AGENT_COMMAND_BLOCK

    /// <summary>Sends a command to the guest agent and waits for its answer (<c>virDomainQemuAgentCommand</c>).</summary>
    /// <param name="json">The command, for instance <c>{"execute":"guest-ping"}</c>.</param>
    /// <param name="timeout">
    /// The time limit, rounded up to whole seconds; <see cref="Timeout.InfiniteTimeSpan"/> for none.
    /// </param>
    /// <returns>The answer as JSON: an object with <c>return</c>. An error of the agent causes an exception.</returns>
    /// <exception cref="LibvirtException">
    /// <see cref="LibvirtErrorCode.AgentUnresponsive"/>: the agent is not connected or does not answer in time;
    /// <see cref="LibvirtErrorCode.InternalError"/>: the agent refuses the command; the message contains the agent's message.
    /// </exception>
    public string AgentCommand(string json, TimeSpan timeout)
    {
        NativeUtf8String.RequireNoNull(json, nameof(json));
        int seconds;
        if (timeout == Timeout.InfiniteTimeSpan)
        {
            seconds = WaitForever;
        }
        else
        {
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(timeout, TimeSpan.Zero);
            seconds = (int)Math.Min(int.MaxValue, Math.Ceiling(timeout.TotalSeconds));
        }

        return NativeUtf8String.Take(LibvirtError.Check(
            virDomainQemuAgentCommand(Handle, json, seconds, 0), Connection.Handle));
    }

    [LibraryImport(LibvirtLibrary.LibvirtQemu, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint virDomainQemuAgentCommand(DomainHandle domain, string command, int timeout, uint flags);
}
