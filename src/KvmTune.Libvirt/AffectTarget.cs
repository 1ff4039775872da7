// The choice between a domain's two configurations.
namespace KvmTune.Libvirt;

/// <summary>The configuration that a call reads or changes (virDomainModificationImpact).</summary>
[Flags]
public enum AffectTarget
{
    /// <summary>The running domain if it runs, else the persistent configuration.</summary>
    Current = 0,

    /// <summary>The running domain; an error if it does not run.</summary>
    Live = 1,

    /// <summary>The persistent configuration; an error if there is none.</summary>
    Config = 2,

    /// <summary>Both. Only for changes.</summary>
    Both = Live | Config,
}
