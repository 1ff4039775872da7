# The libvirtd of the lab dies while cmdlets run. Only if the lab itself has started it and nobody else uses it.
BeforeDiscovery {
    $isOurs = $env:KVMTUNE_LAB -and (Test-Path "$env:KVMTUNE_LAB_DIR/state/libvirtd.pid")
}
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    function Invoke-Daemon([string] $Verb) { & $env:KVMTUNE_LAB_SCRIPT daemon $Verb *>$null; if ($LASTEXITCODE) { throw "lab.sh daemon $Verb failed" } }
}

Describe 'A daemon that is killed' -Tag Lab, Alone -Skip:(-not $isOurs) {
    AfterAll {
        Invoke-Daemon start
        Reset-Guest lab2
    }

    It 'in the middle of a measurement: ConnectionLost with the runs so far; the guest runs on, and the next command works' {
        $before = Get-DomainText lab2
        $process = Get-QemuProcessId lab2
        $pipeline = Start-Pipeline "Measure-VMPerformance lab2 -ConnectionUri '$(Get-LabUri)' -Workload RandomWrite -Runs 50 -RunTime 3 -FileSizeMiB 64"
        Wait-Activity $pipeline '*run 2 of 50*'
        Invoke-Daemon kill
        try {
            $result = Wait-Pipeline $pipeline
            $result.Ids | Should -Match '^(ConnectionLost|DaemonNotReachable)$'
            $result.Errors[0].TargetObject.CountedRuns.Count | Should -BeGreaterOrEqual 1
            # The error names the files that could not be removed without a daemon.
            "$($result.Errors[0])" | Should -Match '\.kvmtune-|removed'
            (Invoke-Captured { Get-VMTopology lab2 -ConnectionUri (Get-LabUri) }).Ids | Should -Match '^(ConnectionLost|DaemonNotReachable)$'
        }
        finally { Invoke-Daemon start }
        (Get-VMTopology lab2 -ConnectionUri (Get-LabUri)).State | Should -Be Running
        Get-QemuProcessId lab2 | Should -Be $process
        Get-DomainText lab2 | Should -Be $before
    }

    It 'in the middle of a restart: ConnectionLost, not a wait without end' {
        # The guest records the shutdown request and ignores it.
        Invoke-InGuest lab2 'f=$(command -v shutdown); rm $f; printf "#!/bin/sh\ntouch /run/was-asked\n" >$f; chmod 755 $f' | Out-Null
        $pipeline = Start-Pipeline "Restart-VMDomain lab2 -ConnectionUri '$(Get-LabUri)' -Confirm:`$false -ShutdownTimeLimit 600; 'over'"
        $null = Wait-Until -What 'the guest was asked to shut down' -Condition {
            if ($pipeline.Handle.IsCompleted) { throw "it ended: $($pipeline.Streams.Error.ReadAll())" }
            Invoke-InGuest lab2 'ls /run/was-asked 2>/dev/null || true'
        }
        Invoke-Daemon kill
        try {
            $result = Wait-Pipeline $pipeline 60
            $result.Ids | Should -Be ConnectionLost
            $result.Output | Should -Be over
        }
        finally { Invoke-Daemon start }
        Get-DomainState lab2 | Should -Be running
    }

    It 'in the middle of a suspend: the guest goes on in the same boot, and undo leads back' -Tag Lab, Alone, All {
        Reset-Guest lab2
        Wait-Guest lab2
        $before = Get-DomainText lab2
        $boot = Invoke-InGuest lab2 'cat /proc/sys/kernel/random/boot_id'
        $pipeline = Start-Pipeline "Set-DiskCacheMode lab2 vdb none -Restart -RestartBy Suspend -ConnectionUri '$(Get-LabUri)'"
        $null = Wait-Until -What 'the state is being saved' -Condition {
            if ($pipeline.Handle.IsCompleted) { throw "it ended: $($pipeline.Streams.Error.ReadAll())" }
            (Get-DomainState lab2) -ne 'running'
        }
        Invoke-Daemon kill
        try {
            $result = Wait-Pipeline $pipeline 60
            $result.Ids | Should -Be ConnectionLost
            "$($result.Errors[0])" | Should -Match 'Undo-VMTuning or a start'
        }
        finally { Invoke-Daemon start }
        $null = Undo-VMTuning lab2 -Last -ConnectionUri (Get-LabUri) -WarningAction Ignore
        Get-DomainState lab2 | Should -Be running
        Invoke-Virsh dominfo lab2 | Where-Object { $_ -match '^Managed save:' } | Should -Match 'no$'
        Get-DomainText lab2 | Should -Be $before
        Invoke-InGuest lab2 'cat /proc/sys/kernel/random/boot_id' | Should -Be $boot
    }

    It 'at ten random moments of a suspend: the guest goes on each time, and undo leads back' -Tag Lab, Alone, All {
        Reset-Guest lab2
        Wait-Guest lab2
        $before = Get-DomainText lab2
        $boot, $line = Invoke-InGuest lab2 'cat /proc/sys/kernel/random/boot_id /proc/uptime'
        $uptime = [double] ($line -split ' ')[0]
        $seed = Get-Random
        $chance = [System.Random]::new($seed)
        $seconds = 0
        foreach ($round in 0..10) {
            $pipeline = Start-Pipeline "Set-DiskCacheMode lab2 vdb none -Restart -RestartBy Suspend -ConnectionUri '$(Get-LabUri)'"
            $null = Wait-Until -What 'the change is configured' -Condition {
                if ($pipeline.Handle.IsCompleted) { throw "it ended: $($pipeline.Streams.Error.ReadAll())" }
                Get-DiskOption lab2 vdb cache
            }
            # The first round is not interrupted and measures the time that a restart takes here.
            $clock = [System.Diagnostics.Stopwatch]::StartNew()
            $because = "seed $seed, round $round"
            if ($round -gt 0) {
                $null = $pipeline.Handle.AsyncWaitHandle.WaitOne([timespan]::FromSeconds($seconds * $chance.NextDouble()))
                Invoke-Daemon kill
            }
            try { $result = Wait-Pipeline $pipeline 120 } finally { if ($round -gt 0) { Invoke-Daemon start } else { $seconds = $clock.Elapsed.TotalSeconds } }
            $entry = Get-VMTuningHistory lab2 -Kind Change | Where-Object { -not $_.UndoneAt } | Select-Object -Last 1
            Write-Host "    $because`: $($clock.Elapsed.TotalSeconds) s, $($entry.Outcome), $($entry.Step), $($result.Ids)"
            if ($entry -and $entry.Outcome -ne 'TakenBack') {
                $null = Undo-VMTuning -Id $entry.Id -Restart -RestartBy Suspend -ConnectionUri (Get-LabUri) -WarningAction Ignore
            }
            Get-DomainState lab2 | Should -Be running -Because $because
            Invoke-Virsh dominfo lab2 | Where-Object { $_ -match '^Managed save:' } | Should -Match 'no$' -Because $because
            Get-DomainText lab2 | Should -Be $before -Because $because
            Get-DiskOption lab2 vdb cache -Running | Should -BeNullOrEmpty -Because $because
            $now, $line = Invoke-InGuest lab2 'cat /proc/sys/kernel/random/boot_id /proc/uptime'
            $now | Should -Be $boot -Because $because
            [double] ($line -split ' ')[0] | Should -BeGreaterThan $uptime -Because $because
            $uptime = [double] ($line -split ' ')[0]
        }
    }

    It 'and QEMU with it, as when the machine dies in the middle of a save: the VM runs again as it was configured, and it is said that its guest boots' -Tag Lab, Alone, All {
        Reset-Guest lab2
        Wait-Guest lab2
        $before = Get-DomainText lab2
        $process = Get-QemuProcessId lab2
        $pipeline = Start-Pipeline "Set-DiskCacheMode lab2 vdb none -Restart -RestartBy Suspend -ConnectionUri '$(Get-LabUri)'"
        $null = Wait-Until -What 'the state is being saved' -Condition {
            if ($pipeline.Handle.IsCompleted) { throw "it ended: $($pipeline.Streams.Error.ReadAll())" }
            (Get-DomainState lab2) -ne 'running'
        }
        Invoke-Daemon kill
        Stop-Process -Id $process -Force
        try { (Wait-Pipeline $pipeline 60).Ids | Should -Be ConnectionLost } finally { Invoke-Daemon start }
        $undone = Undo-VMTuning lab2 -Last -ConnectionUri (Get-LabUri) -WarningAction Ignore
        "$($undone.Notes)" | Should -Match 'is not whole .*its guest boots'
        Get-DomainState lab2 | Should -Be running
        Get-DomainText lab2 | Should -Be $before
        Invoke-Virsh dominfo lab2 | Where-Object { $_ -match '^Managed save:' } | Should -Match 'no$'
        Wait-Guest lab2
    }
}
