# What Tab offers, through TabExpansion2 as the shell asks it.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $uri = New-TestHost (Join-Path $TestDrive tab) 'db01', 'web 01', "it's", 'archive'
    $null = Connect-VMHost $uri
    function Get-Completion([string] $Line) { (TabExpansion2 $Line $Line.Length).CompletionMatches }
}
AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

Describe 'Completion' {
    It 'offers the VMs for <_>, quoted where that is needed' -ForEach 'Get-VMTopology', 'Set-VcpuPin', 'Clear-VcpuPin', 'Set-DiskCacheMode', 'Restart-VMDomain', 'Measure-VMPerformance' {
        $found = Get-Completion "$_ -VMName "
        $found.CompletionText | Should -Be @('archive', 'db01', "'it''s'", "'web 01'")
        $found.ListItemText | Should -Be @('archive', 'db01', "it's", 'web 01')
        $found[0].ToolTip | Should -Be 'archive (running)'
        (Get-Completion "$_ d").CompletionText | Should -Be db01
    }

    It 'goes on from what was typed, in a quote too' {
        (Get-Completion 'Get-VMTopology we').CompletionText | Should -Be "'web 01'"
        (Get-Completion "Get-VMTopology 'we").CompletionText | Should -Be "'web 01'"
        (Get-Completion 'Get-VMTopology "web ').CompletionText | Should -Be "'web 01'"
    }

    It 'offers the disks of the VM that was named, and none of a VM that is not there' {
        (Get-Completion 'Set-DiskCacheMode db01 -Disk ').CompletionText | Should -Be @('vda', 'vdb')
        (Get-Completion "Set-DiskCacheMode 'web 01' ").CompletionText | Should -Be @('vda', 'vdb')
        (Get-Completion 'Set-DiskCacheMode db01 -Disk vdb')[0].ToolTip | Should -Match 'virtio disk, raw, cache not set'
        (Get-Completion 'Set-DiskCacheMode nobody -Disk v') | Where-Object ResultType -eq ParameterValue | Should -BeNullOrEmpty
    }

    It 'offers the vCPUs of the VM and the online CPUs of the host' {
        (Get-Completion 'Set-VcpuPin db01 ').CompletionText | Should -Be @('0', '1')
        (Get-Completion 'Set-VcpuPin test 0 -ConnectionUri test:///default -HostCpu ').CompletionText | Should -Be @('0', '2', '4')
    }

    It 'offers the workloads' {
        (Get-Completion 'Measure-VMPerformance db01 -Workload Random').CompletionText | Should -Contain RandomWrite
        (Get-Completion 'Measure-VMPerformance db01 -Workload Random').CompletionText | Should -Contain RandomRead
    }

    It 'offers hosts, the connected one first' {
        (Get-Completion 'Connect-VMHost ').CompletionText | Should -Contain 'qemu:///system'
        (Get-Completion 'Disconnect-VMHost test').ListItemText | Should -Contain $uri
    }

    It 'asks the host that the line names' {
        (Get-Completion 'Get-VMTopology -ConnectionUri test:///default -VMName ').CompletionText | Should -Be test
    }

    It 'is silent where no host answers' {
        $found = Get-Completion 'Get-VMTopology -ConnectionUri qemu+unix:///system?socket=/nowhere/s -VMName l'
        $found | Where-Object ResultType -eq ParameterValue | Should -BeNullOrEmpty
    }

    It 'offers names on the lab''s host' -Tag Lab -Skip:(-not $env:KVMTUNE_LAB) {
        (Get-Completion "Get-VMTopology -ConnectionUri $(Get-LabUri) -VMName lab").CompletionText | Should -Be @('lab1', 'lab2')
    }
}
