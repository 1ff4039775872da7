# The time until it is known whether a live change helps, compared with the same test by hand. Each figure can run alone:
#   power   false verdicts and power on recorded series (bench/data/within-run); needs no lab
#   live    time to a verdict for planted effects of 20 and 50 % (a disk's throttle), quiet and beside a noisy neighbour
#   pairs   the same for 20 %, quiet, with pairs of runs
#   hand    the same for 20 %, quiet, with ten runs before and ten after, as a user would do with fio
#   cost    the throughput of a load while two equal sides are switched, against the same load without switches
# -Rounds is the number of experiments for a figure (5); -Experiments the number of simulated ones for `power`.
param(
    [string[]] $Figure = @('power', 'live', 'pairs', 'hand', 'cost'),
    [int] $Rounds = 5,
    [int] $Experiments = 1000,
    [string[]] $Neighbour = @('quiet', 'noisy'),
    [string[]] $Effect = @(20, 50)
)
$ErrorActionPreference = 'Stop'
# With powershell -File a list arrives as one word.
$Figure, $Neighbour, $Effect = @($Figure -split ','), @($Neighbour -split ','), @($Effect -split ',')
$unknown = @($Figure | Where-Object { $_ -notin 'power', 'live', 'pairs', 'hand', 'cost' }) + @($Neighbour | Where-Object { $_ -notin 'quiet', 'noisy' })
if ($unknown) { throw "There is no '$($unknown -join "', '")'. Figures: power, live, pairs, hand, cost; neighbours: quiet, noisy." }
. "$PSScriptRoot/Figures.ps1"
$bench = Join-Path $RepositoryRoot 'bench/KvmTune.Bench'

# Closing its input ends the neighbour.
function Start-Neighbour {
    $start = [System.Diagnostics.ProcessStartInfo]::new('dotnet')
    foreach ($word in 'run', '--project', $bench, '-c', 'Release', '--no-build', '-v', 'quiet', '--', 'neighbour') { $start.ArgumentList.Add($word) }
    $start.RedirectStandardInput = $true
    [System.Diagnostics.Process]::Start($start)
}

function Stop-Neighbour($Process) {
    $Process.StandardInput.Close()
    $Process.WaitForExit()
}

function Get-Middle($Performance) { Get-Median $Performance.ValuesOf($Performance.PrimaryMetric.Name) }

# The disk's rate without a limit: the planted effects are percentages of it.
function Get-Iops {
    Get-Middle (Measure-VMPerformance lab2 -Workload RandomRead -Runs 3 -RunTime 2)
}

function Get-Throttled([double] $Iops, [int] $Percent) {
    Set-DiskThrottle lab2 -Disk vdb -TotalIops ([long] ($Iops * (100 - $Percent) / 100)) -AsPlan
}

# The median time until a verdict, and the number of experiments with the right one.
function Measure-Verdict([string] $Name, [int] $Percent, [scriptblock] $Experiment, [string] $Aim) {
    $seconds = @()
    $right = 0
    for ($round = 1; $round -le $Rounds; $round++) {
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        $verdict = & $Experiment
        $seconds += $watch.Elapsed.TotalSeconds
        if ($verdict -eq 'Regressed') { $right++ }
    }
    Add-Figure "$Name, -$Percent %" (Get-Median $seconds) s "$right of $Rounds right; $Aim"
}

if ('power' -in $Figure) {
    dotnet run --project $bench -c Release -v quiet -- decide $Experiments | Tee-Object -Variable lines
    foreach ($line in $lines) {
        if ($line -match '^(?<name>.*): (?<value>[0-9.]+|NaN) (?<unit>\S+) \((?<peer>.*)\)$') {
            $Figures.Add([ordered]@{ Name = $Matches.name; Value = [double] $Matches.value; Unit = $Matches.unit; Peer = $Matches.peer })
        }
    }
}

if ($Figure | Where-Object { $_ -ne 'power' }) {
    Import-Module (Join-Path $RepositoryRoot 'out/KvmTune')
    $null = Connect-VMHost $env:KVMTUNE_LAB_URI
}

if ('live' -in $Figure) {
    foreach ($where in $Neighbour) {
        $disturber = if ($where -eq 'noisy') { dotnet build $bench -c Release -v quiet | Out-Null; Start-Neighbour }
        try {
            foreach ($percent in [int[]] $Effect) {
                $iops = Get-Iops
                Measure-Verdict "switched live, a disk's throttle, $where" $percent {
                    (Get-Throttled $iops $percent | Invoke-VMExperiment -Workload RandomRead -Design Switchback -TimeLimit 3m -Keep Never -Confirm:$false).Verdict
                } 'aim: below a minute'
            }
        }
        finally {
            if ($disturber) { Stop-Neighbour $disturber }
        }
    }

}

if ('pairs' -in $Figure) {
    $iops = Get-Iops
    Measure-Verdict 'pairs of runs, a disk''s throttle, quiet' 20 {
        (Get-Throttled $iops 20 | Invoke-VMExperiment -Workload RandomRead -Design Pairs -Keep Never -Confirm:$false).Verdict
    } 'what it took before'
}

if ('hand' -in $Figure) {
    $iops = Get-Iops
    Measure-Verdict 'by hand, ten runs before and ten after, Mann–Whitney, quiet' 20 {
        $before = Measure-VMPerformance lab2 -Workload RandomRead -Runs 10
        $change = Get-Throttled $iops 20 | Invoke-VMTuning -Confirm:$false
        try { $after = Measure-VMPerformance lab2 -Workload RandomRead -Runs 10 } finally { $null = $change | Undo-VMTuning -Confirm:$false }
        (Compare-VMPerformance $before $after).Verdict
    } 'what one would do with fio'
}

if ('cost' -in $Figure) {
    # A pin to all host CPUs equals no pin: the two sides are equal. Whole loads, alone and with switching, in pairs.
    $every = "0-$([Environment]::ProcessorCount - 1)"
    $ratios = for ($round = 1; $round -le $Rounds; $round++) {
        $alone = Get-Middle (Measure-VMPerformance lab2 -Workload Cpu -Runs 1 -RunTime 30)
        $switched = Set-VcpuPin lab2 -Map @{ 0 = $every; 1 = $every } -AsPlan | Invoke-VMExperiment -Workload Cpu -Design Switchback -TimeLimit 45s -Keep Never -Confirm:$false
        $samples = @($switched.Baseline.Runs; $switched.Candidate.Runs) | ForEach-Object { $_.Slot.Samples }
        100 * (($samples | Measure-Object Rate -Average).Average / $alone - 1)
    }
    Add-Figure 'throughput under switching against the same load left alone' (Get-Median $ratios) % 'aim: within 2 %'
}

Save-Figure decide
