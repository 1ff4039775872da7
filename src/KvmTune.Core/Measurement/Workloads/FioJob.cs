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

    /// <summary>The one file of histograms that a job with one thread writes.</summary>
    public const string HistogramFile = LogPrefix + "_clat_hist.1.log";

    /// <summary>How often a load that goes on without a pause says how much was done.</summary>
    public static readonly TimeSpan StatusInterval = TimeSpan.FromMilliseconds(200);

    public static readonly TimeSpan Ramp = TimeSpan.FromSeconds(1);

    /// <summary>The length of a window of the log of rates: half a second, since fio leaves the last window of a run out of its log now and then.</summary>
    public static readonly TimeSpan LogWindow = TimeSpan.FromMilliseconds(500);

    /// <summary>The block size in bytes.</summary>
    public int BlockBytes => int.Parse(BlockSize.AsSpan(0, BlockSize.Length - 1), CultureInfo.InvariantCulture) * (BlockSize[^1] is 'M' ? 1024 * 1024 : 1024);

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

    /// <summary>
    /// The command of a load that goes on without a pause: five times a second a line that says how much was done, and, written at its end, ten
    /// times a second the histogram of how long requests took, in bins an eighth of a doubling wide.
    /// </summary>
    /// <param name="folder">Where the data file is.</param>
    /// <param name="logFolder">Where the histograms go: not to the disk that is measured.</param>
    /// <param name="fileSizeMiB">The size of the data file.</param>
    /// <param name="length">How long it goes on, unless it is ended.</param>
    public GuestCommand Stream(string folder, string logFolder, int fileSizeMiB, TimeSpan length)
    {
        string[] others = ["--ramp_time", "--write_iops_log", "--log_avg_msec", "--percentile_list", "--output-format", "--unified_rw_reporting"];
        var run = Run(folder, fileSizeMiB, length);
        return run with
        {
            Arguments =
            [
                .. run.Arguments.Where(argument => !Array.Exists(others, other => argument.StartsWith(other, StringComparison.Ordinal))),
                // Short lines, since a shell reads them byte by byte: reads and writes as one, and one percentile, without which there are no histograms.
                "--output-format=terse",
                "--terse-version=3",
                $"--status-interval={((long)StatusInterval.TotalMilliseconds).ToString(CultureInfo.InvariantCulture)}ms",
                "--percentile_list=50",
                "--unified_rw_reporting=mixed",
                $"--write_hist_log={logFolder}/{LogPrefix}",
                "--log_hist_msec=100",
                "--log_hist_coarseness=3",
            ],
        };
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
