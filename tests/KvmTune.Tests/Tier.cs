// How much of what repeats for its own sake is run: a sample of it in every run of the tests, all of it in `./bootstrap.sh test all`.
using Xunit;

namespace KvmTune.Tests;

/// <summary>The tier that KVMTUNE_TEST_TIER names, and the trait of tests that only the tier of all tests has.</summary>
internal static class Tier
{
    /// <summary>The trait's name; `Tier=All` marks what only `test all` runs.</summary>
    public const string Trait = "Tier";

    /// <summary>The value of the trait.</summary>
    public const string All = "All";

    /// <summary>Whether everything is run.</summary>
    public static bool IsAll { get; } = Environment.GetEnvironmentVariable("KVMTUNE_TEST_TIER") == "all";

    /// <summary>How often something is repeated: as often as said with all tests, a tenth of that else.</summary>
    public static int Rounds(int all) => IsAll ? all : (all + 9) / 10;
}

/// <summary>The tests that use the guest lab1 take turns.</summary>
[CollectionDefinition(Name)]
public sealed class FirstGuest
{
    public const string Name = "lab1";
}

/// <summary>The tests that use the guest lab2 take turns.</summary>
[CollectionDefinition(Name)]
public sealed class SecondGuest
{
    public const string Name = "lab2";
}
