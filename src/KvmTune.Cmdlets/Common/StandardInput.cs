// Detects a closed standard input, so that no cmdlet waits for an answer that cannot come.
namespace KvmTune.Cmdlets.Common;

/// <summary>The standard input as the kernel reports it.</summary>
internal static class StandardInput
{
    private const int AccessMode = 3;

    /// <summary>
    /// Whether standard input was closed at the start of the process (<c>command &lt;&amp;-</c>). The first file that the process opens then gets
    /// descriptor 0. That is one of .NET's own pipes: reading from it waits for ever, because the process itself holds the other end.
    /// </summary>
    public static bool IsClosed
    {
        get
        {
            try
            {
                return File.ResolveLinkTarget("/proc/self/fd/0", returnFinalTarget: false)?.Name is not { } input
                    || (input.StartsWith("pipe:", StringComparison.Ordinal) && Directory.EnumerateFileSystemEntries("/proc/self/fd").Any(file => IsOtherEnd(file, input)));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private static bool IsOtherEnd(string file, string input)
    {
        try
        {
            return File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name == input
                && File.ReadLines($"/proc/self/fdinfo/{Path.GetFileName(file)}").FirstOrDefault(line => line.StartsWith("flags:", StringComparison.Ordinal)) is { } flags
                && (Convert.ToInt32(flags["flags:".Length..].Trim(), 8) & AccessMode) != 0;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            // The file was closed in the meantime.
            return false;
        }
    }
}
