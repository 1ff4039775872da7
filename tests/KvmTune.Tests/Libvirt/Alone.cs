// Tests that measure the whole process run while no other test does.
using Xunit;

namespace KvmTune.Tests.Libvirt;

[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "Alone";
}
