// The channel into a guest: runs a program there and returns its whole output.
namespace KvmTune.Guest;

/// <summary>Runs programs in one guest. Several callers may use an implementation at the same time.</summary>
public interface IGuestChannel : IAsyncDisposable
{
    /// <summary>The kind of channel: <c>Agent</c> or <c>Ssh</c>.</summary>
    string Name { get; }

    /// <summary>Checks whether this channel can run programs in the guest.</summary>
    /// <exception cref="GuestChannelException">It cannot; the reason says why, and the message what to do.</exception>
    Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Runs a program and waits for its end. On cancellation or after the time limit the program and its children are
    /// ended in the guest, and the call returns when they are gone (after about a minute at most, if they do not end).
    /// </summary>
    /// <returns>The program's exit and its whole output, for any exit code.</returns>
    /// <exception cref="GuestChannelException">The program could not be run or not be finished.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the program is no longer running in the guest.</exception>
    Task<GuestCommandResult> RunAsync(GuestCommand command, CancellationToken cancellationToken);
}
