// The operations that the agent channel needs from libvirt: send a JSON command, and check whether the VM runs. Tests use a fake.
namespace KvmTune.Guest;

/// <summary>Sends JSON commands to one VM's guest agent. The calls block; the channel makes them on another thread than the caller's.</summary>
public interface IAgentTransport
{
    /// <summary>The VM's name, for messages.</summary>
    string VMName { get; }

    /// <summary>Sends a command and returns the agent's whole reply (<c>{"return": …}</c>).</summary>
    /// <exception cref="GuestChannelException">
    /// There is no reply, or it is an error: <see cref="GuestChannelReason.AgentCommandFailed"/> with the agent's message.
    /// </exception>
    string Send(string command, TimeSpan timeLimit);

    /// <summary>Whether the VM runs at this moment.</summary>
    /// <exception cref="GuestChannelException">libvirt did not answer.</exception>
    bool IsRunning();
}
