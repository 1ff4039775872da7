#!/usr/bin/env pwsh

<#
.SYNOPSIS
Measures VMs once, keeps the result, and says which became slower than the night before.

.DESCRIPTION
For a systemd timer (kvmtune-nightly.timer beside this script) or cron. Each VM is measured with the same workload; the result goes to a folder as
Clixml, and is compared with the newest earlier one of the same VM and workload. The comparison has a row in history.csv.

The exit code is 0 where nothing became slower, 2 where a VM did, and 1 after an error: a VM could not be measured, or a result not be kept.

.PARAMETER VMName
The VMs, by name or wildcard, several with spaces in a shell and with commas in PowerShell; those that run are measured.

.PARAMETER Workload
What runs in the guest. Observe adds no load: it looks at what the guest does anyway.

.PARAMETER Area
The area that Observe looks at; other workloads have their own.

.PARAMETER Folder
Where the results are kept.

.PARAMETER Runs
Counted runs of each measurement.

.PARAMETER RunTime
The steady load of one run, in seconds.

.PARAMETER ConnectionUri
The host, as a libvirt URI.

.EXAMPLE
./Measure-Nightly.ps1 lab1 -Workload Cpu -Folder /var/lib/kvmtune/nightly

.LINK
https://github.com/kvmtune/kvmtune
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    [Parameter(Mandatory, ValueFromRemainingArguments)] [string[]] $VMName,
    [string] $Workload = 'Observe',
    [ValidateSet('Cpu', 'Disk', 'Network')] [string] $Area = 'Cpu',
    [Parameter(Mandatory)] [string] $Folder,
    [int] $Runs = 8,
    [double] $RunTime = 3,
    [string] $ConnectionUri = ($env:LIBVIRT_DEFAULT_URI ? $env:LIBVIRT_DEFAULT_URI : 'qemu:///system')
)
$ProgressPreference = 'SilentlyContinue'
# In the repository the module that was built there, else the installed one.
$built = Join-Path $PSScriptRoot '../../out/KvmTune'
Import-Module ((Test-Path $built) ? $built : 'KvmTune') -ErrorAction Stop
$null = New-Item -ItemType Directory -Force $Folder -ErrorAction Stop

$isSlower = $false
$options = @{ Workload = $Workload; Runs = $Runs; RunTime = $RunTime }
if ($Workload -eq 'Observe') { $options.Area = $Area }
$running = Get-VMTopology $VMName -ConnectionUri $ConnectionUri -ErrorVariable failures | Where-Object State -EQ Running
$measured = $running | Measure-VMPerformance @options -ErrorVariable +failures
foreach ($performance in $measured) {
    $name = "$($performance.VMId).$($performance.Workload.Name)$($options.Area)"
    $earlier = Get-ChildItem $Folder -Filter "$name.*.xml" | Sort-Object Name | Select-Object -Last 1
    $performance | Export-Clixml (Join-Path $Folder "$name.$([datetime]::UtcNow.ToString('yyyyMMddTHHmmssfff')).xml") -ErrorVariable +failures
    if (-not $earlier) { "$($performance.VMName): the first measurement, $($performance.Median) $($performance.PrimaryMetric.Unit)"; continue }
    $comparison = Compare-VMPerformance $performance -Baseline (Import-Clixml $earlier.FullName) -ErrorVariable +failures
    if (-not $comparison) { continue }
    $comparison.Sentence
    $comparison | Select-Object @{ Name = 'Date'; Expression = { $performance.StartedAt } }, VMName, ConnectionUri, Verdict, Sentence |
        Export-Csv (Join-Path $Folder history.csv) -Append -ErrorVariable +failures
    if ($comparison.Verdict -in 'Regressed', 'Mixed') { $isSlower = $true }
}
exit $(if ($failures) { 1 } elseif ($isSlower) { 2 } else { 0 })
