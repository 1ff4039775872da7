// The output of a program, up to a limit: a program that never stops writing must not use all memory of this process.
using System.Text;
using System.Threading.Channels;

namespace KvmTune.Hosts;

/// <summary>The text of one of a program's outputs: one task copies it in, one reader takes it out, line by line or to the end.</summary>
/// <param name="most">The number of characters that are kept.</param>
internal sealed class BoundedText(int most)
{
    private readonly Channel<string> _pieces = Channel.CreateUnbounded<string>(new() { SingleReader = true, SingleWriter = true });
    private readonly TaskCompletionSource _tooMuch = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StringBuilder _left = new();
    private int _kept;

    /// <summary>Completed when the output exceeded the limit.</summary>
    public Task TooMuch => _tooMuch.Task;

    /// <summary>Copies a stream of UTF-8 to its end, so that the program never waits for a reader; output above the limit is dropped.</summary>
    /// <param name="stream">The program's output.</param>
    /// <param name="cancellationToken">Ends the copying; the text copied so far can be read.</param>
    public async Task CopyAsync(Stream stream, CancellationToken cancellationToken)
    {
        try
        {
            using var reader = new StreamReader(stream, new UTF8Encoding(false), detectEncodingFromByteOrderMarks: false, leaveOpen: true);
            var buffer = new char[16 * 1024];
            while (await reader.ReadAsync(buffer, cancellationToken) is > 0 and var count)
            {
                var kept = Math.Min(count, most - _kept);
                _kept += kept;
                if (kept > 0)
                {
                    _pieces.Writer.TryWrite(new string(buffer, 0, kept));
                }

                if (kept < count)
                {
                    _tooMuch.TrySetResult();
                }
            }
        }
        finally
        {
            _pieces.Writer.Complete();
        }
    }

    /// <summary>The next line; null at the end. A longer line comes in parts.</summary>
    public async Task<string?> ReadLineAsync(int longest)
    {
        for (var searched = 0; ; searched++)
        {
            while (searched == _left.Length)
            {
                if (!await _pieces.Reader.WaitToReadAsync())
                {
                    return searched > 0 ? Take(searched, 0) : null;
                }

                TakePieces();
            }

            if (_left[searched] == '\n')
            {
                return Take(searched, 1);
            }

            if (searched + 1 == longest)
            {
                return Take(longest, 0);
            }
        }
    }

    /// <summary>The rest of the kept text, once the program has closed this output.</summary>
    public async Task<string> ReadToEndAsync()
    {
        while (await _pieces.Reader.WaitToReadAsync())
        {
            TakePieces();
        }

        return Take(_left.Length, 0);
    }

    private void TakePieces()
    {
        while (_pieces.Reader.TryRead(out var piece))
        {
            _left.Append(piece);
        }
    }

    // Returns the next characters, and drops some characters after them.
    private string Take(int count, int dropped)
    {
        var text = _left.ToString(0, count);
        _left.Remove(0, count + dropped);
        return text;
    }
}
