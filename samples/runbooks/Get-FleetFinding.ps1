#!/usr/bin/env pwsh

<#
.SYNOPSIS
Lists the findings of many hosts as one table, and writes them as CSV and JSON.

.DESCRIPTION
Every host is asked for the findings of its VMs by libvirt's URI; a host that does not answer is one error, and the others are there. Nothing is changed.

The exit code is 0 where no finding is as grave as -FailOn, 1 where one is, and 2 where a host did not answer: for CI.

.PARAMETER ConnectionUri
The hosts, as libvirt URIs.

.PARAMETER VMName
The VMs, by name or wildcard.

.PARAMETER Path
A file without its ending: PATH.csv and PATH.json are written.

.PARAMETER FailOn
The least severity that makes the exit code 1.

.EXAMPLE
./Get-FleetFinding.ps1 test:///default -Path findings

.LINK
https://github.com/kvmtune/kvmtune
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [string[]] $ConnectionUri,
    [string] $VMName = '*',
    [string] $Path,
    [ValidateSet('Low', 'Medium', 'High', 'Never')] [string] $FailOn = 'High'
)
$ProgressPreference = 'SilentlyContinue'
$built = Join-Path $PSScriptRoot '../../out/KvmTune'
Import-Module ((Test-Path $built) ? $built : 'KvmTune') -ErrorAction Stop
$grave = 'Low', 'Medium', 'High'
$findings = @(foreach ($uri in $ConnectionUri) { Test-VMTuning $VMName -ConnectionUri $uri -ErrorVariable +failures })
$findings | Sort-Object { - $grave.IndexOf("$($_.Severity)") }, ConnectionUri, VMName | Format-Table ConnectionUri, VMName, Severity, Area, Id, Subject
if ($Path) {
    $findings | Select-Object ConnectionUri, VMName, Severity, Area, Id, Subject, Suggestion, Reason | Export-Csv "$Path.csv"
    ConvertTo-Json $findings -Depth 4 -WarningAction Ignore | Set-Content "$Path.json"
}
$isGrave = $FailOn -ne 'Never' -and @($findings | Where-Object { $grave.IndexOf("$($_.Severity)") -ge $grave.IndexOf($FailOn) }).Count -gt 0
exit $(if ($failures) { 2 } elseif ($isGrave) { 1 } else { 0 })
