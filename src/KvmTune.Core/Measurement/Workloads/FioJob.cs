// The fio command line of each disk workload.
using System.Globalization;
using KvmTune.Guest;

namespace KvmTune.Measurement.Workloads;

/// <summary>One fio job.</summary>
/// <param name="ReadWrite">fio's <c>rw</c>.</param>
/// <param name="BlockSize">fio's <c>bs</c>.</param>
/// <param name="Depth">How many requests are under way at the same time.</param>
/// <param name="Section">The section of fio's report with the result: read, write, or mixed (both as one).</param>
/// <param name="IsSync">True if every write is followed by an fsync, whose latency is a metric.</param>
internal sealed record FioJob(string ReadWrite, string BlockSize, int Depth, string Section, bool IsSync = false)
{
    /// <summary>The prefix of fio's log files in the test folder.</summary>
    public const string LogPrefix = "rate";

    /// <summary>The only log file of a job with one thread.</summary>
    public const string LogFile = LogPrefix + "_iops.1.log";

    /// <summary>The only histogram file of a job with one thread.</summary>
    public const string HistogramFile = LogPrefix + "_clat_hist.1.log";

    /// <summary>How often a load without a pause reports its progress.</summary>
    public static readonly TimeSpan StatusInterval = TimeSpan.FromMilliseconds(200);

    public static readonly TimeSpan Ramp = TimeSpan.FromSeconds(1);

    /// <summary>The length of a window in the log of rates: half a second, because fio sometimes leaves out the last window of a run.</summary>
    public static readonly TimeSpan LogWindow = TimeSpan.FromMilliseconds(500);

    /// <summary>The block size in bytes.</summary>
    public int BlockBytes => int.Parse(BlockSize.AsSpan(0, BlockSize.Length - 1), CultureInfo.InvariantCulture) * (BlockSize[^1] is 'M' ? 1024 * 1024 : 1024);

    /// <summary>
    /// The command of one run. It uses one thread in one process (<c>--thread</c>), so that ending the process ends the job. It never creates a file.
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
    /// The command of a load without a pause. Five times a second it writes a line with its progress. When it ends, it writes histograms of the
    /// latencies, ten for each second, in bins an eighth of a doubling wide.
    /// </summary>
    /// <param name="folder">Where the data file is.</param>
    /// <param name="logFolder">The folder of the histograms, which must not be on the measured disk.</param>
    /// <param name="fileSizeMiB">The size of the data file.</param>
    /// <param name="length">How long the load runs, unless it is ended.</param>
    public GuestCommand Stream(string folder, string logFolder, int fileSizeMiB, TimeSpan length)
    {
        string[] others = ["--ramp_time", "--write_iops_log", "--log_avg_msec", "--percentile_list", "--output-format", "--unified_rw_reporting"];
        var run = Run(folder, fileSizeMiB, length);
        return run with
        {
            Arguments =
            [
                .. run.Arguments.Where(argument => !Array.Exists(others, other => argument.StartsWith(other, StringComparison.Ordinal))),
                // A shell reads the lines byte by byte, so they are short: reads and writes merged, and one percentile.
                // Without any percentile fio makes no histograms.
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

    /// <summary>Writes the file once and flushes it, so that the first run does not measure the allocation of first writes.</summary>
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
            // Allows for 2 MiB/s: a slower disk is not worth a measurement.
            TimeLimit = TimeSpan.FromSeconds(60 + (fileSizeMiB / 2)),
        };

    // fio treats a colon in a file name as a separator of two names.
    private static string Escape(string path) =>
        path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal);
}
