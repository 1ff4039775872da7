# Test-VMTuning: the findings in a configuration, findings in a pipeline, and that applying a plan removes its finding.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $uri = New-TestHost (Join-Path $TestDrive findings) 'db01', 'db02', 'web01'
    $null = Connect-VMHost $uri
    function Get-Finding([string] $Id, [string] $VM = 'db01') { Test-VMTuning $VM | Where-Object Id -eq $Id }
}
AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

Describe 'Test-VMTuning' {
    It 'takes <What>' -ForEach @(
        @{ What = 'all VMs when none is named'; Command = { Test-VMTuning }; Names = 'db01', 'db02', 'web01' }
        @{ What = 'a wildcard'; Command = { Test-VMTuning db* }; Names = 'db01', 'db02' }
        @{ What = 'names by pipeline'; Command = { 'web01', 'db01' | Test-VMTuning }; Names = 'db01', 'web01' }
        @{ What = 'topologies by pipeline'; Command = { Get-VMTopology db02 | Test-VMTuning }; Names = @('db02') }
        @{ What = 'its own output'; Command = { Test-VMTuning db02 | Select-Object -First 1 | Test-VMTuning }; Names = @('db02') }
    ) {
        (& $Command).VMName | Sort-Object -Unique | Should -Be $Names
    }

    It 'keeps the order of the VMs, and within one the gravest comes first' {
        $found = 'web01', 'db01' | Test-VMTuning
        ($found.VMName | Select-Object -Unique) -join ' ' | Should -Be 'web01 db01'
        $severities = @($found | Where-Object VMName -eq db01 | ForEach-Object { [int] $_.Severity })
        $severities -join '' | Should -Be (($severities | Sort-Object) -join '')
    }

    It 'reports an unknown name and goes on with the rest' {
        $captured = Invoke-Captured { Test-VMTuning nobody, db01 }
        $captured.Ids | Should -Be VMNotFound
        $captured.Output.VMName | Select-Object -Unique | Should -Be db01
    }

    It 'says where, how grave, on which values from where, for which workloads, what to try, and why' {
        $finding = Get-Finding DoubleCaching | Where-Object Subject -eq 'disk vda'
        "$($finding.VMName) $($finding.VMId) $($finding.ConnectionUri)" | Should -Be "db01 00000000-0000-4000-8000-000000000001 $uri"
        "$($finding.Area) $($finding.Severity)" | Should -Be 'Disk Medium'
        "$($finding.Evidence[0])" | Should -Be 'disk vda cache: (not set, so writeback) (libvirt: persistent XML)'
        $finding.Workloads | Should -Contain RandomWrite
        $finding.Suggestion | Should -Match '^Try '
        $finding.Source | Should -Match QEMU
        $finding.Plan.GetType().Name | Should -Be VMTuningPlan
        $finding.Plan.Title | Should -Be 'disk vda: cache=none'
        $finding.NoPlanReason | Should -BeNullOrEmpty
    }

    It 'changes nothing' {
        $before = (Get-VMTopology db01 | ConvertTo-Json -Depth 8 -WarningAction Ignore) -replace '"CpuTime".*?\}' -replace '"(Ticks|.*?Seconds|Minutes|Hours|Days|Milliseconds|Total.*?)": [\d.]+,?'
        $null = Test-VMTuning db01
        (Get-VMTopology db01 | ConvertTo-Json -Depth 8 -WarningAction Ignore) -replace '"CpuTime".*?\}' -replace '"(Ticks|.*?Seconds|Minutes|Hours|Days|Milliseconds|Total.*?)": [\d.]+,?' | Should -Be $before
    }

    It 'emits nothing for a VM that is well set, and says so to who wants to know' {
        $null = Set-DiskCacheMode web01 vd* none -IO native -Scope Config
        $null = Set-DiskIOThread web01 vd* -Scope Config
        $running = Test-VMTuning web01
        $running.Id | Should -Be RestartPending
        $null = Restart-VMDomain web01 -Confirm:$false
        $captured = Invoke-Captured { Test-VMTuning web01 -Verbose }
        $captured.Output | Should -BeNullOrEmpty
        $captured.Verbose | Should -Contain 'web01: no findings: leave it alone'
    }

    It 'shows itself in 100 columns, and its evidence as a list' {
        $shown = ((Test-VMTuning db01 | Out-String -Width 100) -replace '\e\[[0-9;]*m') -split "`n" | Where-Object { $_.Trim() }
        ($shown | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 100
        foreach ($label in 'VMName', 'Severity', 'Area', 'Id', 'Subject', 'Remedy') { $shown[0] | Should -Match $label }
        (Test-VMTuning db01 | Format-List | Out-String -Width 200) | Should -Match 'Evidence +: disk vda cache: \(not set, so writeback\)'
    }
}

Describe 'A finding' {
    It 'is applied by its plan, down the pipeline, and is gone then' {
        $results = Test-VMTuning db02 | Where-Object Id -eq DiskWithoutIOThread | Invoke-VMTuning
        # Each plan is made when its finding is emitted: the second disk gets its own thread beside the first.
        $results.Title | Should -Be @('disk vda: I/O thread 1', 'disk vdb: I/O thread 2')
        $results.Outcome | Select-Object -Unique | Should -Be RestartPending
        Get-Finding DiskWithoutIOThread db02 | Should -BeNullOrEmpty
        (Get-Finding RestartPending db02).Evidence.What | Should -Contain 'I/O threads'
    }

    It 'without a plan is an error that says why, and the next one has its turn' {
        $captured = Invoke-Captured { Test-VMTuning db02 | Invoke-VMTuning -WarningAction Ignore }
        $captured.Ids | Should -Be ParameterArgumentTransformationError
        "$($captured.Errors[0])" | Should -Match "RestartPending of 'db02'.*has no plan: .*Restart-VMDomain"
        $captured.Stopped | Should -BeFalse
        $captured.Output.Title | Should -Contain 'disk vda: cache=none'
    }

    It 'is planned, and not applied, with -WhatIf' {
        $text = Get-PrintedText { Get-Finding DoubleCaching | Invoke-VMTuning -WhatIf }
        $text | Should -Match 'disk vdb cache: \(not set\) -> none'
        (Get-VMTopology db01).Disks[1].Cache | Should -BeNullOrEmpty
    }

    It 'of a live setting is made in the running VM: <Id>' -ForEach @(
        @{ Id = 'RunningDiffersFromConfigured'; Set = { Set-VcpuPin db01 0 2 -Scope Config }; Title = 'pin vCPU 0 to host CPU 2' }
    ) {
        $null = & $Set
        $finding = Get-Finding $Id
        $finding.Plan.Title | Should -Be $Title
        $finding.Evidence[0].Value | Should -Be '(none) running, 2 configured'
        $finding.Plan.ChangesConfiguration | Should -BeFalse
    }

    It 'can be handed over as an argument, alone or with others' {
        (Invoke-VMTuning @(Get-Finding DiskWithoutIOThread)[0]).Title | Should -Be 'disk vda: I/O thread 1'
        (Invoke-VMTuning -Plan @(Get-Finding DoubleCaching) -WarningAction Ignore).Title | Should -Be @('disk vda: cache=none', 'disk vdb: cache=none')
    }
}

Describe 'A real guest' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll { $null = Connect-VMHost (Get-LabUri) }

    It 'shows what its XML has, and nothing else of its disks' {
        $finding = Test-VMTuning lab2 | Where-Object Id -eq DoubleCaching
        $uncached = @((Get-DomainXml lab2).domain.devices.disk | Where-Object { $_.device -eq 'disk' -and -not $_.readonly -and $_.driver.cache -notin 'none', 'directsync' })
        @($finding).Subject | Should -Be @($uncached | ForEach-Object { "disk $($_.target.dev)" })
    }

    It 'is asked whether it uses its queues' {
        $null = Enable-NicMultiqueue lab2 -Queues 2 -Restart -WarningAction Ignore
        try {
            Wait-Guest lab2
            Test-VMTuning lab2 | Where-Object Id -like NicQueues* | Should -BeNullOrEmpty
            $name = @(Invoke-InGuest lab2 'ls /sys/class/net' | Where-Object { $_ -ne 'lo' })[0]
            $null = Invoke-InGuest lab2 "ethtool -L $name combined 1"
            $finding = Test-VMTuning lab2 | Where-Object Id -eq NicQueuesNotUsedByGuest
            $finding.Evidence[1].Value | Should -Be 1
            $finding.Suggestion | Should -Match "ethtool -L $name combined 2"
        }
        finally { $null = Disable-NicMultiqueue lab2 -Restart -WarningAction Ignore }
    }
}
