# Set-DiskIOThread and Clear-DiskIOThread. Settings in force are read from QEMU's command line and its threads, configured ones from virsh.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune

    # The I/O threads in a VM's configuration and those of a disk, for example '1,2: vdb=1 x2'.
    function Get-IOThreadText {
        param([string] $Name, [string] $Disk)
        $vm = (Get-VMTopology $Name).Configured
        $found = $vm.Disks | Where-Object Target -eq $Disk
        "$($vm.IOThreadIds -join ','): $Disk=$($found.IOThread)$(if ($found.Queues) { " x$($found.Queues)" })"
    }
}

Describe 'I/O threads of a VM' {
    BeforeEach {
        $uri = New-TestHost (Join-Path $TestDrive ([guid]::NewGuid())) 'db01', 'db02', 'web01'
        $null = Connect-VMHost $uri
    }
    AfterEach { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'are given <What>' -ForEach @(
        @{ What = 'to one disk, and made for that'; Command = { Set-DiskIOThread db01 vdb }; Threads = @('db01 1: vdb=1') }
        @{ What = 'by number, with queues'; Command = { Set-DiskIOThread db01 -Disk vdb -IOThread 3 -Queues 2 }; Threads = @('db01 3: vdb=3 x2') }
        @{ What = 'to VMs by pipeline'; Command = { 'db01', 'web01' | Set-DiskIOThread -Disk vda }; Threads = @('db01 1: vda=1', 'web01 1: vda=1') }
        @{ What = 'to VMs that Get-VMTopology found'; Command = { Get-VMTopology web* | Set-DiskIOThread -Disk vda -Queues 2 }; Threads = @('web01 1: vda=1 x2') }
        @{ What = 'to disks of two VMs by wildcards'; Command = { Set-DiskIOThread db* vd[ab] }; Threads = @('db01 1,2: vda=1', 'db01 1,2: vdb=2', 'db02 1,2: vda=1', 'db02 1,2: vdb=2') }
    ) {
        $results = @(& $Command)
        @($results | ForEach-Object { "$($_.VMName) $(Get-IOThreadText $_.VMName ($_.Title -split '[ :]+')[1])" } | Sort-Object) | Should -Be $Threads
    }

    It 'are kept where only the queues are set, and taken anew where an idle one is there' {
        $null = Set-DiskIOThread db01 vda
        $null = Set-DiskIOThread db01 vda -Queues 2
        Get-IOThreadText db01 vda | Should -Be '1: vda=1 x2'
        $null = Clear-DiskIOThread db01 vda -KeepThread
        Get-IOThreadText db01 vda | Should -Be '1: vda='
        $null = Set-DiskIOThread db01 vdb
        Get-IOThreadText db01 vdb | Should -Be '1: vdb=1'
    }

    It 'are taken away without a trace, and a second time there is nothing to do' {
        $null = Set-DiskIOThread db01 vdb -Queues 2
        (Clear-DiskIOThread db01 vdb).Differences | Should -Not -BeNullOrEmpty
        Get-IOThreadText db01 vdb | Should -Be ': vdb='
        (Clear-DiskIOThread db01 vdb).Outcome | Should -Be NoChange
    }

    It 'refuses <What> with <Id>, and changes nothing' -ForEach @(
        @{ What = 'I/O thread 0'; Command = { Set-DiskIOThread db01 vdb -IOThread 0 }; Id = 'IOThreadMustExist'; Says = 'from 1 on' }
        @{ What = 'a disk that is not there'; Command = { Set-DiskIOThread db01 vdz }; Id = 'DiskNotFound'; Says = 'vda, vdb' }
        @{ What = 'to clear a disk that is not there'; Command = { Clear-DiskIOThread db01 vdz }; Id = 'DiskNotFound'; Says = 'vda, vdb' }
        @{ What = 'a live change'; Command = { Set-DiskIOThread db01 vdb -Scope Live }; Id = 'ChangeIsNotLive'; Says = '-Scope Config' }
        @{ What = 'no queues at all'; Command = { Set-DiskIOThread db01 vdb -Queues 0 }; Id = 'ParameterArgumentValidationError'; Says = '1' }
    ) {
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Be $Id
        "$($captured.Errors[0])" | Should -Match $Says
        $captured.Output | Should -BeNullOrEmpty
        (Get-VMTopology db01).PendingRestart | Should -BeNullOrEmpty
    }

    It 'warns of more queues than vCPUs, and does it' {
        $captured = Invoke-Captured { Set-DiskIOThread db01 vdb -Queues 3 }
        "$($captured.Warnings)" | Should -Match '3 queues for 2 vCPUs.*DiskQueuesAboveVcpus'
        $captured.Output.Outcome | Should -Be RestartPending
    }

    It 'with -WhatIf prints the difference and the virsh commands, and touches nothing' {
        $text = Get-PrintedText { Set-DiskIOThread db01 vdb -Queues 2 -WhatIf | Should -BeNullOrEmpty }
        $text | Should -Match 'I/O threads: \(not set\) -> 1'
        $text | Should -Match 'disk vdb iothread: \(not set\) -> 1'
        $text | Should -Match 'iothreadadd db01 1 --config'
        $text | Should -Match 'only after a restart'
        Get-IOThreadText db01 vdb | Should -Be ': vdb='
    }
}

Describe 'I/O threads of several disks that are only planned' {
    BeforeEach {
        $uri = New-TestHost (Join-Path $TestDrive ([guid]::NewGuid())) 'db01'
        $null = Connect-VMHost $uri
    }
    AfterEach { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'are shown as they are made: <What>' -ForEach @(
        @{ What = 'disks of one call'; Command = { Set-DiskIOThread db01 vda, vdb -WhatIf } }
        @{ What = 'disks by pipeline'; Command = { 'vda', 'vdb' | ForEach-Object { [pscustomobject] @{ VMName = 'db01'; Disk = $_ } } | Set-DiskIOThread -WhatIf } }
    ) {
        $text = Get-PrintedText { & $Command | Should -BeNullOrEmpty }
        $text | Should -Match 'disk vda iothread: \(not set\) -> 1'
        $text | Should -Match 'disk vdb iothread: \(not set\) -> 2'
        $text | Should -Match 'I/O threads: 1 -> 1,\s?2'
        Get-IOThreadText db01 vda | Should -Be ': vda='
    }

    It 'are made as planned' {
        $plans = Set-DiskIOThread db01 vda, vdb -AsPlan
        ($plans | Invoke-VMTuning).Outcome | Should -Be RestartPending, RestartPending
        Get-IOThreadText db01 vda | Should -Be '1,2: vda=1'
        Get-IOThreadText db01 vdb | Should -Be '1,2: vdb=2'
    }

    It 'go with the last disk that they serve' {
        $null = Set-DiskIOThread db01 vda, vdb -IOThread 3
        $plans = Clear-DiskIOThread db01 vda, vdb -AsPlan
        ($plans | Invoke-VMTuning).Outcome | Should -Be RestartPending, RestartPending
        Get-IOThreadText db01 vdb | Should -Be ': vdb='
    }

    It 'are each disk''s own in an experiment, by one cmdlet or two: <_>' -ForEach { Set-DiskIOThread $_ vda, vdb }, { Set-DiskIOThread $_ vda; Set-DiskIOThread $_ vdb } {
        $text = Get-PrintedText { Invoke-VMExperiment db01 -Workload Observe -Change $_ -AllowMultiple -Restart -WhatIf }
        $text | Should -Match 'disk vda iothread: \(not set\) -> 1'
        $text | Should -Match 'disk vdb iothread: \(not set\) -> 2'
    }
}

Describe 'I/O threads of a real guest' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        Wait-Guest lab2
        $before = Get-DomainText lab2

        function Get-DiskDevice {
            Get-QemuCommandLine lab2 | Where-Object { $_.StartsWith('{') -and $_.Contains('virtio-disk1') } | ConvertFrom-Json | Where-Object id -eq virtio-disk1
        }

        function Get-ThreadName {
            $process = Get-QemuProcessId lab2
            [System.IO.Directory]::EnumerateDirectories("/proc/$process/task") | ForEach-Object { [System.IO.File]::ReadAllText("$_/comm").Trim() }
        }
    }
    AfterAll { Restore-Guest lab2 }

    It 'serve the disk after a restart, are seen from outside, and are gone after the opposite' {
        $result = Set-DiskIOThread lab2 vdb -IOThread 2 -Queues 2 -Restart
        $result.Outcome | Should -Be Applied
        $result.Restarted | Should -BeTrue
        @($result.Verifications | Where-Object IsMet -eq $false) | Should -BeNullOrEmpty
        $result.Verifications.Source -join ' ' | Should -Match 'QEMU command line.*kernel: /proc/'
        (Get-DiskDevice).iothread | Should -Be iothread2
        (Get-DiskDevice).'num-queues' | Should -Be 2
        Get-ThreadName | Should -Contain 'IO iothread2'
        (Invoke-InGuest lab2 'ls /sys/block/vdb/mq | wc -l').Trim() | Should -Be 2
        (Get-VMTopology lab2).PendingRestart | Should -BeNullOrEmpty

        $undone = Clear-DiskIOThread lab2 vdb -Restart
        $undone.Outcome | Should -Be Applied
        (Get-DiskDevice).iothread | Should -BeNullOrEmpty
        Get-ThreadName | Should -Not -Contain 'IO iothread2'
        Get-DomainText lab2 | Should -Be $before
    }

    It 'for a SCSI disk are its controller''s, and virsh''s command does the same to another VM' {
        $names = 'pester scsi 1', 'pester scsi 2'
        $ids = $names | ForEach-Object { New-LabDomain $_ }
        try {
            foreach ($name in $names) {
                Set-DomainText ((Get-DomainText $name) -replace "<target dev='vda' bus='virtio'/>\s*<address[^>]*>", "<target dev='sda' bus='scsi'/>" `
                        -replace '</devices>', "<controller type='scsi' index='0' model='virtio-scsi'/></devices>")
            }
            $command = (Set-DiskIOThread $names[1] sda -Queues 2 -AsPlan).VirshCommand
            $null = Set-DiskIOThread $names[0] sda -Queues 2
            & bash -c $command | Out-Null
            $LASTEXITCODE | Should -Be 0
            $driver = (Get-DomainXml $names[0]).SelectSingleNode("//controller[@type='scsi']/driver")
            "$($driver.iothread) $($driver.queues)" | Should -Be '1 2'
            (Get-DomainText $names[1]).Replace('scsi 2', 'scsi 1').Replace($ids[1], $ids[0]) | Should -Be (Get-DomainText $names[0])
        }
        finally { $ids | ForEach-Object { Remove-LabDomain $_ } }
    }

    It 'several for one disk are refused by this libvirt, with what they need' {
        $captured = Invoke-Captured { Set-DiskIOThread lab2 vdb -IOThread 1, 2 }
        if ([version] (@(Invoke-Virsh version) -match 'Running hypervisor' -replace '.*QEMU ')[0] -lt [version] '9.0') {
            $captured.Ids | Should -Be SeveralIOThreadsNeedVersions
            Get-DomainText lab2 | Should -Be $before
        }
    }
}
