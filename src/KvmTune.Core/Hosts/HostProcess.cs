// Runs programs on this machine (ssh, iperf3). The one file that knows the process library, so that it can be swapped.
using System.ComponentModel;
using System.Text;
using CliWrap;

namespace KvmTune.Hosts;

/// <summary>A program that runs on this machine. Its arguments are handed over one by one; no shell is involved.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    /// <summary>The exit code of a program that was ended here, as a shell says it of one that got SIGKILL.</summary>
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

    /// <summary>Completed when the program has ended and both its outputs are closed; its exit code, <see cref="Killed"/> where it was ended here.</summary>
    public Task<int> Ended { get; }

    /// <summary>Completed once it has written more than it may. What is too much is read and dropped, so that it can end.</summary>
    public Task TooMuch => Task.WhenAny(_output.TooMuch, _errors.TooMuch);

    /// <summary>All that it wrote to its standard output, once it has closed that.</summary>
    public Task<string> OutputAsync() => Output;

    /// <summary>The next line of its standard error; null at its end. A longer line comes in parts.</summary>
    public Task<string?> ReadErrorLineAsync(int most) => _errors.ReadLineAsync(most);

    /// <summary>The rest of its standard error, once it has closed that.</summary>
    public Task<string> ReadErrorsAsync() => _errors.ReadToEndAsync();

    private Task<string> Output { get; }

    /// <summary>Starts a program.</summary>
    /// <param name="program">Its name, as the <c>PATH</c> finds it.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="standardInput">What it gets on its standard input; null for an empty one.</param>
    /// <param name="mostOutput">How many characters of its standard output are kept.</param>
    /// <param name="mostErrors">How many characters of its standard error are kept.</param>
    /// <returns>The running program; null where there is no such program.</returns>
    public static HostProcess? Start(string program, IEnumerable<string> arguments, string? standardInput = null, int mostOutput = 16 * 1024 * 1024, int mostErrors = 16 * 1024 * 1024)
    {
        if (LocalPrograms.Find(program) is not { } path)
        {
            return null;
        }

        var command = Cli.Wrap(path).WithArguments(arguments);
        if (standardInput is not null)
        {
            // That the program ends without reading all of it is its right, and no error here either.
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

    /// <summary>Ends the program and those under it at once where it still runs, and lets go of it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        try
        {
            await Ended;
        }
        catch (TimeoutException)
        {
            // The kernel does not let it end, as with one that waits for a dead network disk: nobody can do more about it.
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
