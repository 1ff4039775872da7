// The program that a workload needs in the guest, and its packages.
namespace KvmTune.Measurement.Workloads;

/// <summary>A program with its packages.</summary>
/// <param name="Name">The program's name, as the guest's <c>PATH</c> finds it.</param>
/// <param name="AptPackages">The packages for Debian and Ubuntu.</param>
/// <param name="DnfPackages">The packages for Fedora, RHEL and relatives.</param>
/// <param name="ZypperPackages">The packages for SUSE.</param>
/// <param name="Remark">An additional sentence, for example about a required repository; null for none.</param>
public sealed record GuestProgram(
    string Name, string AptPackages, string DnfPackages, string ZypperPackages, string? Remark = null)
{
    /// <summary>fio. RHEL 9 and Fedora have the libaio engine in a separate package.</summary>
    public static GuestProgram Fio { get; } = new("fio", "fio", "fio fio-engine-libaio", "fio");

    /// <summary>sysbench.</summary>
    public static GuestProgram Sysbench { get; } = new("sysbench", "sysbench", "sysbench", "sysbench", "On RHEL it comes from EPEL.");

    /// <summary>iperf3.</summary>
    public static GuestProgram Iperf3 { get; } = new("iperf3", "iperf3", "iperf3", "iperf");

    /// <summary>How to install the missing program, for a message.</summary>
    public string HowToInstall() =>
        $"Install it there: apt install {AptPackages} | dnf install {DnfPackages} | zypper install {ZypperPackages}."
        + (Remark is null ? "" : " " + Remark);
}
