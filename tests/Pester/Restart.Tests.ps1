# Restart-VMDomain, and what a guest can do against it.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    if ($env:KVMTUNE_LAB) { $null = Connect-VMHost (Get-LabUri) }
}

Describe 'Restart-VMDomain' -Tag Lab -Skip:(-not $env:KVMTUNE_LAB) {
    AfterAll { Restore-Guest lab2 }

    It 'shuts the guest down cleanly and starts it with a new QEMU; by pipeline, others proceed' {
        $process = Get-QemuProcessId lab2
        Invoke-InGuest lab2 'echo kept > /data/kept' | Out-Null
        $captured = Invoke-Captured { 'nobody', 'lab2' | Restart-VMDomain -Confirm:$false -ShutdownTimeLimit 60 }
        $captured.Ids | Should -Be VMNotFound
        $captured.Output.VMName | Should -Be lab2
        $captured.Output.State | Should -Be Running
        Get-QemuProcessId lab2 | Should -Not -Be $process
        Wait-Guest lab2
        # Written without a sync: only a clean shutdown keeps it, and an unclean one leaves its mark in the journal.
        Invoke-InGuest lab2 'cat /data/kept; rm /data/kept' | Should -Be kept
        Invoke-InGuest lab2 'dmesg | grep -i "recovery" || true' | Should -BeNullOrEmpty
    }

    It 'with -WhatIf touches nothing' {
        $process = Get-QemuProcessId lab2
        Get-PrintedText { Restart-VMDomain lab2 -WhatIf | Should -BeNullOrEmpty } | Should -Match 'lab2'
        Get-QemuProcessId lab2 | Should -Be $process
    }

    It 'asks: a session without a person restarts nothing' {
        $process = Get-QemuProcessId lab2
        $run = Invoke-Child "Import-Module '$(Get-ModulePath)'; Restart-VMDomain lab2 -ConnectionUri '$(Get-LabUri)'; 'end'"
        $run.Text | Should -Match 'Nobody can be asked.*-Confirm:\$false'
        $run.Text | Should -Match 'end$'
        Get-QemuProcessId lab2 | Should -Be $process
    }

    It 'ends at Ctrl+C while the guest shuts down with the guest running: never half way' {
        $process = Get-QemuProcessId lab2
        $pipeline = Start-Pipeline "Restart-VMDomain lab2 -ConnectionUri '$(Get-LabUri)' -Confirm:`$false"
        $null = Wait-Until -What 'the shutdown has begun' -Condition { $pipeline.Handle.IsCompleted -or (Get-DomainState lab2) -ne 'running' }
        $null = $pipeline.BeginStop($null, $null)
        $null = Wait-Until -What 'the pipeline has ended' -Condition { $pipeline.Handle.IsCompleted }
        $pipeline.Dispose()
        Get-DomainState lab2 | Should -Be running
        Get-QemuProcessId lab2 | Should -Not -Be $process
        Wait-Guest lab2
    }

    It 'waits for a guest that is still booting, which hears neither agent nor power button yet' {
        $null = Invoke-Virsh destroy lab2
        $null = Invoke-Virsh start lab2
        $process = Get-QemuProcessId lab2
        $captured = Invoke-Captured { Restart-VMDomain lab2 -Confirm:$false -ShutdownTimeLimit 60 }
        $captured.Ids | Should -BeNullOrEmpty
        Get-QemuProcessId lab2 | Should -Not -Be $process
        Wait-Guest lab2
    }

    It 'refuses a paused VM with VMNotRunning, and leaves it paused' {
        $null = Invoke-Virsh suspend lab2
        try {
            $captured = Invoke-Captured { Restart-VMDomain lab2 -Confirm:$false }
            $captured.Ids | Should -Be VMNotRunning
            "$($captured.Errors[0])" | Should -Match 'virsh resume'
            Get-DomainState lab2 | Should -Be paused
        }
        finally { $null = Invoke-Virsh resume lab2 }
    }
}

