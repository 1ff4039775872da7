// The captured outputs of programs in the lab's guest.
namespace KvmTune.Tests.Measurement;

/// <summary>Reads the files of Data/measurement.</summary>
internal static class Captured
{
    public static string Text(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Data", "measurement", name));
}
