# The bench `hosts`: commands over all VMs of a host in a warm shell, each compared with the libvirt calls that it needs at least, made from C.
# libvirt's test driver holds the domains in each process; the rounds alternate. The hosts have as many VMs as is said, one number or several.
param([int[]] $Count = @(1000, 10000))
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
. $PSScriptRoot/TestHosts.ps1
Import-Module (Join-Path $RepositoryRoot 'out/KvmTune')
$folder = (New-Item -ItemType Directory -Path ([System.IO.Path]::GetTempPath()) -Name "kvmtune-bench-$PID").FullName
$times = @{}
# A host of so many VMs only warms up.
$WarmUp = 50

# One command, alternating with its peer.
function Measure-HostCommand([int] $Count, [string] $Name, [scriptblock] $Command, $Peer, [string] $Says, [int] $Rounds, [string] $Goal) {
    $watch = [System.Diagnostics.Stopwatch]::new()
    $ours = @(); $bare = @()
    foreach ($round in 1..$Rounds) {
        $fromC = Measure-Peer $Peer
        [GC]::Collect()
        $watch.Restart()
        & $Command $round | Out-Null
        $watch.Stop()
        $bare += $fromC.Ms; $ours += $watch.Elapsed.TotalMilliseconds
    }
    $median = Get-Median $ours
    $times["$Name $Count"] = $median
    $times["$Says $Count"] = Get-Median $bare
    if ($Count -eq $WarmUp) { return }
    # Of both ways to touch each VM from C, where both were measured.
    $peers = @($Says) + @('reading and defining each' | Where-Object { $_ -ne $Says -and $times["$_ $Count"] })
    Add-Figure "$Count VMs, $Name" $median 'ms' "$(($peers | ForEach-Object { Format-Ratio $median $times["$_ $Count"] "$_ from C" }) -join '; ')$Goal"
}

function Measure-Host([int] $Count, [int] $Rounds) {
    $uri = New-NodeFile $folder $Count
    $program = Join-Path $RepositoryRoot 'out/bench/inventory-peer'
    $read = Start-Peer $program $uri
    $define = Start-Peer $program @($uri, 'define')
    try {
        $null = Connect-VMHost $uri
        # The test driver reads all its files when a connection opens, and planning needs a second one.
        $null = Test-VMTuning web00001 -WarningAction Ignore
        Measure-HostCommand $Count 'Test-VMTuning *' { Test-VMTuning * -WarningAction Ignore } $read 'reading each' $Rounds $(if ($Count -eq 1000) { '; goal: at most 2000 ms' })
        # libvirt validates each document that is defined: one round of 10,000 takes a quarter of an hour, and one is enough.
        Measure-HostCommand $Count 'Set-DiskCacheMode *' {
            param($round) Set-DiskCacheMode * vdb ($round % 2 ? 'writeback' : 'none') -IO threads -Scope Config -Force -Confirm:$false -WarningAction Ignore
        } $define 'reading and defining each' 1 '; goal: at most 3'
        # The host has far too few CPUs: without overcommit each VM would only be refused.
        Measure-HostCommand $Count 'New-VcpuPinPlan *' {
            $plans = @(New-VcpuPinPlan * -AllowOvercommit -WarningAction Ignore)
            if ($plans.Count -ne $Count) { throw "$($plans.Count) plans for $Count VMs" }
        } $read 'reading each' $Rounds '; goal: at most 3 of defining'
    }
    finally {
        foreach ($peer in $read, $define) { $peer.StandardInput.Close(); $peer.WaitForExit() }
        Disconnect-VMHost $uri
    }
}

try {
    Measure-Host $WarmUp 5
    foreach ($vms in $Count) { Measure-Host $vms ($vms -lt 5000 ? 3 : 1) }
    foreach ($name in 'Test-VMTuning *', 'Set-DiskCacheMode *', 'New-VcpuPinPlan *') {
        if ($Count.Count -lt 2) { break }
        Add-Figure "$name, $($Count[-1]) VMs take as long as $($Count[0]), times" ($times["$name $($Count[-1])"] / $times["$name $($Count[0])"]) '' "linear: $($Count[-1] / $Count[0])"
    }
}
finally {
    Remove-Item -Recurse -Force $folder
}
Save-Figure hosts
