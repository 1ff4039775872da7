#!/usr/bin/env pwsh
# The demo: look at a lab guest, measure it, change one thing, measure again, compare. Run it with ./bootstrap.sh demo.
[CmdletBinding()]
param(
    # The guest that is measured and changed; the lab's lab1 is made to be thrown away.
    [string] $VMName = 'lab1'
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = [Console]::IsOutputRedirected ? 'SilentlyContinue' : 'Continue'
Import-Module (Join-Path $PSScriptRoot '../out/KvmTune')

function Show-Step([string] $Text) { Write-Host "`nPS> $Text" -ForegroundColor Cyan }

Show-Step "Get-VMTopology $VMName"
Get-VMTopology $VMName | Format-Table | Out-Host

Show-Step "Set-DiskCacheMode $VMName vdb none -IO native -WhatIf"
Set-DiskCacheMode $VMName vdb none -IO native -WhatIf

Show-Step @"
Measure-VMPerformance $VMName -Workload RandomWrite |
      Set-DiskCacheMode -Disk vdb -Cache none -IO native -Restart |
      Measure-VMPerformance |
      Compare-VMPerformance
"@
$comparison = Measure-VMPerformance $VMName -Workload RandomWrite |
    Set-DiskCacheMode -Disk vdb -Cache none -IO native -Restart |
    Measure-VMPerformance |
    Compare-VMPerformance
$comparison | Format-List | Out-Host

Show-Step 'The same, metric by metric'
$comparison.Metrics | Format-Table | Out-Host
