// The program that a workload needs in the guest, and the packages that bring it.
namespace KvmTune.Measurement.Workloads;

/// <summary>A program with the packages that bring it.</summary>
/// <param name="Name">The program's name, as the guest's <c>PATH</c> finds it.</param>
/// <param name="AptPackages">The packages for Debian and Ubuntu.</param>
/// <param name="DnfPackages">The packages for Fedora, RHEL and relatives.</param>
/// <param name="ZypperPackages">The packages for SUSE.</param>
/// <param name="Remark">A further word, for example of a repository that is needed; null for none.</param>
public sealed record GuestProgram(
    string Name, string AptPackages, string DnfPackages, string ZypperPackages, string? Remark = null)
{
    /// <summary>fio. RHEL 9 and Fedora pack the libaio engine apart.</summary>
    public static GuestProgram Fio { get; } = new("fio", "fio", "fio fio-engine-libaio", "fio");

    /// <summary>sysbench.</summary>
    public static GuestProgram Sysbench { get; } = new("sysbench", "sysbench", "sysbench", "sysbench", "On RHEL it comes from EPEL.");

    /// <summary>iperf3.</summary>
    public static GuestProgram Iperf3 { get; } = new("iperf3", "iperf3", "iperf3", "iperf");

    /// <summary>What to do where the program is missing.</summary>
    public string HowToInstall() =>
        $"Install it there: apt install {AptPackages} | dnf install {DnfPackages} | zypper install {ZypperPackages}."
        + (Remark is null ? "" : " " + Remark);
}
