# Enable-NicMultiqueue and Disable-NicMultiqueue. The host's side is read from QEMU and the kernel, the guest's by SSH.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune

    # A host of the test driver whose VMs have two NICs.
    function New-NicHost {
        param([string] $Folder, [string] $Model = 'virtio')
        $uri = New-TestHost $Folder 'db01', 'db02'
        $file = Join-Path $Folder 'node.xml'
        $number = 0
        $text = [regex]::Replace((Get-Content $file -Raw), '</devices>', {
            $script:number++
            "<interface type='network'><mac address='52:54:00:00:0$script:number`:0a'/><source network='default'/><model type='$Model'/></interface>" +
            "<interface type='network'><mac address='52:54:00:00:0$script:number`:0b'/><source network='default'/><model type='$Model'/></interface></devices>"
        })
        Set-Content $file $text
        $uri
    }

    function Get-QueueText {
        param([string] $Name)
        ((Get-VMTopology $Name).Configured.Nics | ForEach-Object { "$($_.Queues ?? '-')" }) -join ' '
    }
}

Describe 'Queues of NICs' {
    BeforeEach {
        $script:number = 0
        $uri = New-NicHost (Join-Path $TestDrive ([guid]::NewGuid()))
        $null = Connect-VMHost $uri
        $WarningPreference = 'SilentlyContinue'
    }
    AfterEach { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'are set <What>' -ForEach @(
        @{ What = 'of the NIC with an address'; Command = { Enable-NicMultiqueue db01 -Nic 52:54:00:00:01:0B }; Queues = @('db01 - 2') }
        @{ What = 'of a NIC by its number'; Command = { Enable-NicMultiqueue db01 0 -Queues 4 }; Queues = @('db01 4 -') }
        @{ What = 'of all NICs, in one change'; Command = { Enable-NicMultiqueue db01 all }; Queues = @('db01 2 2') }
        @{ What = 'of NICs by a wildcard'; Command = { Enable-NicMultiqueue db01 *:0a }; Queues = @('db01 2 -') }
        @{ What = 'of VMs by pipeline'; Command = { 'db01', 'db02' | Enable-NicMultiqueue -Nic 1 }; Queues = @('db01 - 2', 'db02 - 2') }
        @{ What = 'of VMs that Get-VMTopology found'; Command = { Get-VMTopology db02 | Enable-NicMultiqueue -Nic all }; Queues = @('db02 2 2') }
        @{ What = 'of two VMs by a wildcard'; Command = { Enable-NicMultiqueue db* 0 }; Queues = @('db01 2 -', 'db02 2 -') }
    ) {
        @(& $Command | ForEach-Object { "$($_.VMName) $(Get-QueueText $_.VMName)" } | Sort-Object) | Should -Be $Queues
    }

    It 'come with ring sizes and a backend, and all of it goes with Disable-NicMultiqueue' {
        $null = Enable-NicMultiqueue db01 0 -Queues 2 -RxQueueSize 512 -TxQueueSize 256 -Backend qemu
        $nic = (Get-VMTopology db01).Configured.Nics[0]
        "$($nic.Queues) $($nic.RxQueueSize) $($nic.TxQueueSize) $($nic.Backend)" | Should -Be '2 512 256 qemu'
        $null = Disable-NicMultiqueue db01 0 -QueuesOnly
        $nic = (Get-VMTopology db01).Configured.Nics[0]
        "$($nic.Queues) $($nic.RxQueueSize) $($nic.TxQueueSize) $($nic.Backend)" | Should -Be ' 512 256 qemu'
        $null = Disable-NicMultiqueue db01 0
        $nic = (Get-VMTopology db01).Configured.Nics[0]
        "$($nic.Queues)$($nic.RxQueueSize)$($nic.TxQueueSize)$($nic.Backend)" | Should -BeNullOrEmpty
        (Disable-NicMultiqueue db01 all).Outcome | Should -Be NoChange
    }

    It 'sets <What> alone, and leaves one queue one queue' -ForEach @(
        @{ What = 'the size of the receive ring'; Command = { Enable-NicMultiqueue db01 0 -RxQueueSize 1024 }; Values = '- 1024 - -' }
        @{ What = 'the size of the transmit ring'; Command = { Enable-NicMultiqueue db01 0 -TxQueueSize 256 }; Values = '- - 256 -' }
        @{ What = 'the backend'; Command = { Enable-NicMultiqueue db01 0 -Backend qemu }; Values = '- - - qemu' }
        @{ What = 'one queue and a ring'; Command = { Enable-NicMultiqueue db01 0 -Queues 1 -RxQueueSize 512 }; Values = '- 512 - -' }
    ) {
        (& $Command).Outcome | Should -Be RestartPending
        $nic = (Get-VMTopology db01).Configured.Nics[0]
        (($nic.Queues, $nic.RxQueueSize, $nic.TxQueueSize, $nic.Backend) | ForEach-Object { "$($_ ?? '-')" }) -join ' ' | Should -Be $Values
    }

    It 'takes one queue for what a NIC without the setting has' {
        $null = Enable-NicMultiqueue db01 0 -Queues 4
        (Enable-NicMultiqueue db01 0 -Queues 1).Title | Should -Match 'one queue'
        Get-QueueText db01 | Should -Be '- -'
        (Enable-NicMultiqueue db01 0 -Queues 1).Outcome | Should -Be NoChange
    }

    It 'refuses <What> with <Id>, and changes nothing' -ForEach @(
        @{ What = '257 queues'; Command = { Enable-NicMultiqueue db01 0 -Queues 257 }; Id = 'NicQueuesInRange'; Says = '256' }
        @{ What = 'a receive ring of 300'; Command = { Enable-NicMultiqueue db01 0 -RxQueueSize 300 }; Id = 'RxQueueSizeInRange'; Says = '512' }
        @{ What = 'a large transmit ring'; Command = { Enable-NicMultiqueue db01 0 -TxQueueSize 1024 }; Id = 'TxQueueSizeInRange'; Says = 'vhostuser' }
        @{ What = 'a NIC that is not there'; Command = { Enable-NicMultiqueue db01 7 }; Id = 'NicNotFound'; Says = '52:54:00:00:01:0a' }
        @{ What = 'an address that is not there'; Command = { Disable-NicMultiqueue db01 52:54:00:00:00:99 }; Id = 'NicNotFound'; Says = '52:54:00:00:01:0b' }
        @{ What = 'to guess which NIC is meant'; Command = { Enable-NicMultiqueue db01 }; Id = 'NicAmbiguous'; Says = '-Nic all' }
        @{ What = 'a live change'; Command = { Enable-NicMultiqueue db01 0 -Scope Live }; Id = 'ChangeIsNotLive'; Says = '-Scope Config' }
    ) {
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Be $Id
        "$($captured.Errors[0])" | Should -Match $Says
        $captured.Output | Should -BeNullOrEmpty
        Get-QueueText db01 | Should -Be '- -'
    }

    It 'are refused for a NIC that is not virtio' {
        Disconnect-VMHost $uri
        $script:number = 0
        $uri = New-NicHost (Join-Path $TestDrive ([guid]::NewGuid())) e1000e
        $null = Connect-VMHost $uri
        $captured = Invoke-Captured { Enable-NicMultiqueue db01 0 }
        $captured.Ids | Should -Be NicNeedsVirtioModel
        "$($captured.Errors[0])" | Should -Match 'e1000e'
    }

    It 'warn that small messages can get slower, and that a missing vhost goes unnoticed' {
        $captured = Invoke-Captured { $WarningPreference = 'Continue'; Enable-NicMultiqueue db01 0 }
        "$($captured.Warnings)" | Should -Match 'VhostFallsBackSilently'
        "$($captured.Warnings)" | Should -Match 'SmallMessagesCanSlow'
        $captured.Output.Outcome | Should -Be RestartPending
    }

    It 'complete to the VM''s NICs and all' {
        $line = 'Enable-NicMultiqueue db01 -Nic '
        (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText.Trim("'") | Should -Be @('52:54:00:00:01:0a', '52:54:00:00:01:0b', 'all')
    }

    It 'with -WhatIf prints the difference and the virsh command, and touches nothing' {
        $text = Get-PrintedText { Enable-NicMultiqueue db01 0 -WhatIf | Should -BeNullOrEmpty }
        $text | Should -Match 'NIC 52:54:00:00:01:0a queues: \(not set\) -> 2'
        $text | Should -Match 'update-device db01'
        $text | Should -Match 'only after a restart'
        Get-QueueText db01 | Should -Be '- -'
    }
}

Describe 'Queues of a real guest''s NIC' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab1
        Wait-Guest lab1
        $before = Get-DomainText lab1

        function Get-Netdev {
            Get-QemuCommandLine lab1 | Where-Object { $_.StartsWith('{') -and $_.Contains('hostnet0') } | ConvertFrom-Json
        }

        # The number of queues that the guest has and uses: 'maximum current'.
        function Get-GuestQueue {
            ((Invoke-InGuest lab1 'ethtool -l eth0') -match '^Combined:' -replace '\D') -join ' '
        }

        function Get-TapQueue {
            $device = (Get-DomainXml lab1 -Running).SelectSingleNode('//interface/target').dev
            @([System.IO.Directory]::GetDirectories("/sys/class/net/$device/queues", 'rx-*')).Count
        }
    }
    AfterAll { Restore-Guest lab1 }

    It 'are there after a restart on both sides, and gone after the opposite' {
        $result = Enable-NicMultiqueue lab1 -Queues 2 -RxQueueSize 512 -Backend qemu -Restart -WarningAction Ignore
        $result.Outcome | Should -Be Applied
        @($result.Verifications | Where-Object IsMet -eq $false) | Should -BeNullOrEmpty
        $sources = $result.Verifications.Source -join "`n"
        $sources | Should -Match 'QEMU command line'
        $sources | Should -Match 'guest: ethtool -l eth0'
        $sources | Should -Match 'kernel: /sys/class/net/'
        ($(Get-Netdev) | Where-Object type -eq tap).fds.Split(':').Count | Should -Be 2
        (Get-Netdev | Where-Object driver -eq virtio-net-pci).rx_queue_size | Should -Be 512
        Get-GuestQueue | Should -Be '2 2'
        Get-TapQueue | Should -Be 2
        (Get-VMTopology lab1).PendingRestart | Should -BeNullOrEmpty

        $undone = Disable-NicMultiqueue lab1 -Restart
        $undone.Outcome | Should -Be Applied
        @($undone.Verifications | Where-Object IsMet -eq $false) | Should -BeNullOrEmpty
        ($(Get-Netdev) | Where-Object type -eq tap).fds | Should -BeNullOrEmpty
        Get-GuestQueue | Should -Be '1 1'
        Get-TapQueue | Should -Be 1
        Get-DomainText lab1 | Should -Be $before
    }

    It 'in a guest without an agent are the host''s only, and the result says which command to run there' {
        Reset-Guest lab1 'kvmtune.agent=off'
        $captured = Invoke-Captured { Enable-NicMultiqueue lab1 -Queues 2 -Backend qemu -Restart -ShutdownTimeLimit 180 }
        $captured.Errors | Should -BeNullOrEmpty
        $result = $captured.Output[0]
        $result.Restarted | Should -BeTrue
        "$($result.Notes)" | Should -Match 'ethtool -L .*52:54:00:6b:76:01.* combined 2'
        "$($captured.Warnings)" | Should -Match 'ethtool -L'
        ($(Get-Netdev) | Where-Object type -eq tap).fds.Split(':').Count | Should -Be 2
    }

    It 'with vhost are refused on a host without /dev/vhost-net' -Skip:(Test-Path /dev/vhost-net) {
        (Invoke-Captured { Enable-NicMultiqueue lab1 -Backend vhost }).Ids | Should -Be VhostNeedsDevice
    }
}
