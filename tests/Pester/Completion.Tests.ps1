# The completions of Tab, through TabExpansion2 like the shell.
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

    It 'offers the workloads, each with what it runs' {
        $found = Get-Completion 'Measure-VMPerformance db01 -Workload '
        $found.CompletionText | Should -Contain RandomWrite
        $found.CompletionText | Should -Contain Observe
        foreach ($workload in $found) { $workload.ToolTip | Should -Match 'fio|sysbench|iperf3|program|nothing is run' -Because $workload.CompletionText }
        ($found | Where-Object CompletionText -EQ RandomWrite).ToolTip | Should -Match 'fio'
        ($found | Where-Object CompletionText -EQ Cpu).ToolTip | Should -Match 'sysbench'
        (Get-Completion 'Invoke-VMExperiment -Workload Random').CompletionText | Should -Contain RandomRead
    }

    It 'is there for everything that has a name, on every cmdlet' {
        $completers = @{
            VMName = 'VMNameCompleter', 'JournalVMNameCompleter'; ConnectionUri = , 'ConnectionUriCompleter'; Disk = , 'DiskCompleter'; Nic = , 'NicCompleter'
            Vcpu = , 'VcpuCompleter'; IOThread = , 'IOThreadCompleter'; HostCpu = , 'HostCpuCompleter'; ReservedCpu = , 'HostCpuCompleter'
            PageSize = , 'PageSizeCompleter'; Node = , 'HostNodeCompleter'; Nodes = , 'HostNodeCompleter'; Workload = , 'WorkloadCompleter'
            Id = , 'JournalIdCompleter'; ExperimentId = , 'ExperimentIdCompleter'; Name = , 'CheckpointNameCompleter'
        }
        $found = foreach ($cmdlet in Get-Command -Module KvmTune) {
            foreach ($parameter in $cmdlet.Parameters.Values | Where-Object { $completers.ContainsKey($_.Name) }) {
                $completer = $parameter.Attributes.Where{ $_ -is [ArgumentCompleter] }.Type.Name
                $completer | Should -BeIn $completers[$parameter.Name] -Because "$cmdlet -$($parameter.Name) is a name that Tab knows"
                $parameter.Name
            }
        }
        $found | Sort-Object -Unique | Should -Be ($completers.Keys | Sort-Object)
    }

    It 'offers the ids of the journal and of its experiments, with what they were' {
        $result = Set-VcpuPin db01 0 2 -Scope Config -WarningAction Ignore
        foreach ($line in 'Undo-VMTuning -Id ', 'Get-VMTuningHistory -Id ') {
            $entry = Get-Completion $line | Where-Object CompletionText -EQ $result.JournalId
            $entry.ToolTip | Should -Match 'db01: pin vCPU 0'
        }
    }

    It 'offers hosts, the connected one first' {
        (Get-Completion 'Connect-VMHost ').CompletionText | Should -Contain 'qemu:///system'
        (Get-Completion 'Disconnect-VMHost test').ListItemText | Should -Contain $uri
    }

    It 'asks the host that the line names' {
        (Get-Completion 'Get-VMTopology -ConnectionUri test:///default -VMName ').CompletionText | Should -Be test
    }

    It 'offers files for parameters that are files, and for no others' {
        $common = [System.Management.Automation.Internal.CommonParameters].GetProperties().Name + 'WhatIf', 'Confirm'
        $null = New-Item -ItemType Directory (Join-Path $TestDrive folder/below) -Force
        $null = New-Item (Join-Path $TestDrive folder/marker.txt) -Force
        Push-Location (Join-Path $TestDrive folder)
        try {
            $offered = foreach ($cmdlet in Get-Command -Module KvmTune | Sort-Object Name) {
                foreach ($parameter in $cmdlet.Parameters.Values | Where-Object { $_.Name -notin $common -and -not $_.SwitchParameter }) {
                    foreach ($typed in '', 'm') {
                        if ((Get-Completion "$cmdlet -$($parameter.Name) $typed").ResultType -match 'Provider') { "$($cmdlet.Name) -$($parameter.Name)" }
                    }
                }
            }
        }
        finally { Pop-Location }
        # Paths of this machine are completed; paths in a guest are not.
        $offered | Sort-Object -Unique | Should -Be @(
            Get-Command -Module KvmTune | ForEach-Object { foreach ($name in 'Path', 'SshKey', 'SshKnownHosts', 'PersistenceRoot') { if ($_.Parameters.ContainsKey($name)) { "$($_.Name) -$name" } } } | Sort-Object -Unique)
    }

    It 'is silent where no host answers' {
        $found = Get-Completion 'Get-VMTopology -ConnectionUri qemu+unix:///system?socket=/nowhere/s -VMName l'
        $found | Where-Object ResultType -eq ParameterValue | Should -BeNullOrEmpty
    }

    It 'offers names on the lab''s host' -Tag Lab, Alone -Skip:(-not $env:KVMTUNE_LAB) {
        (Get-Completion "Get-VMTopology -ConnectionUri $(Get-LabUri) -VMName lab").CompletionText | Should -Be @('lab1', 'lab2')
    }
}
