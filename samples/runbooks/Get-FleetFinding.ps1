#!/usr/bin/env pwsh

<#
.SYNOPSIS
Lists the findings of many hosts as one table, and writes them as CSV and JSON.

.DESCRIPTION
Reads the findings of every host through its libvirt URI. A host that does not answer gives one error; the findings of the others are still listed. Nothing is changed.

The exit code, for CI, is 0 without a finding of at least the severity -FailOn, 1 with one, and 2 where a host did not answer.

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
