# The bench `completion`: the time of a Tab completion with the lab's daemon, for each kind of name, through TabExpansion2 like the shell;
# compared with `virsh list --all --name`, the least that a completion of virsh could take. They run in turn.
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
$rounds = 21
$uri = $env:KVMTUNE_LAB_URI ?? 'qemu:///system'
$lines = [ordered]@{
    'VMs'         = 'Get-VMTopology la'
    'disks'       = 'Set-DiskCacheMode lab1 -Disk '
    'NICs'        = 'Enable-NicMultiqueue lab1 -Nic '
    'vCPUs'       = 'Set-VcpuPin lab1 -Vcpu '
    'host CPUs'   = 'Set-VcpuPin lab1 0 -HostCpu '
    'host nodes'  = 'Set-VMNumaPolicy lab1 -Nodes '
    'page pools'  = 'Set-HugePagePool -PageSize '
    'workloads'   = 'Measure-VMPerformance lab1 -Workload '
    'journal ids' = 'Undo-VMTuning -Id '
    'hosts'       = 'Connect-VMHost '
}
$virsh = (Get-Command virsh -CommandType Application).Source | Select-Object -First 1
$watch = [System.Diagnostics.Stopwatch]::StartNew()

function Measure-Tab([string] $Line) {
    $watch.Restart()
    $found = (TabExpansion2 $Line $Line.Length).CompletionMatches
    $watch.Stop()
    if (-not $found.Count) { throw "Nothing completes '$Line'." }
    $watch.Elapsed.TotalMilliseconds
}

Import-Module (Join-Path $RepositoryRoot 'out/KvmTune')
$env:LIBVIRT_DEFAULT_URI = $uri

# One entry, so that there is an id to complete; it is undone at once.
$null = Set-VcpuPin lab1 0 0 -Scope Config -WarningAction Ignore
$null = Undo-VMTuning lab1 -Last -WarningAction Ignore

$first = Measure-Tab $lines['VMs']
$ours = @{}
$theirs = @()
foreach ($round in 1..$rounds) {
    foreach ($kind in $lines.Keys) { $ours[$kind] = @($ours[$kind]) + (Measure-Tab $lines[$kind]) }
    $theirs += Measure-Program $virsh @('-q', '-c', $uri, 'list', '--all', '--name')
}

$peer = Get-Median $theirs
Add-Figure 'first completion in a new session, VMs' $first 'ms' "$(Format-Ratio $first $peer 'virsh'); goal: at most 100 ms"
foreach ($kind in $lines.Keys) {
    # The first completion of each kind includes compilation; it counts as the slowest.
    $median = Get-Median $ours[$kind].Where{ $null -ne $_ }
    $slowest = ($ours[$kind] | Measure-Object -Maximum).Maximum
    Add-Figure "completion of $kind" $median 'ms' ("$(Format-Ratio $median $peer 'virsh'); slowest {0:0.#} ms; goal: at most 100 ms" -f $slowest)
}
Add-Figure 'virsh list --all --name process' $peer 'ms'
Save-Figure completion
