// Calls one libvirt domain, also after a lost connection: the call that meets the loss fails, and the next one connects again.
using KvmTune.Libvirt;

namespace KvmTune.Guest;

/// <summary>A domain that is looked up again after a lost connection.</summary>
internal sealed class DomainAccess : IDisposable
{
    private readonly object _gate = new();
    private readonly LibvirtDomain _original;
    private LibvirtDomain _current;
    private bool _isLost;

    public DomainAccess(LibvirtDomain domain)
    {
        _original = _current = domain;
        Name = domain.Name;
        Id = domain.Id;
        Uri = domain.Connection.Uri;
    }

    public string Name { get; }

    public Guid Id { get; }

    public string Uri { get; }

    /// <summary>Calls libvirt.</summary>
    /// <exception cref="GuestChannelException">The connection is lost and could not be opened again, or libvirt denies the call.</exception>
    /// <exception cref="LibvirtException">Any other error of libvirt.</exception>
    public T Call<T>(Func<LibvirtDomain, T> call)
    {
        try
        {
            return call(Current());
        }
        catch (LibvirtException exception) when (exception.IsConnectionLost || exception.ErrorCode == LibvirtErrorCode.InvalidConnection)
        {
            lock (_gate)
            {
                _isLost = true;
            }

            throw Lost(exception);
        }
        catch (LibvirtException exception) when (exception.ErrorCode is LibvirtErrorCode.OperationDenied or LibvirtErrorCode.AccessDenied)
        {
            throw new GuestChannelException(
                GuestChannelReason.AccessDenied,
                $"libvirt does not let this user do that with {Name} on {Uri}: {exception.Message}. A writable connection is needed.",
                exception);
        }
    }

    /// <summary>Closes the new connection, if one was opened. The domain passed in stays the caller's.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            Release();
        }
    }

    private LibvirtDomain Current()
    {
        lock (_gate)
        {
            if (!_isLost)
            {
                return _current;
            }

            Release();
            LibvirtConnection? connection = null;
            try
            {
                connection = LibvirtConnection.Open(Uri, _original.Connection.Access);
                _current = connection.LookupByUuid(Id);
                _isLost = false;
                return _current;
            }
            catch (LibvirtException exception)
            {
                connection?.Dispose();
                throw Lost(exception);
            }
        }
    }

    private void Release()
    {
        if (!ReferenceEquals(_current, _original))
        {
            var connection = _current.Connection;
            _current.Dispose();
            connection.Dispose();
            _current = _original;
        }
    }

    private GuestChannelException Lost(LibvirtException cause) => new(
        GuestChannelReason.ConnectionLost,
        $"The connection to libvirt ({Uri}) was lost: {cause.Message}. The VM itself may still run. See whether the daemon does "
        + "(systemctl status libvirtd virtqemud), then try again.",
        cause);
}
