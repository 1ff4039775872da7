# Rules judge plans of a real guest; what each rule says of which document is in the tests of the engine. Nothing is changed.
BeforeDiscovery {
    # The plans below do not reach these. Most need what no guest of the lab has: cells, NUMA nodes, sibling threads, a shared disk. The
    # others need a state of the guest that is not made here, such as a saved one.
    $elsewhere = @(
        'AutoPlacementNeedsNumad', 'CellPolicyNeedsGuestCells', 'ChangeIsNotLive', 'CpuFeatureIsUsable',
        'CpuFeatureNeedsModel', 'DiscardNeedsWritableDevice', 'HugePageNodesAreGuestNodes', 'HugePagesLeaveHeadroom',
        'HugePagesNeedFileSource', 'HugePagesNeedImmediateAllocation', 'IsolatedCpusNeedOneVcpuEach',
        'LiveNeedsRunningVM', 'LiveNumaNeedsSystemMode', 'LockedMemoryNeedsLimit', 'NumaModeIsNotLive',
        'OnlySmallPagesLeft', 'PinsCrossNumaNodes', 'PinsWithNumaPolicy', 'PlacedMemoryMayStay',
        'RestrictiveIsForAll', 'SavedStateHidesChange', 'ShareableNeedsNoCache', 'SiblingsMatchGuestTopology',
        'ThreadsNeedTopoext', 'ThrottleGroupIsShared'
    )
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

    It 'are judged by the rule <_>' -ForEach $rules { $judged | Should -Contain $_ }

    It 'touch nothing' { Get-DomainText lab2 | Should -Be $before }
}