Describe 'A guest that ignores shutdown' -Tag Lab -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll { Reset-Guest lab2 'kvmtune.shutdown=ignore' }
    AfterAll { Restore-Guest lab2 }

    It 'is ShutdownTimedOut and still runs; a change that wanted the restart is taken back' {
        $before = Get-DomainText lab2
        $process = Get-QemuProcessId lab2
        $captured = Invoke-Captured { Restart-VMDomain lab2 -Confirm:$false -ShutdownTimeLimit 2 }
        $captured.Ids | Should -Be ShutdownTimedOut
        $captured.Errors[0].CategoryInfo.Category | Should -Be OperationTimeout
        "$($captured.Errors[0])" | Should -Match '-ShutdownTimeLimit.*-AllowPowerOff'
        # -Force consents to data at risk, and to nothing else.
        $captured = Invoke-Captured { Set-DiskCacheMode lab2 vdb none -Restart -Force -ShutdownTimeLimit 2 }
        $captured.Ids | Should -Be ShutdownTimedOut
        Get-DomainText lab2 | Should -Be $before
        Get-DomainState lab2 | Should -Be running
        Get-QemuProcessId lab2 | Should -Be $process
    }

    It 'is powered off with -AllowPowerOff, and only then, and started' {
        $process = Get-QemuProcessId lab2
        $vm = Restart-VMDomain lab2 -Confirm:$false -ShutdownTimeLimit 2 -AllowPowerOff
        $vm.State | Should -Be Running
        Get-QemuProcessId lab2 | Should -Not -Be $process
    }
}

Describe 'A guest whose state is saved' -Tag Lab -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        Restore-Guest lab2
        $null = Invoke-Virsh managedsave lab2
    }
    AfterAll {
        $null = Invoke-Virsh managedsave-remove lab2
        Restore-Guest lab2
    }

    It 'refuses a change that its next start would not have in force, and names the ways out' {
        $before = Get-DomainText lab2
        foreach ($command in { Set-DiskCacheMode lab2 vdb none }, { Set-DiskCacheMode lab2 vdb none -WhatIf }, { Set-VcpuPin lab2 0 0 }) {
            $captured = Invoke-Captured $command
            $captured.Ids | Should -Be SavedStateHidesChange -Because "$command"
            "$($captured.Errors[0])" | Should -Match 'managedsave-remove lab2'
            "$($captured.Errors[0])" | Should -Match 'Restart-VMDomain'
        }
        Get-DomainText lab2 | Should -Be $before
    }

    It 'takes it once the saved state is gone' {
        $null = Invoke-Virsh managedsave-remove lab2
        (Set-DiskCacheMode lab2 vdb none -WarningAction Ignore).Outcome | Should -Be Applied
        (Undo-VMTuning lab2 -Last -WarningAction Ignore).Outcome | Should -Be Applied
    }
}

Describe 'A change that QEMU does not start with' -Tag Lab -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        # A guest without an operating system. Under it lies a disk that can be opened past the page cache, until a file in a ramfs,
        # which cannot, is laid over it.
        $id = New-LabDomain 'pester start'
        $disk = "$env:KVMTUNE_LAB_DIR/pester-start.raw"
        $folder = '/tmp/kvmtune-pester-ramfs'
        $null = New-Item -ItemType Directory -Force $folder
        & mount -t ramfs kvmtune-pester $folder
        if ($LASTEXITCODE) { throw 'no ramfs could be mounted' }
        & chmod 755 $folder
        foreach ($file in $disk, "$folder/disk") {
            & qemu-img create -q -f raw $file 1M
            & chmod 666 $file
        }
        Set-DomainText (Get-DomainText 'pester start').Replace('/nowhere/disk.raw', $disk)
        $null = Invoke-Virsh start $id
    }
    AfterAll {
        & virsh -q -c (Get-LabUri) destroy $id *>$null
        Remove-LabDomain $id
        & umount $disk
        & umount $folder
        Remove-Item $disk, $folder -Recurse
    }

    It 'is taken back, and the VM runs with its former configuration' {
        $before = Get-DomainText 'pester start'
        $pipeline = Start-Pipeline "Set-DiskCacheMode 'pester start' vda none -Restart -AllowPowerOff -ShutdownTimeLimit 8 -ConnectionUri '$(Get-LabUri)'"
        $null = Wait-Until -What 'the change is configured' -Condition {
            if ($pipeline.Handle.IsCompleted) { throw "it ended: $($pipeline.Streams.Error.ReadAll())" }
            (Get-DiskOption 'pester start' vda cache) -eq 'none'
        }
        & mount --bind "$folder/disk" $disk
        $LASTEXITCODE | Should -Be 0
        $result = Wait-Pipeline $pipeline
        $result.Ids | Should -Be StartFailed
        "$($result.Errors[0])" | Should -Match 'was taken back'
        $result.Output | Should -BeNullOrEmpty
        Get-DomainText 'pester start' | Should -Be $before
        Get-DomainState 'pester start' | Should -Be running
    }
}
