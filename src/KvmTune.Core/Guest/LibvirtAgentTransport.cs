// Sends agent commands through libvirt (virDomainQemuAgentCommand), and translates libvirt's errors into reasons.
using KvmTune.Libvirt;

namespace KvmTune.Guest;

/// <summary>The agent of one libvirt domain.</summary>
internal sealed class LibvirtAgentTransport(DomainAccess domain) : IAgentTransport
{
    public string VMName => domain.Name;

    public string Send(string command, TimeSpan timeLimit)
    {
        try
        {
            return domain.Call(vm => vm.AgentCommand(command, timeLimit));
        }
        catch (LibvirtException exception)
        {
            throw Translate(exception);
        }
    }

    public bool IsRunning()
    {
        try
        {
            return domain.Call(vm => vm.GetState()) is DomainState.Running or DomainState.Blocked or DomainState.ShuttingDown;
        }
        catch (LibvirtException exception)
        {
            return exception.ErrorCode == LibvirtErrorCode.NoDomain ? false : throw Translate(exception);
        }
    }

    // libvirt 9.0, src/qemu/qemu_domain.c: qemuDomainAgentAvailable; src/qemu/qemu_agent.c: qemuAgentCommandFull.
    private GuestChannelException Translate(LibvirtException exception) => exception.ErrorCode switch
    {
        LibvirtErrorCode.ArgumentUnsupported => new GuestChannelException(
            GuestChannelReason.AgentNotConfigured,
            $"{VMName} has no guest agent channel. Add one to its XML (<channel type='unix'><target type='virtio' "
            + "name='org.qemu.guest_agent.0'/></channel>), restart it, and install the agent in the guest; or use SSH (-Channel Ssh).",
            exception),
        LibvirtErrorCode.OperationInvalid or LibvirtErrorCode.NoDomain => new GuestChannelException(
            GuestChannelReason.GuestNotRunning, $"{VMName} does not run: {exception.Message}. Start it first.", exception),
        LibvirtErrorCode.AgentUnresponsive or LibvirtErrorCode.AgentUnsynced or LibvirtErrorCode.OperationTimeout => new GuestChannelException(
            GuestChannelReason.AgentNotResponding,
            $"The guest agent in {VMName} does not answer: {exception.Message}. In the guest, install and start it: apt install "
            + "qemu-guest-agent | dnf install qemu-guest-agent | zypper install qemu-guest-agent, then systemctl enable --now "
            + "qemu-guest-agent; or use SSH (-Channel Ssh).",
            exception),
        LibvirtErrorCode.NoSupport => new GuestChannelException(
            GuestChannelReason.AgentNotConfigured, $"libvirt's driver for {VMName} has no guest agent. Use SSH (-Channel Ssh).", exception),
        _ => new GuestChannelException(
            GuestChannelReason.AgentCommandFailed, $"The guest agent in {VMName} refused: {KvmTuneException.Sentence(exception.Message)}", exception),
    };
}
