// The managed save: a running domain's state in a file that libvirt keeps, and that the next start goes on from.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtDomain
{
    /// <summary>
    /// Whether its state was saved when it was last shut down by the host (<c>virDomainHasManagedSaveImage</c>), so that the next start goes
    /// on from there, with the configuration of then. False for a driver that knows no such thing.
    /// </summary>
    public bool HasManagedSave
    {
        get
        {
            try
            {
                return Check(virDomainHasManagedSaveImage(Handle, 0)) == 1;
            }
            catch (LibvirtException exception) when (exception.ErrorCode == LibvirtErrorCode.NoSupport)
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Saves its state to a file of libvirt's and stops it (<c>virDomainManagedSave</c>); returns when that is done. One that cannot be saved
    /// runs on. Another thread can end it (<see cref="AbortJob"/>).
    /// </summary>
    public void ManagedSave() => Check(virDomainManagedSave(Handle, 0));

    /// <summary>Throws the saved state away: what the guest had in memory is lost.</summary>
    public void RemoveManagedSave() => Check(virDomainManagedSaveRemove(Handle, 0));

    /// <summary>The XML that is saved with the state, as of the time of the save (libvirt 3.7).</summary>
    /// <param name="flags">Only <see cref="DomainXmlFlags.Secure"/> counts.</param>
    public string GetManagedSaveXml(DomainXmlFlags flags = DomainXmlFlags.None)
        => NativeUtf8String.Take(LibvirtError.Check(virDomainManagedSaveGetXMLDesc(Handle, (uint)(flags & DomainXmlFlags.Secure)), Connection.Handle));

    /// <summary>
    /// Replaces the XML that is saved with the state (libvirt 3.7). libvirt refuses one with which the guest would see another machine
    /// (<see cref="LibvirtErrorCode.ConfigUnsupported"/>).
    /// </summary>
    /// <param name="xml">The XML, with passwords.</param>
    public void DefineManagedSaveXml(string xml)
    {
        NativeUtf8String.RequireNoNull(xml, nameof(xml));
        Check(virDomainManagedSaveDefineXML(Handle, xml, 0));
    }

    /// <summary>Ends what another thread or program is doing to it, for instance a save (<c>virDomainAbortJob</c>).</summary>
    public void AbortJob() => Check(virDomainAbortJob(Handle));

    /// <summary>Lets a paused domain run on.</summary>
    public void Resume() => Check(virDomainResume(Handle));

    /// <summary>
    /// Sets the guest's clock by that of its board, which goes on while a guest does not run (<c>virDomainSetTime</c>). Needs the guest agent.
    /// </summary>
    public void SynchronizeTime() => Check(virDomainSetTime(Handle, 0, 0, TimeSync));

    private const uint TimeSync = 1; // VIR_DOMAIN_TIME_SYNC

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainHasManagedSaveImage(DomainHandle domain, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainManagedSave(DomainHandle domain, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainManagedSaveRemove(DomainHandle domain, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virDomainManagedSaveGetXMLDesc(DomainHandle domain, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int virDomainManagedSaveDefineXML(DomainHandle domain, string xml, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainAbortJob(DomainHandle domain);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainResume(DomainHandle domain);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainSetTime(DomainHandle domain, long seconds, uint nanoseconds, uint flags);
}
