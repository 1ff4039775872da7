# The libvirtd of the lab dies under the cmdlets. Only where the lab has started it itself, and nobody else is on it.
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
            # What could not be removed without a daemon is named.
            "$($result.Errors[0])" | Should -Match '\.kvmtune-|removed'
            (Invoke-Captured { Get-VMTopology lab2 -ConnectionUri (Get-LabUri) }).Ids | Should -Match '^(ConnectionLost|DaemonNotReachable)$'
        }
        finally { Invoke-Daemon start }
        (Get-VMTopology lab2 -ConnectionUri (Get-LabUri)).State | Should -Be Running
        Get-QemuProcessId lab2 | Should -Be $process
        Get-DomainText lab2 | Should -Be $before
    }

    It 'in the middle of a restart: ConnectionLost, not a wait without end' {
        # The guest notes that it was asked, and does not obey.
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
}
