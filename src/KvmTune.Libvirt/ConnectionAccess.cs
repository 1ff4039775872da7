// Whether a connection may change anything.
namespace KvmTune.Libvirt;

/// <summary>The permissions of a connection.</summary>
public enum ConnectionAccess
{
    /// <summary>Read only: libvirt itself refuses every change, and XML with passwords.</summary>
    ReadOnly,

    /// <summary>Read and change.</summary>
    ReadWrite,
}
