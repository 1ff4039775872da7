#!/usr/bin/env pwsh

<#
.SYNOPSIS
Tries whether pinned vCPUs make CPU work steadier.

.DESCRIPTION
The second experiment of the method, in a minute, live: one load without a pause, while the side changes every second. The deciding metric is the
latency of the slowest events, of which every second has many. With -Workload Observe the load is the guest's own.

.PARAMETER VMName
The VM.

.PARAMETER Workload
The workload that decides.

.PARAMETER Map
The host CPU of each vCPU; by default vCPU 0 goes to the first online host CPU, vCPU 1 to the next, and so on.

.PARAMETER RunTime
The steady load of one run, in seconds: for pairs of runs instead of one load.

.PARAMETER DecidingMetric
The metric that decides: a latency asks whether it is steadier, EventsPerSecond whether it is faster. By default LatencyP99 where the workload
has it, else its own.

.PARAMETER Pairs
A fixed number of pairs; by default as many as it takes.

.PARAMETER TimeLimit
How long it may take; by default a minute of load.

.PARAMETER Seed
A seed, to repeat an order.

.PARAMETER Keep
When the pins are kept afterwards. Never: the VM ends as it began.

.EXAMPLE
./Experiment-VcpuPinning.ps1 lab2 -WhatIf

.LINK
https://github.com/kvmtune/kvmtune
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [string] $VMName = 'lab2',
    [string] $Workload = 'Cpu',
    [hashtable] $Map,
    [double] $RunTime,
    [string] $DecidingMetric,
    [int] $Pairs,
    [string] $TimeLimit,
    [int] $Seed,
    [ValidateSet('Improved', 'NotWorse', 'Always', 'Never')]
    [string] $Keep = 'Never'
)
$ErrorActionPreference = 'Stop'
# In the repository the module that was built there, else the installed one.
$built = Join-Path $PSScriptRoot '../out/KvmTune'
Import-Module ((Test-Path $built) ? $built : 'KvmTune')

$vm = Get-VMTopology $VMName
$hostTopology = Get-VMHostTopology $vm.ConnectionUri
$online = @("$($hostTopology.OnlineCpus)" -split ',' | ForEach-Object { $first, $last = $_ -split '-'; [int] $first .. [int] ($last ?? $first) })
if (-not $Map) {
    $Map = @{}
    for ($vcpu = 0; $vcpu -lt $vm.VcpuCount; $vcpu++) { $Map[$vcpu] = "$($online[$vcpu % $online.Count])" }
}

$options = @{ Workload = $Workload; Keep = $Keep }
if (-not $DecidingMetric -and $Workload -ne 'Observe') { $DecidingMetric = 'LatencyP99' }
if ($DecidingMetric) { $options.DecidingMetric = $DecidingMetric }
if ($RunTime) { $options.RunTime = $RunTime }
if ($Pairs) { $options.Runs = $Pairs }
if ($TimeLimit) { $options.TimeLimit = $TimeLimit }
if ($PSBoundParameters.ContainsKey('Seed')) { $options.Seed = $Seed }
$experiment = Set-VcpuPin $VMName -Map $Map -AsPlan | Invoke-VMExperiment @options
if (-not $experiment) { return }

$experiment | Format-List | Out-Host
$experiment.Comparison.Metrics | Format-Table | Out-Host

# --- The conclusion, from these numbers only ---
$culture = [cultureinfo]::InvariantCulture
function Format-Number([double] $Value) { $Value.ToString($(if ([math]::Abs($Value) -ge 100) { 'N0' } else { '0.##' }), $culture) }

$asked = $experiment.Comparison.PrimaryMetric
$rate = $experiment.Comparison.Metrics | Where-Object { $_.Metric.Kind -eq 'Rate' } | Select-Object -First 1
# The answer in the words of the comparison.
$lines = @("Is it $(if ($asked.Metric.Kind -eq 'Rate') { 'faster' } else { 'steadier' })? $($experiment.Comparison.Sentence)")
$lines += "The speed: $($rate.Sentence)"

# Inside the load: its tail latencies, and in pairs of runs how much a rate varies from second to second.
$within = @($experiment.Comparison.Metrics | Where-Object { $_.Metric.Kind -in 'LatencyPercentile', 'Variation' })
$steadier = @($within | Where-Object Verdict -EQ Improved)
$rougher = @($within | Where-Object Verdict -EQ Regressed)
$lines += $within | ForEach-Object {
    $scale, $unit = if ($_.Metric.Unit -eq 'ns') { 1e6, 'ms' } else { 1, $_.Metric.Unit }
    "$($_.Metric.Name): $(Format-Number ($_.BaselineMedian / $scale)) $unit unpinned, $(Format-Number ($_.CandidateMedian / $scale)) $unit pinned (verdict: $($_.Verdict))."
}
$lines += if ($steadier -and -not $rougher) { "So yes: pinned, the work is steadier ($($steadier.Metric.Name -join ', '))$(if ($rate.Verdict -ne 'Improved') { ', even though it is no faster' })." }
elseif ($rougher -and -not $steadier) { "So no: pinned, the work is less steady ($($rougher.Metric.Name -join ', '))." }
elseif ($steadier) { "It is both: steadier in $($steadier.Metric.Name -join ', '), less steady in $($rougher.Metric.Name -join ', ')." }
else { 'This does not show that it is steadier, nor that it is less steady.' }
if ($spread = $rate.SpreadRatio) {
    $lines += "From $(if ($experiment.Switching) { 'slot to slot' } else { 'run to run' }), the spread was $(Format-Number $spread.Ratio) times that without pins [$(Format-Number $spread.Low), $(Format-Number $spread.High)]; it is shown, not judged."
}
$guests = @(Get-VMTopology -ConnectionUri $vm.ConnectionUri | Where-Object State -EQ Running)
$vcpus = ($guests | Measure-Object VcpuCount -Sum).Sum
$lines += "When not to pin: on a host that runs many unimportant guests. A pin restricts the scheduler, and one core can be overloaded while others idle. This host runs $vcpus vCPUs of $($guests.Count) guests on $($online.Count) CPUs$(if ($vcpus -gt $online.Count) { ', so it is overcommitted, and pinned vCPUs share cores with others' })."
$lines += 'When to pin: few, important guests, a core for each vCPU, the emulator elsewhere, and no other VM on those cores.'
$lines += "The VM was left $(if ($experiment.Decision -eq 'Kept') { 'pinned' } else { 'as it was' }). $($experiment.Reason)"
Write-Host "`nConclusion" -ForegroundColor Cyan
$lines | ForEach-Object { Write-Host "- $_" }
