// Runs programs on this machine (ssh, iperf3). Only this file uses the process library, so that the library can be replaced.
using System.ComponentModel;
using System.Text;
using CliWrap;

namespace KvmTune.Hosts;

/// <summary>A program that runs on this machine. Its arguments are passed one by one; no shell is involved.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    /// <summary>The exit code of a program that this class killed; a shell reports the same code after SIGKILL.</summary>
    public const int Killed = 137;

    private readonly BoundedText _output;
    private readonly BoundedText _errors;
    private readonly CancellationTokenSource _end = new();

    private HostProcess(Command command, int mostOutput, int mostErrors)
    {
        _output = new BoundedText(mostOutput);
        _errors = new BoundedText(mostErrors);
        var running = command
            .WithValidation(CommandResultValidation.None)
            .WithStandardOutputPipe(PipeTarget.Create(_output.CopyAsync))
            .WithStandardErrorPipe(PipeTarget.Create(_errors.CopyAsync))
            .ExecuteAsync(_end.Token);
        ProcessId = running.ProcessId;
        Ended = ExitCodeAsync(running);
        Output = _output.ReadToEndAsync();
    }

    /// <summary>Its process id.</summary>
    public int ProcessId { get; }

    /// <summary>
    /// Completed when the program has ended and both its outputs are closed; its exit code, or <see cref="Killed"/> if this class killed it.
    /// </summary>
    public Task<int> Ended { get; }

    /// <summary>Completed when an output exceeded its limit. The rest is read and dropped, so that the program can end.</summary>
    public Task TooMuch => Task.WhenAny(_output.TooMuch, _errors.TooMuch);

    /// <summary>Its standard output, up to the limit, once it has closed that.</summary>
    public Task<string> OutputAsync() => Output;

    /// <summary>The next line of its standard error; null at its end. A longer line comes in parts.</summary>
    public Task<string?> ReadErrorLineAsync(int most) => _errors.ReadLineAsync(most);

    /// <summary>The rest of its standard error, once it has closed that.</summary>
    public Task<string> ReadErrorsAsync() => _errors.ReadToEndAsync();

    private Task<string> Output { get; }

    /// <summary>Starts a program.</summary>
    /// <param name="program">Its name, which is searched in the <c>PATH</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="standardInput">The text for its standard input; null for an empty one.</param>
    /// <param name="mostOutput">The number of characters of its standard output that are kept.</param>
    /// <param name="mostErrors">The number of characters of its standard error that are kept.</param>
    /// <returns>The running program; null if there is no such program.</returns>
    public static HostProcess? Start(string program, IEnumerable<string> arguments, string? standardInput = null, int mostOutput = 16 * 1024 * 1024, int mostErrors = 16 * 1024 * 1024)
    {
        if (LocalPrograms.Find(program) is not { } path)
        {
            return null;
        }

        var command = Cli.Wrap(path).WithArguments(arguments);
        if (standardInput is not null)
        {
            // A program may end without reading all of its input; that is no error.
            command = command.WithStandardInputPipe(PipeSource.FromString(standardInput, new UTF8Encoding(false)));
        }

        try
        {
            return new HostProcess(command, mostOutput, mostErrors);
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Kills the program and its child processes at once if it still runs, and frees its resources.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        try
        {
            await Ended;
        }
        catch (TimeoutException)
        {
            // The kernel cannot end the process, for example because it waits for a dead network disk: nothing more can be done.
        }
    }

    private static async Task<int> ExitCodeAsync(CommandTask<CommandResult> running)
    {
        try
        {
            return (await running).ExitCode;
        }
        catch (OperationCanceledException)
        {
            return Killed;
        }
    }
}
