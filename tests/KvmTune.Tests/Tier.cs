// The number of repetitions in repeated tests: a sample in every run of the tests, all of them in `./bootstrap.sh test all`.
using Xunit;

namespace KvmTune.Tests;

/// <summary>The tier in KVMTUNE_TEST_TIER, and the trait of tests that only run with all tests.</summary>
internal static class Tier
{
    /// <summary>The trait's name; `Tier=All` marks tests that only `test all` runs.</summary>
    public const string Trait = "Tier";

    /// <summary>The value of the trait.</summary>
    public const string All = "All";

    /// <summary>Whether all tests run.</summary>
    public static bool IsAll { get; } = Environment.GetEnvironmentVariable("KVMTUNE_TEST_TIER") == "all";

    /// <summary>The number of repetitions: the given number with all tests, otherwise a tenth.</summary>
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
