// The exception for a machine without libvirt's client library.
namespace KvmTune.Libvirt;

/// <summary>libvirt's client library could not be loaded. The message says what to install.</summary>
public sealed class LibvirtUnavailableException : Exception
{
    /// <summary>The general case: <c>libvirt.so.0</c> is missing.</summary>
    public LibvirtUnavailableException()
        : this("libvirt.so.0 could not be loaded. " + Advice)
    {
    }

    /// <summary>The general case with its own message.</summary>
    /// <param name="message">The missing library and the package to install.</param>
    public LibvirtUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>The general case with a cause.</summary>
    /// <param name="message">The missing library and the package to install.</param>
    /// <param name="innerException">The cause.</param>
    public LibvirtUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal static string Advice =>
        "Install libvirt's client library: 'apt install libvirt0' on Debian and Ubuntu, 'dnf install libvirt-libs' on " +
        "Fedora and RHEL, 'zypper install libvirt-libs' on openSUSE.";
}
