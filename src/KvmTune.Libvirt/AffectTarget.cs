// Which of a domain's two configurations a call is about.
namespace KvmTune.Libvirt;

/// <summary>What a call reads or changes (virDomainModificationImpact).</summary>
[Flags]
public enum AffectTarget
{
    /// <summary>The running domain if it runs, else the persistent configuration.</summary>
    Current = 0,

    /// <summary>The running domain; an error where it does not run.</summary>
    Live = 1,

    /// <summary>The persistent configuration; an error where there is none.</summary>
    Config = 2,

    /// <summary>Both. For changes only.</summary>
    Both = Live | Config,
}
