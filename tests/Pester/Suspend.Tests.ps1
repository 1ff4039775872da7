# Switching without a reboot: managed save, an edit of the saved definition, and a start. The id of its boot and its uptime show that the guest
# continues; QEMU's command line and the kernel show the settings in force.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    if ($env:KVMTUNE_LAB) { $null = Connect-VMHost (Get-LabUri) }

    # The guest's current boot, and its uptime.
    function Get-Boot([string] $Name) { Invoke-InGuest $Name 'cat /proc/sys/kernel/random/boot_id' | Select-Object -First 1 }
    function Get-Uptime([string] $Name) { [double] ((Invoke-InGuest $Name 'cat /proc/uptime' | Select-Object -First 1) -split ' ')[0] }

    # A change that was made by a suspend: a new QEMU, the same boot of the guest, and an uptime that continues.
    function Assert-GoesOn([string] $Name, $Result, [string] $Boot, [double] $Uptime, [int] $Process) {
        $Result.Outcome, $Result.Restarted, $Result.RestartedBy | Should -Be Applied, $true, Suspend
        $Result.PauseSeconds | Should -BeGreaterThan 0
        $Result.Verifications | Where-Object { -not $_.IsMet } | Should -BeNullOrEmpty
        Get-QemuProcessId $Name | Should -Not -Be $Process
        Get-Boot $Name | Should -Be $Boot
        Get-Uptime $Name | Should -BeGreaterThan $Uptime
        Invoke-Virsh dominfo $Name | Where-Object { $_ -match '^Managed save:' } | Should -Match 'no$'
    }
}

Describe 'A change that the guest cannot see' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        Restore-Guest lab1
        $boot = Get-Boot lab1
        $text = Get-DomainText lab1
    }
    BeforeEach { $state = @{ Boot = $boot; Uptime = Get-Uptime lab1; Process = Get-QemuProcessId lab1 } }
    AfterAll { Restore-Guest lab1 }

    It 'says with -WhatIf that the guest is suspended, for how long, and touches nothing' {
        $printed = Get-PrintedText { Set-DiskCacheMode lab1 vdb none -IO native -Restart -WhatIf }
        $printed | Should -Match 'goes on with the new settings, without a reboot \(a pause of about \d+ s: \d+ MiB at an assumed 200 MiB/s' -Because 'the speed of the disk is measured by writing, and -WhatIf writes nothing'
        Get-QemuProcessId lab1 | Should -Be $state.Process
        Get-DomainText lab1 | Should -Be $text
    }

    It 'is put in force without a reboot: cache, io and detect_zeroes' {
        $result = Set-DiskCacheMode lab1 vdb none -IO native -DetectZeroes on -Restart
        Assert-GoesOn lab1 $result @state
        $device = Get-QemuBlockDevice lab1 vdb
        $device.cache.direct, $device.aio | Should -Be $true, 'native'
        Get-QemuCommandLine lab1 | Where-Object { $_ -match '"detect-zeroes":"on"' } | Should -Not -BeNullOrEmpty
        $entry = Get-VMTuningHistory lab1 | Select-Object -Last 1
        $entry.RestartedBy, $entry.Explanation | Should -Be Suspend, 'In force.'
        $entry.PauseSeconds | Should -Be $result.PauseSeconds
    }

    It 'and taken back so, by undo of what came down the pipeline' {
        $result = Get-VMTuningHistory lab1 | Select-Object -Last 1 | Undo-VMTuning
        Assert-GoesOn lab1 $result @state
        (Get-QemuBlockDevice lab1 vdb).aio | Should -Not -Be native
        Get-DomainText lab1 | Should -Be $text
    }

    It 'is put in force without a reboot: an I/O thread of a disk; what waits comes into force with it' {
        $null = Set-DiskCacheMode lab1 vdb none -WarningAction Ignore
        $result = Set-DiskIOThread lab1 vdb 1 -Restart -WarningAction Ignore
        Assert-GoesOn lab1 $result @state
        Get-QemuCommandLine lab1 | Where-Object { $_ -match '"iothread":"iothread1"' } | Should -Not -BeNullOrEmpty
        (Get-QemuBlockDevice lab1 vdb).cache.direct | Should -BeTrue
        (Get-VMTopology lab1).PendingRestart | Should -BeNullOrEmpty
    }

    It 'Restart-VMDomain -RestartBy Suspend puts in force what waits, and the guest goes on' {
        $null = Undo-VMTuning lab1 -Last -WarningAction Ignore
        $null = Undo-VMTuning lab1 -Last -WarningAction Ignore
        Get-DomainText lab1 | Should -Be $text
        (Get-VMTopology lab1).PendingRestart | Should -Not -BeNullOrEmpty
        $vm = Restart-VMDomain lab1 -RestartBy Suspend -Confirm:$false
        $vm.RestartedBy, $vm.State, $vm.PendingRestart.Count | Should -Be Suspend, Running, 0
        $vm.PauseSeconds | Should -BeGreaterThan 0
        Get-QemuProcessId lab1 | Should -Not -Be $state.Process
        Get-Boot lab1 | Should -Be $boot
        Get-QemuCommandLine lab1 | Where-Object { $_ -match '"iothread":"iothread1"' } | Should -BeNullOrEmpty
    }

    It 'that the guest can see is refused with -RestartBy Suspend, by its name, and Auto says why it would reboot' {
        $captured = Invoke-Captured { Set-VMCpuModel lab1 -Topology 1x1x2 -Restart -RestartBy Suspend }
        $captured.Ids | Should -Be CannotSuspend
        "$($captured.Errors[0])" | Should -Match 'the guest can see CPU topology change.*-RestartBy Reboot'
        Get-PrintedText { Set-VMCpuModel lab1 -Topology 1x1x2 -Restart -WhatIf } | Should -Match 'the VM is shut down and started \(no suspend: the guest can see CPU topology change'
        Get-PrintedText { Set-DiskCacheMode lab1 vdb none -Restart -RestartBy Reboot -WhatIf } | Should -Match 'the VM is shut down and started, then'
        Get-DomainText lab1 | Should -Be $text
        Get-QemuProcessId lab1 | Should -Be $state.Process
    }

    It 'reboots where a suspend would take longer than a shutdown may' {
        Get-PrintedText { Set-DiskCacheMode lab1 vdb none -Restart -ShutdownTimeLimit 1 -WhatIf } | Should -Match 'shut down and started \(no suspend: it would be a pause of about \d+ s.*-ShutdownTimeLimit'
    }
}

