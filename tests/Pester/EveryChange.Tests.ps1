# Common behaviour of every cmdlet that changes a VM: by hand, by the pipeline, for two VMs by a wildcard, with -WhatIf, as a plan, and against a
# rule. On a host of libvirt's test driver; the effect of each change on a real guest is tested in the files of its area.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune

    # A host whose VMs have every kind of setting that can be changed.
    function New-FullHost([string] $Folder, [switch] $ShutOff, [string] $Xml) {
        $uri = New-TestHost $Folder 'db01', 'db02' -ShutOff:$ShutOff
        $file = Join-Path $Folder 'node.xml'
        $script:number = 0
        $text = [regex]::Replace((Get-Content $file -Raw), '</devices>', {
            $script:number++
            "<interface type='network'><mac address='52:54:00:00:0$script:number`:0a'/><source network='default'/><model type='virtio'/></interface></devices>"
        }) -replace '</vcpu>', "</vcpu><iothreads>2</iothreads>$Xml"
        Set-Content $file $text
        $uri
    }

    # All of a VM's configuration as text. (PowerShell's JSON does not support numbers as keys, and pins have them.)
    function Get-State([string] $Name) { [System.Management.Automation.PSSerializer]::Serialize((Get-VMTopology $Name -ConnectionUri $uri).Configured, 5) }
}

