#!/usr/bin/env pwsh

<#
.SYNOPSIS
Compares the cache modes none and writeback of a disk, with fio in the guest.

.DESCRIPTION
The first experiment of the method: is a disk faster with the host's page cache (writeback) or without it (none)? The guest is suspended and
resumed between the two modes, or rebooted where it cannot be suspended. A resume is the unit: pairs take 16 of them or more. -Design Blocks
takes five, and gives a direction instead of a verdict. The script ends with what each mode costs and risks.

.PARAMETER VMName
The VM.

.PARAMETER Disk
The disk, by its target.

.PARAMETER Workload
The workload that decides.

.PARAMETER Runs
Pairs of resumes, at least 6, instead of looks after 8, 12 and 20; or runs a side for the other designs.

.PARAMETER RunTime
The steady load of one run, in seconds.

.PARAMETER Keep
When the other mode is kept afterwards. Never: the disk ends as it began.

.PARAMETER RestartBy
How the guest gets the other mode: by a suspend, without a reboot, where that is possible.

.PARAMETER Design
The order of the runs.

.PARAMETER Force
Does not ask before writeback is tried.

.EXAMPLE
./Experiment-DiskCacheMode.ps1 lab1 vdb -WhatIf

.LINK
https://github.com/kvmtune/kvmtune
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [string] $VMName = 'lab1',
    [string] $Disk = 'vdb',
    [string] $Workload = 'RandomWrite',
    [int] $Runs,
    [double] $RunTime = 3,
    [ValidateSet('Improved', 'NotWorse', 'Always', 'Never')]
    [string] $Keep = 'Never',
    [ValidateSet('Auto', 'Suspend', 'Reboot')]
    [string] $RestartBy = 'Auto',
    [ValidateSet('Auto', 'Pairs', 'Blocks', 'Sequential')]
    [string] $Design = 'Auto',
    [switch] $Force
)
$ErrorActionPreference = 'Stop'
# In the repository the module that was built there, else the installed one.
$built = Join-Path $PSScriptRoot '../out/KvmTune'
Import-Module ((Test-Path $built) ? $built : 'KvmTune')

$device = (Get-VMTopology $VMName).Disks | Where-Object Target -EQ $Disk
if (-not $device) { throw "$VMName has no disk '$Disk'. Name one by -Disk." }
$before = $device.Cache
if (-not $before) { $before = 'writeback (not set, which QEMU takes as writeback)' }
$other = if ($before -eq 'none') { 'writeback' } else { 'none' }

$options = @{ Workload = $Workload; RunTime = $RunTime; Restart = $true; RestartBy = $RestartBy; Keep = $Keep; Design = $Design; Force = $Force }
if ($PSBoundParameters.ContainsKey('Runs')) { $options.Runs = $Runs }
# Linux AIO does not go through the page cache, so it cannot stay where writeback is tried.
$mode = @{ Cache = $other }
if ($other -eq 'writeback' -and $device.IO -eq 'native') { $mode.IO = 'threads' }
$experiment = Set-DiskCacheMode $VMName -Disk $Disk @mode -AsPlan | Invoke-VMExperiment @options
if (-not $experiment) { return }

$experiment | Format-List | Out-Host
$experiment.Comparison.Metrics | Format-Table | Out-Host

# --- The conclusion, from these numbers only ---
$culture = [cultureinfo]::InvariantCulture
function Format-Number([double] $Value) { $Value.ToString($(if ([math]::Abs($Value) -ge 100) { 'N0' } else { '0.##' }), $culture) }
function Get-Metric([string] $Name) { $experiment.Comparison.Metrics | Where-Object { $_.Metric.Name -eq $Name } }

$rate = $experiment.Comparison.PrimaryMetric
$lines = @("$Workload on $VMName ${Disk}: the median was $(Format-Number $rate.BaselineMedian) $($rate.Metric.Unit) with cache $before and $(Format-Number $rate.CandidateMedian) $($rate.Metric.Unit) with cache $other.")
# The verdict in the words of the comparison: by how much typical pairs differ, with the interval, and what else moved.
$lines += $experiment.Comparison.Sentence
$lines += switch ($experiment.Verdict) {
    'Improved' { "Cache $other is faster here." }
    'Regressed' { "Cache $other is slower here." }
    'Mixed' { "Cache $other has two sides here: another metric got worse, see the table." }
    'NoDifference' { 'The two make no difference that matters here, so take the one that risks less: none.' }
    default { 'No difference between the two is shown, so there is no reason to take a risk: none.' }
}
$lines += $experiment.Baseline.Notes + $experiment.Candidate.Notes | Where-Object { $_ -match 'cache mode' } | Select-Object -Unique
if ($tail = Get-Metric LatencyP99) {
    $lines += "One request in a hundred took longer than $(Format-Number ($tail.BaselineMedian / 1e6)) ms with $($before -replace ' .*') and $(Format-Number ($tail.CandidateMedian / 1e6)) ms with $other (verdict: $($tail.Verdict))."
}
if ($variation = Get-Metric RateVariation) {
    $lines += "Inside a run, the rate varied by $(Format-Number $variation.BaselineMedian) % with $($before -replace ' .*') and $(Format-Number $variation.CandidateMedian) % with $other (verdict: $($variation.Verdict))."
}
$lines += 'What writeback costs: the host keeps a second copy of the data in its own memory, and live migration refuses it unless QEMU can drop the cache.'
$lines += 'What writeback risks: the guest gets the answer "written" while the data is still in the host''s memory. Data that the guest has not flushed is lost when the host loses power.'
$lines += 'What none costs: reads come from the disk every time the guest''s own cache misses. It acknowledges only data that the disk has taken; the disk''s own cache still needs the guest''s flushes.'
$lines += "The VM was left $(if ($experiment.Decision -eq 'Kept') { "with cache $other" } else { 'as it was' }). $($experiment.Reason)"
Write-Host "`nConclusion" -ForegroundColor Cyan
$lines | ForEach-Object { Write-Host "- $_" }
