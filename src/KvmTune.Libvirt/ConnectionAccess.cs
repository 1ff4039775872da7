// Whether a connection may change anything.
namespace KvmTune.Libvirt;

/// <summary>What a connection may do.</summary>
public enum ConnectionAccess
{
    /// <summary>Look only: libvirt itself refuses every change, and XML with passwords.</summary>
    ReadOnly,

    /// <summary>Look and change.</summary>
    ReadWrite,
}
