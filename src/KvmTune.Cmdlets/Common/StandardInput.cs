// Whether anybody could answer by the standard input of this process.
namespace KvmTune.Cmdlets.Common;

/// <summary>The standard input as the kernel has it.</summary>
internal static class StandardInput
{
    private const int AccessMode = 3;

    /// <summary>
    /// Whether it was closed when the process was started (<c>command &lt;&amp;-</c>). Its number goes to the next thing that is opened then, and
    /// that is a pipe of .NET's own: who reads it waits for ever, for the process itself holds the other end.
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
            // Closed meanwhile.
            return false;
        }
    }
}
