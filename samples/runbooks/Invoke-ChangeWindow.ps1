#!/usr/bin/env pwsh

<#
.SYNOPSIS
Tries the findings of a VM in a change window, one after the other, and keeps only what improved it.

.DESCRIPTION
Each finding of the area with a plan is one experiment. None begins that could not end in the window. What did not improve the VM is taken back, so
the VM ends as it began or better, also after an error or Ctrl+C. A cut-off process leaves an interrupted entry, which the script takes back first
when it runs again.

The exit code is 0 where the window was used as planned, and 1 after an error. Where the host or the VM cannot be read, or an interrupted change cannot
be taken back, no experiment begins; after an experiment that failed, the VM is as before.

.PARAMETER VMName
The VM.

.PARAMETER Area
The area whose findings are tried.

.PARAMETER Workload
The workload that decides.

.PARAMETER TimeLimit
The length of the window, in minutes.

.PARAMETER AllowRestart
Lets experiments restart the VM. Without it only findings are tried that need no restart.

.PARAMETER ConnectionUri
The host, as a libvirt URI.

.EXAMPLE
./Invoke-ChangeWindow.ps1 lab1 -Area Cpu -Workload Cpu -TimeLimit 30 -WhatIf

.LINK
https://github.com/kvmtune/kvmtune
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)] [string] $VMName,
    [ValidateSet('Cpu', 'Disk', 'Memory', 'Network')] [string] $Area = 'Cpu',
    [string] $Workload = 'Cpu',
    [double] $TimeLimit = 30,
    [switch] $AllowRestart,
    [string] $ConnectionUri = ($env:LIBVIRT_DEFAULT_URI ? $env:LIBVIRT_DEFAULT_URI : 'qemu:///system')
)
$ProgressPreference = 'SilentlyContinue'
$built = Join-Path $PSScriptRoot '../../out/KvmTune'
Import-Module ((Test-Path $built) ? $built : 'KvmTune') -ErrorAction Stop
$end = [datetime]::UtcNow.AddMinutes($TimeLimit)

# What a cut-off run left.
$interrupted = Get-VMTuningHistory $VMName -Outcome Interrupted -Detailed -ErrorVariable failures | Where-Object { -not $_.UndoneAt -and $_.ConnectionUri -eq $ConnectionUri }
$interrupted | Undo-VMTuning -Confirm:$false -ErrorVariable +failures

$findings = Test-VMTuning $VMName -ConnectionUri $ConnectionUri -ErrorVariable +failures |
    Where-Object { $_.Area -eq $Area -and $_.Plan -and ($AllowRestart -or -not $_.Plan.RequiresRestart) }
if ($failures) { "$VMName`: no experiment was begun."; exit 1 }
if (-not $findings) { "$VMName`: no finding of $Area can be tried in this window."; exit 0 }
foreach ($finding in $findings) {
    $left = $end - [datetime]::UtcNow
    if ($left -lt [timespan]::FromMinutes(1)) { "$VMName`: the window is over."; break }
    $experiment = $finding | Invoke-VMExperiment -Workload $Workload -TimeLimit $left -Keep Improved -Restart:$AllowRestart -ErrorVariable +failures
    if ($experiment) { "$VMName`: $($finding.Id): $($experiment.Decision). $($experiment.Reason)" }
}
exit $(if ($failures) { 1 } else { 0 })
