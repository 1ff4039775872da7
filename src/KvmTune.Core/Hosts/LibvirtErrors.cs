// Turns libvirt's errors into the engine's: a fixed id, the matching category, and advice.
using KvmTune.Libvirt;

namespace KvmTune.Hosts;

/// <summary>The meaning of libvirt's error codes for a user of this module.</summary>
public static class LibvirtErrors
{
    // The drivers of libvirt (libvirt.org/drivers.html). libvirt passes a URI of any other kind to the daemon of this machine; without a daemon its
    // error only says that there is none.
    private static readonly string[] Drivers =
        ["qemu", "test", "xen", "lxc", "ch", "vbox", "openvz", "vz", "parallels", "bhyve", "hyperv", "esx", "gsx", "vpx", "vmwareplayer", "vmwarews", "vmwarefusion", "remote"];

    // virErrorDomain VIR_FROM_URI: the text cannot be parsed as a URI.
    private const int UriDomain = 45;

    /// <summary>The error for a connection that could not be opened.</summary>
    public static KvmTuneException Opening(LibvirtException exception, string uri, ConnectionAccess access)
    {
        if (MissingFile(uri) is { } file)
        {
            return new KvmTuneException(
                "ConnectionUriInvalid", KvmTuneErrorCategory.InvalidArgument,
                $"The host {uri} could not be opened: there is no file '{file}'. A test host is described by an XML file; test:///default needs none.", exception);
        }

        var (id, category, advice) = exception.ErrorCode switch
        {
            // Messages of the system's resolver, ssh and libvirt for an unknown host name.
            _ when Says(exception, "Name or service not known", "Could not resolve hostname", "name resolution", "No address associated", "unable to resolve") => (
                "HostNameUnknown", KvmTuneErrorCategory.ConnectionError,
                $"No address is known for the name{(NameIn(uri) is { } name ? $" '{name}'" : null)}: check its spelling, and DNS or /etc/hosts."),
            _ when Says(exception, "Host key verification failed") => (
                "HostKeyUnknown", KvmTuneErrorCategory.PermissionDenied,
                $"SSH does not know the key of this host, or knows another one: log in once with ssh{(NameIn(uri) is { } host ? $" {host}" : null)} and check the key."),
            _ when Says(exception, "Permission denied (publickey", "Permission denied, please try again") => (
                "PermissionDenied", KvmTuneErrorCategory.PermissionDenied,
                $"SSH could not log in: check the user in the URI and its key, with ssh{(NameIn(uri) is { } host ? $" {host}" : null)}."),
            _ when Says(exception, "No route to host", "Network is unreachable", "timed out") => (
                "HostNotReachable", KvmTuneErrorCategory.ConnectionError,
                "The host does not answer: check that it runs, and the network and firewalls between."),
            LibvirtErrorCode.AuthenticationFailed or LibvirtErrorCode.AuthenticationCancelled or LibvirtErrorCode.AuthenticationUnavailable
                or LibvirtErrorCode.AccessDenied or LibvirtErrorCode.OperationDenied => PermissionDenied(access),
            _ when exception.Message.Contains("Permission denied", StringComparison.Ordinal) => PermissionDenied(access),
            // The test driver needs no daemon, only the file that the URI names.
            _ when !IsKnown(uri) || exception.Domain == UriDomain || exception.ErrorCode is LibvirtErrorCode.NoConnect or LibvirtErrorCode.ConfigUnsupported
                or LibvirtErrorCode.XmlError || uri.StartsWith("test:", StringComparison.Ordinal) => (
                "ConnectionUriInvalid", KvmTuneErrorCategory.InvalidArgument,
                "Use a libvirt URI such as qemu:///system, qemu+ssh://user@host/system or test:///default."),
            _ => (
                "DaemonNotReachable", KvmTuneErrorCategory.ConnectionError,
                "Is the libvirt daemon running there? On the host: systemctl start libvirtd (or virtqemud.socket)."),
        };
        return new KvmTuneException(id, category, $"The host {uri} could not be opened: {KvmTuneException.Sentence(Cause(exception, uri))} {advice}", exception);
    }

