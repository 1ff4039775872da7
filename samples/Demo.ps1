#!/usr/bin/env pwsh

<#
.SYNOPSIS
Shows the method on one VM: a bad pin is found, tried the other way, and kept because it improved; then one line about a disk.

.DESCRIPTION
The demo pins two vCPUs to one host CPU, lets Test-VMTuning find that, and tries the other way in an experiment. The second part measures a
disk, changes its cache mode, and measures again. It takes a few minutes; ./bootstrap.sh demo runs it on a guest of the lab.

A VM of your own needs two vCPUs or more, a running guest agent, and sysbench and fio in the guest. The demo measures it under load and
suspends or restarts it once, so it asks first. At the end it says how to take everything back.

.PARAMETER VMName
The VM.

.PARAMETER Disk
The disk of the second part, by its target. Its cache mode changes; only a file of the workload is written.

.PARAMETER Force
Does not ask before it changes a VM that is not a guest of the lab.

.EXAMPLE
./Demo.ps1 lab1 -WhatIf

.LINK
https://github.com/kvmtune/kvmtune
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [string] $VMName = 'lab1',
    [string] $Disk = 'vdb',
    [switch] $Force
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = [Console]::IsOutputRedirected ? 'SilentlyContinue' : 'Continue'
# In the repository the module that was built there, else the installed one.
$built = Join-Path $PSScriptRoot '../out/KvmTune'
Import-Module ((Test-Path $built) ? $built : 'KvmTune')

function Show-Step([string] $Text) { Write-Host "`nPS> $Text" -ForegroundColor Cyan }

$vm = Get-VMTopology $VMName
# Guests of the lab are there to be thrown away; tests/lab gives them ids that begin so.
$isLabGuest = "$($vm.VMId)" -like '6b766d74-756e-4c61-8b00-*'
$question = "The demo pins vCPUs 0 and 1 of $VMName to one host CPU, measures it under load for some minutes, and suspends or restarts it. Go on?"
if (-not $isLabGuest -and -not $Force -and -not $WhatIfPreference -and -not $PSCmdlet.ShouldContinue($question, 'A demo on a VM that is not of the lab')) { return }
if ($vm.VcpuCount -lt 2) { throw "$VMName has one vCPU, and the demo needs two that can share a host CPU. Name another VM by -VMName." }
$first, $last = (("$((Get-VMHostTopology $vm.ConnectionUri).OnlineCpus)" -split ',')[0] -split '-')
if (-not $last -and "$((Get-VMHostTopology $vm.ConnectionUri).OnlineCpus)" -notmatch ',') { throw "The host of $VMName has one CPU: nothing can be moved to another one." }

# --- 1. Two vCPUs on one host CPU ---
Show-Step "Set-VcpuPin $VMName -Map @{ 0 = '$first'; 1 = '$first' }      # the mistake to be found"
$mistake = Set-VcpuPin $VMName -Map @{ 0 = $first; 1 = $first } -WarningAction SilentlyContinue
if ($WhatIfPreference) { return }
$mistake | Format-Table | Out-Host

Show-Step "Test-VMTuning $VMName"
Test-VMTuning $VMName | Format-Table | Out-Host

Show-Step @"
Test-VMTuning $VMName | Where-Object Id -eq PinSharesHostCpuWithinVM |
      Invoke-VMExperiment -Workload Cpu -TimeLimit 5m
"@
$experiment = Test-VMTuning $VMName | Where-Object Id -EQ PinSharesHostCpuWithinVM | Invoke-VMExperiment -Workload Cpu -TimeLimit 5m
$experiment | Format-List | Out-Host
$experiment | Show-VMComparison | Out-Host

# --- 2. One line about a disk ---
Show-Step @"
Measure-VMPerformance $VMName -Workload RandomWrite |
      Set-DiskCacheMode -Disk $Disk -Cache none -IO native -Restart |
      Measure-VMPerformance |
      Compare-VMPerformance
"@
$comparison = Measure-VMPerformance $VMName -Workload RandomWrite |
    Set-DiskCacheMode -Disk $Disk -Cache none -IO native -Restart |
    Measure-VMPerformance |
    Compare-VMPerformance
$comparison | Format-List | Out-Host

Show-Step "Get-VMTuningHistory $VMName      # every change, with its way back: Undo-VMTuning"
Get-VMTuningHistory $VMName | Format-Table | Out-Host
