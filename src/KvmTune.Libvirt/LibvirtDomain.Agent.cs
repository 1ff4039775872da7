// Commands to the QEMU guest agent.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed partial class LibvirtDomain
{
    private const int WaitForever = -2; // VIR_DOMAIN_QEMU_AGENT_COMMAND_BLOCK

    /// <summary>Sends a command to the guest agent and waits for its answer (<c>virDomainQemuAgentCommand</c>).</summary>
    /// <param name="json">The command, for instance <c>{"execute":"guest-ping"}</c>.</param>
    /// <param name="timeout">
    /// How long to wait, rounded up to whole seconds; <see cref="Timeout.InfiniteTimeSpan"/> for as long as it takes.
    /// </param>
    /// <returns>The answer as JSON: an object with <c>return</c>. An agent's error arrives as an exception.</returns>
    /// <exception cref="LibvirtException">
    /// <see cref="LibvirtErrorCode.AgentUnresponsive"/>: the agent is not there or does not answer in time;
    /// <see cref="LibvirtErrorCode.InternalError"/>: it refuses the command, and the message has its words.
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