    /// <summary>The error for a call on an open connection that failed.</summary>
    /// <param name="exception">libvirt's error.</param>
    /// <param name="attempt">The attempted action, for example <c>pinning vCPU 0 of 'db01'</c>.</param>
    public static KvmTuneException Calling(LibvirtException exception, string attempt)
    {
        var (id, category, advice) = exception switch
        {
            { IsConnectionLost: true } => (
                "ConnectionLost", KvmTuneErrorCategory.ConnectionError,
                "The libvirt daemon went away; the next command opens a new connection."),
            { ErrorCode: LibvirtErrorCode.NoDomain } => (
                "VMNotFound", KvmTuneErrorCategory.ObjectNotFound, "The VM is gone."),
            { ErrorCode: LibvirtErrorCode.OperationDenied or LibvirtErrorCode.AccessDenied or LibvirtErrorCode.AuthenticationFailed } => (
                "PermissionDenied", KvmTuneErrorCategory.PermissionDenied,
                "Changing VMs needs the rights that virsh needs: root, or membership of the group libvirt."),
            { ErrorCode: LibvirtErrorCode.NoSupport or LibvirtErrorCode.OperationUnsupported or LibvirtErrorCode.ArgumentUnsupported } => (
                "NotSupportedByDriver", KvmTuneErrorCategory.NotImplemented, "This libvirt driver cannot do that."),
            // A driver that knows the function but not its flags reports only "invalid argument" (virCheckFlags).
            { ErrorCode: LibvirtErrorCode.InvalidArgument } when exception.Message.Contains("unsupported flags", StringComparison.Ordinal) => (
                "NotSupportedByDriver", KvmTuneErrorCategory.NotImplemented, "This libvirt driver cannot do that."),
            { ErrorCode: LibvirtErrorCode.OperationInvalid } => (
                "VMStateInvalid", KvmTuneErrorCategory.InvalidOperation, "Look at the VM's state with Get-VMTopology."),
            _ => (
                "LibvirtError", KvmTuneErrorCategory.InvalidOperation,
                "libvirt's log on the host may say more: journalctl -u libvirtd -u virtqemud."),
        };
        return new KvmTuneException(id, category, $"{Capitalised(attempt)} failed: {KvmTuneException.Sentence(exception.Message)} {advice}", exception);
    }

    // The missing file of a test host: libvirt 9 only reports that it is not XML.
    private static string? MissingFile(string uri) =>
        Uri.TryCreate(uri, UriKind.Absolute, out var parsed) && parsed.Scheme == "test" && parsed.Host.Length == 0 && parsed.AbsolutePath is not ("/" or "/default")
            && Uri.UnescapeDataString(parsed.AbsolutePath) is var file && !File.Exists(file)
            ? file
            : null;

    // libvirt 9 joins two messages here: "no connection driver available for URI 'web' does not include a driver name".
    private static string Cause(LibvirtException exception, string uri) =>
        Says(exception, "does not include a driver name") ? $"'{uri}' is neither a URI nor an alias in libvirt.conf" : exception.Message;

    private static (string Id, KvmTuneErrorCategory Category, string Advice) PermissionDenied(ConnectionAccess access) => (
        "PermissionDenied", KvmTuneErrorCategory.PermissionDenied,
        access == ConnectionAccess.ReadWrite
            ? "Changing VMs needs the rights that virsh needs: root, or membership of the group libvirt."
            : "Reading needs the rights that virsh --readonly needs.");

    private static bool Says(LibvirtException exception, params ReadOnlySpan<string> texts)
    {
        foreach (var text in texts)
        {
            if (exception.Message.Contains(text, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static string? NameIn(string uri) => Uri.TryCreate(uri, UriKind.Absolute, out var parsed) && parsed.Host.Length > 0 ? parsed.Host : null;

    // A name without a scheme may be an alias of libvirt's configuration.
    private static bool IsKnown(string uri) =>
        !Uri.TryCreate(uri, UriKind.Absolute, out var parsed) || Drivers.Contains(parsed.Scheme.Split('+')[0], StringComparer.Ordinal);

    private static string Capitalised(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];
}