Describe 'Memory behind a guest that goes on' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        Restore-Guest lab2
        $boot = Get-Boot lab2
        $isMounted = [bool] ((Get-Content /proc/mounts) -match ' hugetlbfs ')
        $pools = Get-HugePagePool -ConnectionUri (Get-LabUri)
    }
    BeforeEach { $state = @{ Boot = $boot; Uptime = Get-Uptime lab2; Process = Get-QemuProcessId lab2 } }
    AfterAll { if ((Get-DomainXml lab2).SelectSingleNode('//memoryBacking | //numatune') -or (Get-DomainXml lab2 -Running).SelectSingleNode('//memoryBacking | //numatune')) { Reset-Guest lab2 } }

    It 'comes to lie on huge pages, and the pool gives them; and back' {
        if (-not $isMounted) { Set-ItResult -Skipped -Because 'no hugetlbfs is mounted'; return }
        $result = Enable-HugePages lab2 2M -Reserve -Restart -WarningAction Ignore
        Assert-GoesOn lab2 $result @state
        Get-QemuCommandLine lab2 | Where-Object { $_ -match '"mem-path":"[^"]*hugepages' } | Should -Not -BeNullOrEmpty
        $back = Undo-VMTuning lab2 -Last -Restart -WarningAction Ignore
        $back.RestartedBy | Should -Be Suspend
        Get-Boot lab2 | Should -Be $boot
    }

    It 'gets a NUMA policy, with a pin that waits for it' {
        $result = Set-VMNumaPolicy lab2 -Mode Strict -Nodes 0 -Restart -WarningAction Ignore
        Assert-GoesOn lab2 $result @state
        (Get-DomainXml lab2 -Running).SelectSingleNode('/domain/numatune/memory/@nodeset').Value | Should -Be 0
        $back = Undo-VMTuning lab2 -Last -Restart -WarningAction Ignore
        $back.RestartedBy | Should -Be Suspend
    }
}

