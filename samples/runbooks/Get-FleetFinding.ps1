#!/usr/bin/env pwsh

<#
.SYNOPSIS
Lists the findings of many hosts as one table, and writes them as a page, CSV and JSON.

.DESCRIPTION
Reads the findings of every host through its libvirt URI. A host that does not answer gives one error; the findings of the others are still listed. Nothing is changed.

The exit code, for CI, is 0 without a finding of at least the severity -FailOn, 2 with one, and 1 after an error: a host did not answer, or a file was not written.

.PARAMETER ConnectionUri
The hosts, as libvirt URIs. Spaces separate them in a shell, commas in PowerShell; both work in both.

.PARAMETER VMName
The VMs, by name or wildcard.

.PARAMETER Path
A file without its ending: PATH.html is a report to read, PATH.csv and PATH.json are for programs. Existing files are written over.

.PARAMETER FailOn
The least severity that makes the exit code 2.

.EXAMPLE
./Get-FleetFinding.ps1 qemu+ssh://root@kvm1/system qemu+ssh://root@kvm2/system -Path findings

.EXAMPLE
pwsh -File Get-FleetFinding.ps1 qemu+ssh://root@kvm1/system,qemu+ssh://root@kvm2/system -FailOn Medium

.LINK
https://github.com/kvmtune/kvmtune
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    [Parameter(Mandatory, ValueFromRemainingArguments)] [string[]] $ConnectionUri,
    [string[]] $VMName = '*',
    [string] $Path,
    [ValidateSet('Low', 'Medium', 'High', 'Never')] [string] $FailOn = 'High'
)
$ProgressPreference = 'SilentlyContinue'
$built = Join-Path $PSScriptRoot '../../out/KvmTune'
Import-Module ((Test-Path $built) ? $built : 'KvmTune') -ErrorAction Stop
$severities = 'Low', 'Medium', 'High'
# A list with commas comes from a shell as one word.
$uris = $ConnectionUri -split '[,\s]+' -ne ''
$hosts = $unwritten = @()
$findings = @(foreach ($uri in $uris) {
        Test-VMTuning $VMName -ConnectionUri $uri -OutVariable found -ErrorVariable failed
        $hosts += [pscustomobject] @{ ConnectionUri = $uri; Findings = $found.Count; Errors = $failed -join ' ' }
    })
$findings = @($findings | Sort-Object Severity, ConnectionUri, VMName)

# A whole URI leaves no room for the other columns at 80 characters.
$hostName = @{ Name = 'Host'; Expression = { ([uri] $_.ConnectionUri).Authority ? ([uri] $_.ConnectionUri).Authority : $_.ConnectionUri } }
$findings | Format-Table Severity, $hostName, VMName, Id, Subject -AutoSize -Wrap

if ($Path) {
    $counts = $findings | Group-Object Severity | ForEach-Object { "$($_.Count) $($_.Name)" }
    Set-Content -LiteralPath "$Path.html" -ErrorVariable +unwritten -Value @"
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>KvmTune: findings</title>
<style>
:root { color-scheme: light dark; font: 16px/1.4 system-ui, sans-serif }
div { overflow-x: auto }
table { border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .3em .7em; border-bottom: 1px solid #888 }
</style>
</head>
<body>
<h1>Findings</h1>
<p>$(Get-Date -Format 'yyyy-MM-dd HH:mm'): $($counts ? $counts -join ', ' : 'none'). A finding is a candidate: an experiment shows whether its change helps.</p>
<div tabindex="0">
$($hosts | ConvertTo-Html -Fragment)
</div>
<h2>The gravest first</h2>
<div tabindex="0">
$($findings | Select-Object Severity, ConnectionUri, VMName, Area, Id, Subject, Suggestion, Reason | ConvertTo-Html -Fragment)
</div>
</body>
</html>
"@
    $findings | Select-Object ConnectionUri, VMName, Severity, Area, Id, Subject, Suggestion, Reason | Export-Csv -LiteralPath "$Path.csv" -ErrorVariable +unwritten
    ConvertTo-Json $findings -Depth 4 -WarningAction Ignore | Set-Content -LiteralPath "$Path.json" -ErrorVariable +unwritten
}
$isGrave = $FailOn -ne 'Never' -and @($findings | Where-Object { $severities.IndexOf("$($_.Severity)") -ge $severities.IndexOf($FailOn) }).Count -gt 0
exit $(if ($unwritten -or ($hosts | Where-Object Errors)) { 1 } elseif ($isGrave) { 2 } else { 0 })
