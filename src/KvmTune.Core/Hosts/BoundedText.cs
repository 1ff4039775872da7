// What a program writes, up to a bound: a program that never stops writing must not take the memory of this one.
using System.Text;
using System.Threading.Channels;

namespace KvmTune.Hosts;

/// <summary>The text of one of a program's outputs: one side copies it in, one reader takes it out, by lines or to its end.</summary>
/// <param name="most">How many characters are kept.</param>
internal sealed class BoundedText(int most)
{
    private readonly Channel<string> _pieces = Channel.CreateUnbounded<string>(new() { SingleReader = true, SingleWriter = true });
    private readonly TaskCompletionSource _tooMuch = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StringBuilder _left = new();
    private int _kept;

    /// <summary>Completed once there was more than is kept.</summary>
    public Task TooMuch => _tooMuch.Task;

    /// <summary>Copies a stream of UTF-8. All is read to its end, so that the program does not wait for a reader; what is too much is dropped.</summary>
    /// <param name="stream">What the program writes.</param>
    /// <param name="cancellationToken">Ends the copying; what came until then can be read.</param>
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

    /// <summary>The next line; null at the end. A line that is longer comes in parts.</summary>
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

    /// <summary>The rest, as far as it is kept, once the program has closed this output.</summary>
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

    // The next characters, and so many after them that are dropped.
    private string Take(int count, int dropped)
    {
        var text = _left.ToString(0, count);
        _left.Remove(0, count + dropped);
        return text;
    }
}
