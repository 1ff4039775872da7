# Rules judge plans of a real guest; the engine's tests cover the verdict of each rule on each document. Nothing is changed.
BeforeDiscovery {
    # The plans below do not cover these rules, which are judged on a VM of another kind below. Most need hardware or a state that no guest of the
    # lab has.
    $others = @(
        @{ Rule = 'LiveNeedsRunningVM'; Do = { Set-VcpuPin $vm 0 0 -Scope Live -AsPlan } }
        @{ Rule = 'ChangeIsNotLive'; Do = { Set-DiskCacheMode lab2 vdb none -Scope Live -AsPlan } }
        @{ Rule = 'NumaModeIsNotLive'; Do = { Set-VMNumaPolicy lab2 0 -Scope Live -AsPlan } }
        @{ Rule = 'CpuFeatureNeedsModel'; Do = { Set-VMCpuModel $vm -Feature aes -AsPlan } }
        @{ Rule = 'CpuFeatureIsUsable'; Do = { Set-VMCpuModel $vm host-model -Feature svm -AsPlan } }
        @{ Rule = 'DiscardNeedsWritableDevice'; Do = { Set-DiskCacheMode $vm sda -Discard unmap -AsPlan } }
        @{ Rule = 'ShareableNeedsNoCache'; Do = { Set-DiskCacheMode $vm vdb writeback -AsPlan } }
        @{ Rule = 'ThrottleGroupIsShared'; Do = { Set-DiskThrottle $vm vdb -TotalIops 100 -AsPlan } }
        @{ Rule = 'AutoPlacementNeedsNumad'; Do = { Set-VcpuPin $vm 0 0 -AsPlan }; With = "<vcpu placement='auto'>2</vcpu>" }
        @{ Rule = 'ManagerOverwritesChange'; Do = { Set-VcpuPin $vm 0 0 -AsPlan }; With = "<metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>db</nova:name></nova:instance></metadata>" }
        @{ Rule = 'OnlySmallPagesLeft'; Do = { Disable-HugePages $vm -AsPlan }; With = "<memoryBacking><hugepages/></memoryBacking>" }
        @{ Rule = 'HugePageNodesAreGuestNodes'; Do = { Enable-HugePages $vm 2M -GuestNode 5 -AsPlan } }
        @{ Rule = 'HugePagesLeaveHeadroom'; Do = { Enable-HugePages $vm 2M -Reserve -AsPlan } }
        @{ Rule = 'LockedMemoryNeedsLimit'; Do = { Enable-HugePages $vm 2M -Reserve -Locked -AsPlan }; With = "<memtune><hard_limit unit='MiB'>64</hard_limit></memtune>" }
        @{ Rule = 'HugePagesNeedFileSource'; Do = { Enable-HugePages $vm 2M -Reserve -AsPlan }; With = "<memoryBacking><source type='anonymous'/></memoryBacking>" }
        @{ Rule = 'HugePagesNeedImmediateAllocation'; Do = { Enable-HugePages $vm 2M -Reserve -AsPlan }; With = "<memoryBacking><allocation mode='ondemand'/></memoryBacking>" }
    )
    # SavedStateHidesChange is judged on a saved guest in Restart.Tests.ps1. No guest of this lab can cover the others: they need a host with
    # several NUMA nodes, sibling threads or isolated CPUs, an AMD CPU, a session daemon, or a plan that no cmdlet creates. The engine's tests cover
    # them on hosts that are described in files.
    $elsewhere = @(
        'CellPolicyNeedsGuestCells', 'IsolatedCpusNeedOneVcpuEach', 'LiveNumaNeedsSystemMode', 'PinsCrossNumaNodes', 'PinsWithNumaPolicy',
        'PlacedMemoryMayStay', 'RestrictiveIsForAll', 'SavedStateHidesChange', 'SiblingsMatchGuestTopology', 'ThreadsNeedTopoext'
    ) + $others.Rule
    $rules = [regex]::Matches((Get-Content "$PSScriptRoot/../../docs/rules.md" -Raw), '(?m)^\| `(\w+)` \|').ForEach{ $_.Groups[1].Value } | Where-Object { $_ -notin $elsewhere }
}
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
}

