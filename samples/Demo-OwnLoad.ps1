#!/usr/bin/env pwsh

<#
.SYNOPSIS
Judges a pin on a guest's real load, in a minute: without a benchmark, a restart or a pause.

.DESCRIPTION
A pin that hurts (two vCPUs on one host CPU) is tried on the guest's own load, found to hurt, and taken back. On a guest of the lab the load is
fio, which the script starts first and ends last. Your own VM runs with the bad pin for half of that minute, so the script asks first.

.PARAMETER VMName
The VM.

.PARAMETER TimeLimit
The time limit; by default a minute of load, or less where the verdict is clear sooner.

.EXAMPLE
./Demo-OwnLoad.ps1 lab2 -WhatIf

.LINK
https://github.com/kvmtune/kvmtune
#>
[CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
param(
    [string] $VMName = 'lab2',
    [string] $TimeLimit
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = [Console]::IsOutputRedirected ? 'SilentlyContinue' : 'Continue'
# In the repository the module that was built there, else the installed one.
$built = Join-Path $PSScriptRoot '../out/KvmTune'
Import-Module ((Test-Path $built) ? $built : 'KvmTune')

$vm = Get-VMTopology $VMName
if ($vm.VcpuCount -lt 2) { throw "$VMName has one vCPU, and it takes two that can share a host CPU. Name another VM by -VMName." }
# Guests of the lab are there to be thrown away; tests/lab gives them ids that begin so.
$lab = Join-Path $PSScriptRoot '../tests/lab/lab.sh'
$isLabGuest = "$($vm.VMId)" -like '6b766d74-756e-4c61-8b00-*' -and (Test-Path $lab)
$hostCpu = ("$((Get-VMHostTopology $vm.ConnectionUri).OnlineCpus)" -split '[,-]')[0]
if (-not $isLabGuest -and -not $PSCmdlet.ShouldProcess($VMName, "let vCPUs 0 and 1 share host CPU $hostCpu, for half of a minute")) { return }

$application = 'while :; do fio --name=app --filename=/data/app --size=32m --bs=4k --rw=randread --direct=1 --ioengine=libaio --iodepth=8 --numjobs=2 --thread --time_based --runtime=60; done'
if ($isLabGuest) { & $lab ssh $VMName "setsid sh -c '$application' >/dev/null 2>&1 </dev/null &" }
try {
    $limit = $TimeLimit ? @{ TimeLimit = $TimeLimit } : @{}
    Write-Host "`nPS> Set-VcpuPin $VMName -Map @{ 0 = '$hostCpu'; 1 = '$hostCpu' } -AsPlan | Invoke-VMExperiment -Workload Observe" -ForegroundColor Cyan
    $experiment = Set-VcpuPin $VMName -Map @{ 0 = $hostCpu; 1 = $hostCpu } -AsPlan -WarningAction Ignore | Invoke-VMExperiment -Workload Observe @limit -Confirm:$false
    $experiment | Format-List | Out-Host
    $experiment | Show-VMComparison | Out-Host

    Write-Host "`nPS> Get-VMTuningHistory $VMName      # one entry, however often it was switched" -ForegroundColor Cyan
    Get-VMTuningHistory -Id $experiment.JournalIds | Format-Table | Out-Host
}
finally {
    if ($isLabGuest) { & $lab ssh $VMName "pkill -f '[w]hile :'; pkill fio; rm -f /data/app" }
}
