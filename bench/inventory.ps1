# The bench `inventory`: Get-VMTopology over many domains in a warm shell, against plain libvirt calls from C for the same documents
# and against python3-libvirt with ElementTree. libvirt's test driver holds the domains in each process; the rounds alternate.
$ErrorActionPreference = 'Stop'
. $PSScriptRoot/Figures.ps1
. $PSScriptRoot/TestHosts.ps1
Import-Module (Join-Path $RepositoryRoot 'out/KvmTune')
$folder = (New-Item -ItemType Directory -Path ([System.IO.Path]::GetTempPath()) -Name "kvmtune-bench-$PID").FullName

function Get-ResidentMiB { (Get-Process -Id $PID).WorkingSet64 / 1MB }

function Measure-Inventory([int] $Count, [int] $Rounds) {
    $uri = New-NodeFile $folder $Count
    $c = Start-Peer (Join-Path $RepositoryRoot 'out/bench/inventory-peer') $uri
    $python = Start-Peer /usr/bin/python3 @("$PSScriptRoot/inventory-peer.py", $uri)
    try {
        $null = Connect-VMHost $uri
        $watch = [System.Diagnostics.Stopwatch]::new()
        $ours = @(); $bare = @(); $script = @()
        foreach ($round in -1..$Rounds) {
            $fromC = Measure-Peer $c
            [GC]::Collect()
            $watch.Restart()
            Get-VMTopology -ConnectionUri $uri | Out-Null
            $watch.Stop()
            $fromPython = Measure-Peer $python
            if ($round -gt 0) {
                # The first two rounds are only a warm-up.
                $bare += $fromC.Ms; $ours += $watch.Elapsed.TotalMilliseconds; $script += $fromPython.Ms
            }
        }
        if ($fromC.Documents -ne $fromPython.Documents) { throw "The peers disagree: $fromC, $fromPython" }

        # The memory while the objects stream, and the time to the first object.
        [GC]::Collect(); [GC]::WaitForPendingFinalizers(); [GC]::Collect()
        $state = @{ Seen = 0; First = 0.0; Managed = [GC]::GetTotalMemory($true); Most = 0; Resident = Get-ResidentMiB; MostResident = 0.0 }
        $watch.Restart()
        Get-VMTopology -ConnectionUri $uri | ForEach-Object {
            if ($state.Seen++ -eq 0) { $state.First = $watch.Elapsed.TotalMilliseconds }
            if ($state.Seen % 250 -eq 0) {
                $state.Most = [math]::Max($state.Most, [GC]::GetTotalMemory($true))
                $state.MostResident = [math]::Max($state.MostResident, (Get-ResidentMiB))
            }
        }
        if ($state.Seen -ne $Count) { throw "$($state.Seen) of $Count VMs came." }

        $median = Get-Median $ours
        Add-Figure "$Count VMs, Get-VMTopology" $median 'ms' "$(Format-Ratio $median (Get-Median $bare) 'bare C calls'); goal: at most 1.5"
        Add-Figure "$Count VMs, bare libvirt calls from C" (Get-Median $bare) 'ms' "$($fromC.Documents) documents"
        Add-Figure "$Count VMs, python3-libvirt with ElementTree" (Get-Median $script) 'ms' (
            Format-Ratio (Get-Median $script) (Get-Median $bare) 'bare C calls')
        Add-Figure "$Count VMs, a VM" ($median / $Count * 1000) 'us'
        Add-Figure "$Count VMs, first object after" $state.First 'ms'
        Add-Figure "$Count VMs, live managed memory grows by at most" (($state.Most - $state.Managed) / 1MB) 'MiB'
        Add-Figure "$Count VMs, resident memory grows by at most" ($state.MostResident - $state.Resident) 'MiB'
        $script:times[$Count] = $median
    }
    finally {
        foreach ($peer in $c, $python) { $peer.StandardInput.Close(); $peer.WaitForExit() }
        Disconnect-VMHost $uri
    }
}

$times = @{}
try {
    Measure-Inventory 1000 15
    Measure-Inventory 10000 5
    Add-Figure '10,000 VMs take as long as 1,000, times' ($times[10000] / $times[1000]) '' 'linear: 10'
}
finally {
    Remove-Item -Recurse -Force $folder
}
Save-Figure inventory
