// The fio command lines: what each fio workload asks of fio.
using System.Globalization;
using KvmTune.Guest;

namespace KvmTune.Measurement.Workloads;

/// <summary>One fio job.</summary>
/// <param name="ReadWrite">fio's <c>rw</c>.</param>
/// <param name="BlockSize">fio's <c>bs</c>.</param>
/// <param name="Depth">How many requests are under way at a time.</param>
/// <param name="Section">The section of fio's report that has the result: read, write, or mixed (both as one).</param>
/// <param name="IsSync">True when every write is followed by an fsync, whose latency is a metric.</param>
internal sealed record FioJob(string ReadWrite, string BlockSize, int Depth, string Section, bool IsSync = false)
{
    /// <summary>The start of the names of fio's log files in the test folder.</summary>
    public const string LogPrefix = "rate";

    /// <summary>The one log file that a job with one thread writes.</summary>
    public const string LogFile = LogPrefix + "_iops.1.log";

    public static readonly TimeSpan Ramp = TimeSpan.FromSeconds(1);

    /// <summary>The length of a window of the log of rates: half a second, since fio leaves the last window of a run out of its log now and then.</summary>
    public static readonly TimeSpan LogWindow = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The command of one run. One thread in one process (<c>--thread</c>), so that its end ends everything; no file is ever made by it.
    /// </summary>
    public GuestCommand Run(string folder, int fileSizeMiB, TimeSpan runTime)
    {
        List<string> arguments =
        [
            "--name=kvmtune",
            $"--filename={Escape(folder)}/data",
            $"--size={fileSizeMiB.ToString(CultureInfo.InvariantCulture)}M",
            $"--rw={ReadWrite}",
            $"--bs={BlockSize}",
            $"--iodepth={Depth.ToString(CultureInfo.InvariantCulture)}",
            IsSync ? "--ioengine=psync" : "--ioengine=libaio",
            "--direct=1",
            "--thread",
            "--time_based",
            $"--runtime={((long)runTime.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)}ms",
            $"--ramp_time={((long)Ramp.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)}ms",
            "--randrepeat=0",
            "--allow_file_create=0",
            "--percentile_list=50:99:99.9",
            "--output-format=json",
            $"--write_iops_log={folder}/{LogPrefix}",
            $"--log_avg_msec={((long)LogWindow.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)}",
        ];
        if (IsSync)
        {
            arguments.Add("--fsync=1");
        }

        if (Section is "mixed")
        {
            arguments.Add("--unified_rw_reporting=mixed");
            arguments.Add("--rwmixread=70");
        }

        var length = Ramp + runTime;
        return new GuestCommand("fio", arguments) { HasShortOutput = true, ExpectedDuration = length, TimeLimit = (length * 2) + TimeSpan.FromSeconds(30) };
    }

    /// <summary>Writes the file once, so that the first write's allocation is over before the first run, and brings it to the disk.</summary>
    public static GuestCommand Fill(string folder, int fileSizeMiB) =>
        new("fio",
        [
            "--name=fill",
            $"--filename={Escape(folder)}/data",
            $"--size={fileSizeMiB.ToString(CultureInfo.InvariantCulture)}M",
            "--rw=write",
            "--bs=1M",
            "--iodepth=4",
            "--ioengine=libaio",
            "--direct=1",
            "--thread",
            "--end_fsync=1",
            "--output-format=json",
        ])
        {
            HasShortOutput = true,
            // A disk that writes less than 2 MiB/s is not worth a measurement.
            TimeLimit = TimeSpan.FromSeconds(60 + (fileSizeMiB / 2)),
        };

    // fio takes a colon in a file name as the border of two names.
    private static string Escape(string path) =>
        path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal);
}