Describe 'A guest that libvirt does not save' -Tag Lab, lab1, All -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        Restore-Guest lab1
        $folder = '/var/lib/libvirt/qemu/save'
        & mount -t tmpfs -o size=4g,mode=700 kvmtune-pester $folder
        if ($LASTEXITCODE) { throw "no tmpfs could be mounted on $folder" }
    }
    AfterAll {
        & umount /var/lib/libvirt/qemu/save
        Restore-Guest lab1
    }

    It 'is not asked to where there is no room; and where the disk fills up in the middle, it runs on, unchanged' {
        $folder = '/var/lib/libvirt/qemu/save'
        & mount -o remount,size=40m $folder
        $process = Get-QemuProcessId lab1
        $boot = Get-Boot lab1
        $text = Get-DomainText lab1
        $captured = Invoke-Captured { Set-DiskCacheMode lab1 vdb none -Restart -RestartBy Suspend }
        $captured.Ids | Should -Be CannotSuspend
        "$($captured.Errors[0])" | Should -Match 'MiB are free in /var/lib/libvirt/qemu/save'

        # There is enough space when it is checked, and none when it is written: another file uses it.
        & mount -o remount,size=4g $folder
        $pipeline = Start-Pipeline "Set-DiskCacheMode lab1 vdb none -Restart -RestartBy Suspend -ConnectionUri '$(Get-LabUri)'"
        $null = Wait-Until -What 'the save has begun' -Condition { $pipeline.Handle.IsCompleted -or (Get-ChildItem $folder) }
        & mount -o remount,size=40m $folder
        $ended = Wait-Pipeline $pipeline
        $ended.Ids | Should -Be SuspendRefused
        Get-DomainState lab1 | Should -Be running
        Get-DomainText lab1 | Should -Be $text
        Get-QemuProcessId lab1 | Should -Be $process
        Get-Boot lab1 | Should -Be $boot
        Get-ChildItem $folder | Should -BeNullOrEmpty
        (Get-VMTuningHistory lab1 | Select-Object -Last 1).Outcome | Should -Be TakenBack
    }
}

Describe 'An experiment by suspends' -Tag Lab, lab2, All -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        Restore-Guest lab2
        $text = Get-DomainText lab2
        $boot = Get-Boot lab2
    }
    AfterAll { Restore-Guest lab2 }

    It 'is made on the guest''s own load, which goes on through every resume' {
        Invoke-InGuest lab2 'setsid sh -c "while :; do fio --name=app --filename=/data/app --size=32m --bs=4k --rw=randread --direct=1 --ioengine=libaio --iodepth=4 --thread --time_based --runtime=3600 --verify=0; done" >/dev/null 2>&1 </dev/null &'
        try {
            $application = Wait-Until -What 'fio runs' -Condition { Invoke-InGuest lab2 'pidof fio || true' }
            $uptime = Get-Uptime lab2
            $experiment = Set-DiskCacheMode lab2 vdb none -AsPlan |
                Invoke-VMExperiment -Workload Observe -Design Blocks -Runs 2 -RunTime 2s -Restart -RestartBy Suspend -Keep Never -WarningAction Ignore
            $experiment.Design | Should -Be Blocks
            "$($experiment.Comparison.Unit)" | Should -Be Resume
            $experiment.RestartCount | Should -BeGreaterOrEqual 4
            @($experiment.Baseline.CountedRuns).Count, @($experiment.Candidate.CountedRuns).Count | Should -Be 2, 2
            Get-Boot lab2 | Should -Be $boot
            Get-Uptime lab2 | Should -BeGreaterThan $uptime
            Invoke-InGuest lab2 'pidof fio' | Should -Be $application
            Get-DomainText lab2 | Should -Be $text
        }
        finally { $null = Invoke-InGuest lab2 'pkill -f "[w]hile :"; pkill fio; rm -f /data/app*; true' }
    }

    It 'keeps in the guest what a workload has prepared, and removes it at the end' {
        $experiment = Set-DiskCacheMode lab2 vdb none -AsPlan |
            Invoke-VMExperiment -Workload RandomRead -FileSizeMiB 64 -Design Blocks -Runs 2 -RunTime 2s -Restart -RestartBy Suspend -Keep Never -WarningAction Ignore
        @($experiment.Steps.Name -like '*: prepare RandomRead').Count | Should -Be 1
        @($experiment.Steps.Name -like '*: go on with RandomRead').Count | Should -Be 3
        @($experiment.Baseline.CountedRuns).Count, @($experiment.Candidate.CountedRuns).Count | Should -Be 2, 2
        # The counters around each run are those of the current QEMU process.
        @($experiment.Candidate.CountedRuns | Where-Object { $_.Counters['GuestCpuNanoseconds'] -gt 0 }).Count | Should -Be 2
        Get-Leftover lab2 | Should -BeNullOrEmpty
        Get-Boot lab2 | Should -Be $boot
        Get-DomainText lab2 | Should -Be $text
    }
}
