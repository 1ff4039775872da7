# Restart-VMDomain, and guests that resist a restart.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    if ($env:KVMTUNE_LAB) { $null = Connect-VMHost (Get-LabUri) }
}

Describe 'Restart-VMDomain' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    AfterAll { Restore-Guest lab1 }

    It 'shuts the guest down cleanly and starts it with a new QEMU; by pipeline, others proceed' {
        $process = Get-QemuProcessId lab1
        Invoke-InGuest lab1 'echo kept > /data/kept' | Out-Null
        $captured = Invoke-Captured { 'nobody', 'lab1' | Restart-VMDomain -Confirm:$false -ShutdownTimeLimit 180 }
        $captured.Ids | Should -Be VMNotFound
        $captured.Output.VMName | Should -Be lab1
        $captured.Output.State | Should -Be Running
        Get-QemuProcessId lab1 | Should -Not -Be $process
        Wait-Guest lab1
        # Written without a sync: only a clean shutdown keeps the file, and an unclean one leaves a mark in the file system's journal.
        Invoke-InGuest lab1 'cat /data/kept; rm /data/kept' | Should -Be kept
        Invoke-InGuest lab1 'dmesg | grep -i "recovery" || true' | Should -BeNullOrEmpty
    }

    It 'with -WhatIf touches nothing' {
        $process = Get-QemuProcessId lab1
        Get-PrintedText { Restart-VMDomain lab1 -WhatIf | Should -BeNullOrEmpty } | Should -Match 'lab1'
        Get-QemuProcessId lab1 | Should -Be $process
    }

    It 'asks: a session without a person restarts nothing' {
        $process = Get-QemuProcessId lab1
        $run = Invoke-Child "Import-Module '$(Get-ModulePath)'; Restart-VMDomain lab1 -ConnectionUri '$(Get-LabUri)'; 'end'"
        ($run.Output -join ' ') | Should -Match 'cannot ask for confirmation.*-Confirm:\$false'
        $run.Text | Should -Match 'end$'
        Get-QemuProcessId lab1 | Should -Be $process
    }

    It 'ends at Ctrl+C while the guest shuts down with the guest running: never half way' {
        $process = Get-QemuProcessId lab1
        $pipeline = Start-Pipeline "Restart-VMDomain lab1 -ConnectionUri '$(Get-LabUri)' -Confirm:`$false"
        $null = Wait-Until -What 'the shutdown has begun' -Condition { $pipeline.Handle.IsCompleted -or (Get-DomainState lab1) -ne 'running' }
        $null = $pipeline.BeginStop($null, $null)
        $null = Wait-Until -What 'the pipeline has ended' -Condition { $pipeline.Handle.IsCompleted }
        $pipeline.Dispose()
        Get-DomainState lab1 | Should -Be running
        Get-QemuProcessId lab1 | Should -Not -Be $process
        Wait-Guest lab1
    }

    It 'waits for a guest that is still booting, which hears neither agent nor power button yet' {
        $null = Invoke-Virsh destroy lab1
        $null = Invoke-Virsh start lab1
        $process = Get-QemuProcessId lab1
        $captured = Invoke-Captured { Restart-VMDomain lab1 -Confirm:$false -ShutdownTimeLimit 180 }
        $captured.Ids | Should -BeNullOrEmpty
        Get-QemuProcessId lab1 | Should -Not -Be $process
        Wait-Guest lab1
    }

    It 'refuses a paused VM with VMNotRunning, and leaves it paused' {
        $null = Invoke-Virsh suspend lab1
        try {
            $captured = Invoke-Captured { Restart-VMDomain lab1 -Confirm:$false }
            $captured.Ids | Should -Be VMNotRunning
            "$($captured.Errors[0])" | Should -Match 'virsh resume'
            Get-DomainState lab1 | Should -Be paused
        }
        finally { $null = Invoke-Virsh resume lab1 }
    }
}

Describe 'A guest that ignores shutdown' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll { Reset-Guest lab1 'kvmtune.shutdown=ignore' }
    AfterAll { Restore-Guest lab1 }

    It 'is ShutdownTimedOut and still runs; a change that wanted the restart is taken back' {
        $before = Get-DomainText lab1
        $process = Get-QemuProcessId lab1
        $captured = Invoke-Captured { Restart-VMDomain lab1 -Confirm:$false -ShutdownTimeLimit 2 }
        $captured.Ids | Should -Be ShutdownTimedOut
        $captured.Errors[0].CategoryInfo.Category | Should -Be OperationTimeout
        "$($captured.Errors[0])" | Should -Match '-ShutdownTimeLimit.*-AllowPowerOff'
        # A shutdown request cannot be cancelled.
        "$($captured.Errors[0])" | Should -Match 'may go down later'
        # -Force consents to a risk for data, and to nothing else.
        $captured = Invoke-Captured { Set-DiskCacheMode lab1 vdb none -Restart -RestartBy Reboot -Force -ShutdownTimeLimit 2 }
        $captured.Ids | Should -Be ShutdownTimedOut
        Get-DomainText lab1 | Should -Be $before
        Get-DomainState lab1 | Should -Be running
        Get-QemuProcessId lab1 | Should -Be $process
        # The change was undone completely, so there is no warning before the next change.
        @((Invoke-Captured { Set-DiskCacheMode lab1 vdb none -WhatIf }).Warnings) -match 'not measured' | Should -HaveCount 0
    }

    It 'is powered off with -AllowPowerOff, and only then, and started' {
        $process = Get-QemuProcessId lab1
        $vm = Restart-VMDomain lab1 -Confirm:$false -ShutdownTimeLimit 2 -AllowPowerOff
        $vm.State | Should -Be Running
        Get-QemuProcessId lab1 | Should -Not -Be $process
    }
}

Describe 'A guest whose state is saved' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        Restore-Guest lab1
        $null = Invoke-Virsh managedsave lab1
    }
    AfterAll {
        $null = Invoke-Virsh managedsave-remove lab1
        Restore-Guest lab1
    }

    It 'refuses a change that its next start would not have in force, and names the ways out' {
        $before = Get-DomainText lab1
        foreach ($command in { Set-DiskCacheMode lab1 vdb none }, { Set-DiskCacheMode lab1 vdb none -WhatIf }, { Set-VcpuPin lab1 0 0 }) {
            $captured = Invoke-Captured $command
            $captured.Ids | Should -Be SavedStateHidesChange -Because "$command"
            "$($captured.Errors[0])" | Should -Match 'managedsave-remove lab1'
            "$($captured.Errors[0])" | Should -Match 'Restart-VMDomain'
        }
        Get-DomainText lab1 | Should -Be $before
    }

    It 'takes it once the saved state is gone' {
        $null = Invoke-Virsh managedsave-remove lab1
        (Set-DiskCacheMode lab1 vdb none -WarningAction Ignore).Outcome | Should -Be Applied
        (Undo-VMTuning lab1 -Last -WarningAction Ignore).Outcome | Should -Be Applied
    }
}

Describe 'A change that QEMU does not start with' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        # A guest without an operating system. Its disk can be opened past the page cache, until a file in a ramfs, which cannot, is mounted over
        # it.
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
        $pipeline = Start-Pipeline "Set-DiskCacheMode 'pester start' vda none -Restart -RestartBy Reboot -AllowPowerOff -ShutdownTimeLimit 8 -ConnectionUri '$(Get-LabUri)'"
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