Describe 'Plans of a real guest' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        $before = Get-DomainText lab2
        $WarningPreference = 'SilentlyContinue'
        $plans = @(
            Set-VcpuPin lab2 -Map @{ 0 = '0'; 1 = '1' } -AsPlan
            Set-EmulatorPin lab2 0 -AsPlan
            Set-VMNumaPolicy lab2 0 -AsPlan
            Set-VMNumaPolicy lab2 0 -Mode restrictive -AsPlan
            Set-VMCpuModel lab2 host-passthrough -Topology 1x1x2 -AsPlan
            Enable-HugePages lab2 2M -Locked -AsPlan
            Enable-HugePages lab2 1G -AsPlan
            Set-DiskCacheMode lab2 vdb none -IO io_uring -AsPlan
            Set-DiskCacheMode lab2 vdb unsafe -IO native -AsPlan
            Set-DiskCacheMode lab2 vdb writeback -AsPlan
            Set-DiskCacheMode lab2 vdb default -AsPlan
            Set-DiskIOThread lab2 vdb -IOThread 1, 2 -Queues 4 -AsPlan
            Set-DiskThrottle lab2 vdb -TotalIops 100 -TotalIopsMax 200 -AsPlan
            Enable-NicMultiqueue lab2 -Queues 4 -Backend vhost -RxQueueSize 512 -TxQueueSize 512 -AsPlan
            Enable-NicMultiqueue lab2 -Queues 2 -Backend qemu -AsPlan
        )
        $judged = $plans.Findings.RuleId | Sort-Object -Unique
    }

    It 'are judged by the rule <_>' -ForEach $rules {
        $judged | Should -Contain $_ -Because "tests/Pester/Rules.Tests.ps1 needs a plan above that the rule $_ judges, or a line in one of its lists. Then: ./bootstrap.sh test"
    }

    It 'touch nothing' { Get-DomainText lab2 | Should -Be $before }
}

Describe 'Plans of other VMs on the lab''s host' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        $vm = 'kvmtune-rules'
        $id = New-LabDomain $vm
        $plain = (Get-DomainText $vm) -replace "(?s)<memory .*</currentMemory>", "<memory unit='GiB'>2</memory>" -replace '(?s)<disk .*</disk>', @'
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none'/>
      <source file='/nowhere/shared.raw'/>
      <target dev='vdb' bus='virtio'/>
      <iotune><total_iops_sec>50</total_iops_sec><group_name>shared</group_name></iotune>
      <shareable/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='/nowhere/other.raw'/>
      <target dev='vdc' bus='virtio'/>
      <iotune><total_iops_sec>50</total_iops_sec><group_name>shared</group_name></iotune>
    </disk>
    <disk type='file' device='cdrom'>
      <target dev='sda' bus='sata'/>
      <readonly/>
    </disk>
'@
    }
    AfterAll { Remove-LabDomain $id }

    It 'are judged by the rule <Rule>' -ForEach $others {
        Set-DomainText $(if (-not $With) { $plain } elseif ($With -like '<vcpu*') { $plain -replace '<vcpu .*</vcpu>', $With } else { $plain -replace '(?=<vcpu)', $With })
        $said = @(. $Do 2>&1 3>$null)
        # A plan with its findings, or the error of a broken rule.
        $said | ForEach-Object { if ($_ -is [System.Management.Automation.ErrorRecord]) { "$($_.FullyQualifiedErrorId) $_" } else { $_.Findings.RuleId } } |
            Where-Object { $_ -match "\b$Rule\b" } | Should -Not -BeNullOrEmpty -Because "$said"
    }
}
