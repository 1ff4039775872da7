# The bench `pin`: one live pin in a warm shell, against the unavoidable cost (pin-peer.c: the same calls of libvirt, two durable writes, the
# reading of /proc) and against a virsh process, in turn. Every call moves the vCPU, so none is without effect. The plain call is libvirt's own
# part: it writes the VM's state to /run. virt-xml cannot pin a running VM, so it is compared with the same pin in the persistent
# configuration. .NET recompiles methods in the background after 30 calls, so a shell is warm after some hundred pins; the first twenty, one
# right after the other, have their own figure.
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
$rounds = 60
$warmUp = 600
$slowRounds = 7
$vm = 'lab1'
$uri = $env:KVMTUNE_LAB_URI ?? 'qemu:///system'
$cpus = [Environment]::ProcessorCount
if ($cpus -lt 2) { throw 'A pin that changes something needs two host CPUs.' }

$watch = [System.Diagnostics.Stopwatch]::StartNew()
Import-Module (Join-Path $RepositoryRoot 'out/KvmTune')
Connect-VMHost $uri | Out-Null
$before = (Get-VMTopology $vm).Running.VcpuPins[0]
$configured = (Get-VMTopology $vm).Configured.VcpuPins[0]

function Measure-Pin([int] $Cpu, [string] $Scope) {
    $watch.Restart()
    $result = Set-VcpuPin $vm 0 $Cpu -Scope $Scope -WarningAction Ignore
    $watch.Stop()
    if ($result.Outcome -notin 'Applied', 'RestartPending') { throw "The pin was not applied: $($result.Outcome)" }
    $watch.Elapsed.TotalMilliseconds
}

$peer = Join-Path $RepositoryRoot 'out/bench/pin-peer'
$virsh = (Get-Command virsh -CommandType Application).Source | Select-Object -First 1
$virtXml = (Get-Command virt-xml -CommandType Application).Source | Select-Object -First 1
try {
    $null = Measure-Program $virsh @('-c', $uri, 'vcpupin', $vm, '0', '0', '--live')
    $first = Measure-Pin 1 Live
    $early = foreach ($round in 0..19) { Measure-Pin ($round % 2) Live }
    foreach ($round in 0..$warmUp) { $null = Measure-Pin ($round % 2) Live }

    $ours = @()
    $theirs = @()
    $must = @()
    $bare = @()
    foreach ($round in 1..$rounds) {
        $ours += Measure-Pin 1 Live
        # Six rounds of the peer for each of ours: only the first opens the connection and the file, and the median excludes it.
        $whole, $pinAlone = (& $peer $uri $vm (Join-Path $env:KVMTUNE_HOME 'pin-peer.db') 6).Split(' ')
        if ($LASTEXITCODE -ne 0) { throw "pin-peer ended with $LASTEXITCODE" }
        $must += [double]::Parse($whole, [cultureinfo]::InvariantCulture)
        $bare += [double]::Parse($pinAlone, [cultureinfo]::InvariantCulture)
        # The peer leaves the vCPU on host CPU 1, and virsh moves it back.
        $theirs += Measure-Program $virsh @('-c', $uri, 'vcpupin', $vm, '0', '0', '--live')
    }

    $oursConfig = @()
    $theirsConfig = @()
    $null = Measure-Program $virsh @('-c', $uri, 'vcpupin', $vm, '0', '0', '--config')
    $null = Measure-Pin 1 Config
    foreach ($round in 1..$slowRounds) {
        $theirsConfig += Measure-Program $virtXml @('-c', $uri, $vm, '--edit', '--cputune', 'vcpupin0.vcpu=0,vcpupin0.cpuset=0')
        $oursConfig += Measure-Pin 1 Config
    }
}
finally {
    & $virsh -q -c $uri vcpupin $vm 0 $(if ($before) { "$before" } else { 'r' }) --live | Out-Null
    if ($configured) { & $virsh -q -c $uri vcpupin $vm 0 "$configured" --config | Out-Null }
    else { Clear-VcpuPin $vm 0 -Scope Config -WarningAction Ignore | Out-Null }
}

$pin = Get-Median $ours
Add-Figure 'live pin, Set-VcpuPin in a warm shell' $pin 'ms' "$(Format-Ratio $pin (Get-Median $must) 'what it must cost'); goal: at most 3; $(Format-Ratio $pin (Get-Median $theirs) 'virsh')"
Add-Figure 'live pin, what it must cost: the same in C' (Get-Median $must) 'ms' (Format-Ratio (Get-Median $must) (Get-Median $theirs) 'virsh')
Add-Figure 'live pin, virsh vcpupin process' (Get-Median $theirs) 'ms'
Add-Figure 'live pin, the bare libvirt call' (Get-Median $bare) 'ms' (Format-Ratio (Get-Median $bare) (Get-Median $theirs) 'virsh')
Add-Figure 'live pin, first in a new shell' $first 'ms' (Format-Ratio $first (Get-Median $theirs) 'virsh')
Add-Figure 'live pin, the next twenty' (Get-Median $early) 'ms' (Format-Ratio (Get-Median $early) (Get-Median $theirs) 'virsh')
Add-Figure 'persistent pin, Set-VcpuPin in a warm shell' (Get-Median $oursConfig) 'ms' (
    Format-Ratio (Get-Median $oursConfig) (Get-Median $theirsConfig) 'virt-xml')
Add-Figure 'persistent pin, virt-xml process' (Get-Median $theirsConfig) 'ms'
Save-Figure pin