Describe '<Name>' -ForEach @(
    @{ Name = 'Set-VcpuPin'; With = @{ Vcpu = 0; HostCpu = '2'; Scope = 'Config' }; Says = 'vcpupin db01 0 2 --config'; Broken = @{ HostCpu = '999' }; Id = 'PinToOnlineHostCpu' }
    @{ Name = 'Clear-VcpuPin'; First = { Set-VcpuPin db0? 0 2 -Scope Config }; With = @{ Vcpu = 0; Scope = 'Config' }; Says = 'vCPU 0 pin: 2 -> (not set)'; IsOff = $true; Id = 'LiveNeedsRunningVM' }
    @{ Name = 'Set-EmulatorPin'; With = @{ HostCpu = '4'; Scope = 'Config' }; Says = 'emulatorpin db01 4 --config'; Broken = @{ HostCpu = '999' }; Id = 'PinToOnlineHostCpu' }
    @{ Name = 'Clear-EmulatorPin'; First = { Set-EmulatorPin db0? 4 -Scope Config }; With = @{ Scope = 'Config' }; Says = 'emulator pin: 4 -> (not set)'; IsOff = $true; Id = 'LiveNeedsRunningVM' }
    @{ Name = 'Set-IOThreadPin'; With = @{ IOThread = 2; HostCpu = '4'; Scope = 'Config' }; Says = 'iothreadpin db01 2 4 --config'; Broken = @{ HostCpu = '999' }; Id = 'PinToOnlineHostCpu' }
    @{ Name = 'Clear-IOThreadPin'; First = { Set-IOThreadPin db0? 2 4 -Scope Config }; With = @{ IOThread = 2; Scope = 'Config' }; Says = 'pin: 4 -> (not set)'; IsOff = $true; Id = 'LiveNeedsRunningVM' }
    @{ Name = 'Set-VMNumaPolicy'; Xml = "<numatune><memory mode='strict' nodeset='0'/></numatune>"; With = @{ Clear = $true }; Says = 'numatune'; Broken = @{ Scope = 'Live' }; Id = 'ChangeIsNotLive' }
    @{ Name = 'Set-VMCpuModel'; With = @{ Topology = '1x1x2' }; Says = 'threads="2"'; Broken = @{ Topology = '1x7x1' }; Id = 'TopologyMatchesVcpus' }
    @{ Name = 'Set-DiskCacheMode'; With = @{ Disk = 'vdb'; Cache = 'none' }; Says = 'disk vdb cache: (not set) -> none'; Broken = @{ Cache = 'default'; IO = 'native' }; Id = 'NativeNeedsDirectCache' }
    @{ Name = 'Set-DiskIOThread'; With = @{ Disk = 'vdb'; IOThread = 2 }; Says = 'iothread="2"'; Broken = @{ IOThread = 0 }; Id = 'IOThreadMustExist' }
    @{ Name = 'Clear-DiskIOThread'; First = { Set-DiskIOThread db0? vdb 2 }; With = @{ Disk = 'vdb'; KeepThread = $true }; Says = 'iothread="2"'; Broken = @{ Scope = 'Live' }; Id = 'ChangeIsNotLive' }
    @{ Name = 'Set-DiskThrottle'; With = @{ Disk = 'vdb'; ReadIops = 500; Scope = 'Config' }; Says = 'blkdeviotune db01 vdb'; Broken = @{ TotalIops = 100 }; Id = 'ThrottleTotalExcludesParts' }
    @{ Name = 'Enable-HugePages'; With = @{ PageSize = '2M' }; Says = 'hugepages'; Broken = @{ PageSize = '1G' }; Id = 'HugePagesNeedWholePages' }
    @{ Name = 'Disable-HugePages'; First = { Enable-HugePages db0? 2M }; With = @{ }; Says = 'hugepages'; Broken = @{ Scope = 'Live' }; Id = 'ChangeIsNotLive' }
    @{ Name = 'Enable-NicMultiqueue'; With = @{ Nic = '0'; Queues = 2 }; Says = 'queues="2"'; Broken = @{ RxQueueSize = 300 }; Id = 'RxQueueSizeInRange' }
    @{ Name = 'Disable-NicMultiqueue'; First = { Enable-NicMultiqueue db0? 0 -Queues 2 }; With = @{ Nic = '0' }; Says = 'queues="2"'; Broken = @{ Scope = 'Live' }; Id = 'ChangeIsNotLive' }
) {
    BeforeEach {
        $WarningPreference = 'SilentlyContinue'
        $uri = New-FullHost (Join-Path $TestDrive ([guid]::NewGuid())) -Xml $Xml
        $null = Connect-VMHost $uri
        if ($First) { $null = & $First }
        $before = Get-State db01
    }
    AfterEach { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'by hand changes the VM that is named and no other, and a second time there is nothing to do' {
        $other = Get-State db02
        $result = & $Name db01 @With
        $result.VMName | Should -Be db01
        $result.Plan.HasChanges | Should -BeTrue
        $result.VirshCommand | Should -Not -BeNullOrEmpty
        Get-State db01 | Should -Not -Be $before
        Get-State db02 | Should -Be $other
        (& $Name db01 @With).Plan.HasChanges | Should -BeFalse
    }

    It 'takes VMs from the pipeline, as Get-VMTopology emits them' {
        $results = Get-VMTopology db0? | & $Name @With
        $results.VMName | Sort-Object | Should -Be 'db01', 'db02'
        $results.Plan.HasChanges | Should -Be $true, $true
    }

    It 'takes two VMs by a wildcard, and goes on after one that is not there' {
        $captured = Invoke-Captured { & $Name nobody, db0? @With }
        $captured.Output.VMName | Sort-Object | Should -Be 'db01', 'db02'
        $captured.Ids | Should -Be VMNotFound
    }

    It 'with -WhatIf prints what would be done, emits nothing and touches nothing' {
        $text = Get-PrintedText { & $Name db01 @With -WhatIf | Should -BeNullOrEmpty }
        $text | Should -Match ([regex]::Escape($Says))
        $text | Should -Match ([regex]::Escape("virsh -c $uri"))
        Get-State db01 | Should -Be $before
    }

    It '-AsPlan touches nothing, and Invoke-VMTuning does the same as the cmdlet' {
        $plan = & $Name db01 @With -AsPlan
        $plan.GetType().FullName | Should -Be KvmTune.Tuning.VMTuningPlan
        $plan.Errors | Should -BeNullOrEmpty
        Get-State db01 | Should -Be $before
        $null = $plan | Invoke-VMTuning
        $null = & $Name db02 @With
        (Get-State db01) -replace '-0000000000\d\d|db01|0\d:0a', '' -replace '/\d-[ab]\.raw' |
            Should -Be ((Get-State db02) -replace '-0000000000\d\d|db02|0\d:0a', '' -replace '/\d-[ab]\.raw')
    }

    It 'is refused with <Id>, and nothing is changed' {
        $arguments = $With.Clone()
        if ($IsOff) {
            Disconnect-VMHost $uri
            $uri = New-FullHost (Join-Path $TestDrive ([guid]::NewGuid())) -ShutOff
            $null = Connect-VMHost $uri
            if ($First) { $null = & $First }
            $before = Get-State db01
            $arguments.Scope = 'Live'
        }
        else { foreach ($key in $Broken.Keys) { $arguments[$key] = $Broken[$key] } }
        $captured = Invoke-Captured { & $Name db01 @arguments }
        $captured.Ids | Should -Be $Id
        $captured.Output | Should -BeNullOrEmpty
        Get-State db01 | Should -Be $before
    }
}
