// No test reads or writes the user's own journal, whatever code it calls.
using System.Runtime.CompilerServices;
using KvmTune.Journal;

namespace KvmTune.Tests.Journal;

internal static class TestHome
{
    [ModuleInitializer]
    internal static void Set() => Environment.SetEnvironmentVariable(JournalPlace.Variable, Path.Combine(Path.GetTempPath(), "kvmtune-xunit-no-journal"));
}
