// The managed save: libvirt keeps a running domain's state in a file, and the next start resumes from it.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtDomain
{
    /// <summary>
    /// Whether the host saved its state at the last stop (<c>virDomainHasManagedSaveImage</c>), so that the next start resumes from that state, with
    /// the configuration of that time. False for a driver without this function.
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
    /// Saves its state to a file of libvirt and stops it (<c>virDomainManagedSave</c>); returns when that is complete. A domain that cannot be saved
    /// continues to run. Another thread can abort the save (<see cref="AbortJob"/>).
    /// </summary>
    public void ManagedSave() => Check(virDomainManagedSave(Handle, 0));

    /// <summary>Deletes the saved state: the content of the guest's memory is lost.</summary>
    public void RemoveManagedSave() => Check(virDomainManagedSaveRemove(Handle, 0));

    /// <summary>The XML in the saved state, as of the time of the save (libvirt 3.7).</summary>
    /// <param name="flags">Only <see cref="DomainXmlFlags.Secure"/> has an effect.</param>
    public string GetManagedSaveXml(DomainXmlFlags flags = DomainXmlFlags.None)
        => NativeUtf8String.Take(LibvirtError.Check(virDomainManagedSaveGetXMLDesc(Handle, (uint)(flags & DomainXmlFlags.Secure)), Connection.Handle));

    /// <summary>
    /// Replaces the XML in the saved state (libvirt 3.7). libvirt refuses XML that would show the guest another machine
    /// (<see cref="LibvirtErrorCode.ConfigUnsupported"/>).
    /// </summary>
    /// <param name="xml">The XML, with passwords.</param>
    public void DefineManagedSaveXml(string xml)
    {
        NativeUtf8String.RequireNoNull(xml, nameof(xml));
        Check(virDomainManagedSaveDefineXML(Handle, xml, 0));
    }

    /// <summary>Aborts a job of another thread or program on this domain, for instance a save (<c>virDomainAbortJob</c>).</summary>
    public void AbortJob() => Check(virDomainAbortJob(Handle));

    /// <summary>Resumes a paused domain.</summary>
    public void Resume() => Check(virDomainResume(Handle));

    /// <summary>
    /// Sets the guest's clock from its hardware clock, which continues while the guest does not run (<c>virDomainSetTime</c>). Needs the guest agent.
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
