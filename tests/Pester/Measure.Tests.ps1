# Measure-VMPerformance on real guests, and its possible failures. Runs are few and short, because the figures do not matter.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    if ($env:KVMTUNE_LAB) {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
    }
    $short = @{ Workload = 'RandomWrite'; Runs = 2; RunTime = 2; FileSizeMiB = 64 }
    $long = "Measure-VMPerformance lab2 -ConnectionUri '$(Get-LabUri)' -Workload RandomWrite -Runs 50 -RunTime 3 -FileSizeMiB 64"
}

Describe 'What is asked for' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    It '<What>: <Id>, and nothing is run' -ForEach @(
        @{ What = 'no workload'; Command = { Measure-VMPerformance lab2 }; Id = 'WorkloadMissing'; Says = 'RandomWrite' }
        @{ What = 'an unknown workload'; Command = { Measure-VMPerformance lab2 -Workload Juggling }; Id = 'InvalidSetting'; Says = 'Juggling.*RandomWrite' }
        @{ What = 'a VM that is not there'; Command = { Measure-VMPerformance nobody -Workload RandomWrite }; Id = 'VMNotFound'; Says = 'lab2' }
        @{ What = 'runs too short to mean anything'; Command = { Measure-VMPerformance lab2 -Workload RandomWrite -RunTime 0.5 }; Id = 'InvalidSetting'; Says = '2 seconds' }
        @{ What = 'a folder that is not in the guest'; Command = { Measure-VMPerformance lab2 @short -GuestPath /nowhere }; Id = 'GuestPathNotFound'; Says = '/nowhere' }
        @{ What = 'a device with a file system'; Command = { Measure-VMPerformance lab2 @short -GuestPath /dev/vdb }; Id = 'GuestPathIsDevice'; Says = 'signature of ext4' }
        @{ What = 'a file larger than the disk'; Command = { Measure-VMPerformance lab2 -Workload RandomWrite -Runs 1 -RunTime 2 -FileSizeMiB 100000 }
            Id = 'GuestDiskFull'; Says = '-FileSizeMiB' }
    ) {
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Be $Id
        "$($captured.Errors[0])" | Should -Match $Says
        $captured.Output | Should -BeNullOrEmpty
        $captured.Stopped | Should -BeFalse
    }

    It 'of a stopped VM is GuestNotRunning' {
        $id = New-LabDomain 'pester off'
        try { (Invoke-Captured { Measure-VMPerformance 'pester off' -Workload RandomWrite }).Ids | Should -Be GuestNotRunning }
        finally { Remove-LabDomain $id }
    }

    It 'with -WhatIf is told and not done' {
        Get-PrintedText { Measure-VMPerformance lab2 @short -WhatIf | Should -BeNullOrEmpty } | Should -Match 'RandomWrite, 3 runs of 2 s'
    }

    It 'leaves nothing behind in the guest after all of these' {
        Get-Leftover lab2 | Should -BeNullOrEmpty
    }
}

Describe 'A measurement' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $before = Get-DomainText lab2
        $captured = Invoke-Captured { 'nobody', 'lab2' | Measure-VMPerformance @short -GuestPath /data -Verbose }
        $performance = $captured.Output[0]
    }

    It 'keeps every run with its values, its conditions and the host''s counters' {
        $captured.Ids | Should -Be VMNotFound
        @($captured.Output).Count | Should -Be 1
        $performance.GetType().FullName | Should -Be KvmTune.Measurement.VMPerformance
        $performance.CountedRuns.Count | Should -Be 2
        $performance.Runs[0].IsWarmup | Should -BeTrue
        foreach ($run in $performance.CountedRuns) {
            # A run of two seconds has a variation only if the program reported both seconds.
            foreach ($metric in $performance.Metrics | Where-Object Kind -ne Variation) { $run.Values[$metric.Name] | Should -BeGreaterOrEqual 0 }
            $run.Values['Iops'] | Should -BeGreaterThan 0
            $run.Counters.Count | Should -BeGreaterThan 3
            $run.Counters['Disk.vdb.WrittenBytes'], $run.Counters['Disk.vdb.WriteRequests'] | Where-Object { $_ } | Should -Not -BeNullOrEmpty -Because ($run.Counters.Keys -join ' ')
        }
        $performance.Conditions.DomainType | Should -Be $env:KVMTUNE_LAB_TYPE
        $performance.Conditions.WorkloadVersion | Should -Match '^fio-'
        $performance.Conditions.GuestFile | Should -Match '^vdb: /data '
        $captured.Verbose -join ' ' | Should -Match 'run 2 of 2'
    }

    It 'leaves the guest and its definition as they were' {
        Get-Leftover lab2 | Should -BeNullOrEmpty
        Get-DomainText lab2 | Should -Be $before
    }

    It 'is shown in a table' {
        $shown = $performance | Out-String -Width 100
        $shown | Should -Match 'lab2\s+RandomWrite\s+\S+.* IOPS'
    }

    It 'is written by Export-Clixml to a file that Import-Clixml reads' {
        $file = Join-Path $TestDrive performance.xml
        $performance | Export-Clixml $file -Depth 5
        $again = Import-Clixml $file
        $again.VMName | Should -Be lab2
        $again.VMId | Should -Be $performance.VMId
        $again.Workload.Name | Should -Be RandomWrite
        @($again.Runs).Count | Should -Be $performance.Runs.Count
        $again.Runs[1].Values['Iops'] | Should -Be $performance.Runs[1].Values['Iops']
        "$($again.Conditions.HostName)" | Should -Be $performance.Conditions.HostName
    }

    It 'names its VM to the next cmdlet' {
        ($performance | Get-VMTopology).VMName | Should -Be lab2
    }
}

Describe 'A measurement that is interrupted' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    AfterAll { Restore-Guest lab2 }

    It 'ends fio in the guest and removes its folder when the pipeline is stopped (Ctrl+C)' {
        $before = Get-DomainText lab2
        $pipeline = Start-Pipeline $long
        Wait-Activity $pipeline '*run 1 of 50*'
        $null = Wait-Until -What 'fio runs in the guest' -Condition { (Get-Leftover lab2) -match 'fio' }
        $null = $pipeline.BeginStop($null, $null)
        $result = Wait-Pipeline $pipeline
        $result.State | Should -Be Stopped
        Get-Leftover lab2 | Should -BeNullOrEmpty
        Get-DomainText lab2 | Should -Be $before
        Get-DomainState lab2 | Should -Be running
    }

    It 'does so too when a shell gets SIGINT, as a terminal sends it' {
        $file = Join-Path $TestDrive long.ps1
        # The shell writes its own id: a shell that is a .NET tool runs as a child of a starter.
        Set-Content $file "Set-Content '$TestDrive/id' `$PID; Import-Module '$(Get-ModulePath)'; $long"
        $child = Start-Process pwsh -ArgumentList '-NoProfile', '-File', $file -PassThru -RedirectStandardOutput "$TestDrive/out" -RedirectStandardError "$TestDrive/errors"
        $null = Wait-Until -Seconds 90 -What 'fio runs in the guest' -Condition {
            if ($child.HasExited) { throw 'the shell ended' }
            (Get-Leftover lab2) -match 'fio.*time_based|fio.*runtime'
        }
        & kill -INT (Get-Content "$TestDrive/id")
        $child.WaitForExit(60000) | Should -BeTrue
        Get-Leftover lab2 | Should -BeNullOrEmpty
    }

    It 'keeps its runs and says GuestLost when the guest is powered off in the middle' {
        $pipeline = Start-Pipeline $long
        Wait-Activity $pipeline '*run 2 of 50*'
        $null = Invoke-Virsh destroy lab2
        $result = Wait-Pipeline $pipeline
        $result.Ids | Should -Match '^(GuestLost|GuestNotRunning)$'
        $partial = $result.Errors[0].TargetObject
        $partial.Runs.Count | Should -BeGreaterOrEqual 2
        $partial.CountedRuns.Count | Should -BeGreaterOrEqual 1
        "$($result.Errors[0])" | Should -Match 'lab2'
        Get-DomainState lab2 | Should -Be 'shut off'
    }
}

Describe 'A guest that cannot be measured' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    AfterAll { Restore-Guest lab2 }

    It '<Variant>: <Id>, and says what to do' -ForEach @(
        @{ Variant = 'kvmtune.agent=off'; Id = 'AgentNotResponding|SshAddressMissing|SshUnreachable|AgentNotConfigured'; Says = 'qemu-guest-agent' }
        @{ Variant = 'kvmtune.agent=noexec'; Id = 'GuestExecDisabled'; Says = 'guest-exec' }
        @{ Variant = 'kvmtune.fio=absent'; Id = 'WorkloadProgramMissing'; Says = 'fio' }
    ) {
        Reset-Guest lab2 $Variant
        $before = Get-DomainText lab2
        $captured = Invoke-Captured { Measure-VMPerformance lab2 @short }
        $captured.Ids | Should -Match "^($Id)$"
        "$($captured.Errors[0])" | Should -Match $Says
        $captured.Output | Should -BeNullOrEmpty
        Get-Leftover lab2 | Should -BeNullOrEmpty
        Get-DomainText lab2 | Should -Be $before
        Get-DomainState lab2 | Should -Be running
    }

    It 'for its disk is full: GuestDiskFull, and nothing is left in it' {
        Reset-Guest lab2
        Invoke-InGuest lab2 'fallocate -l $(($(stat -f -c %a /data) * $(stat -f -c %S /data) - 20000000)) /data/filler' | Out-Null
        $captured = Invoke-Captured { Measure-VMPerformance lab2 @short -GuestPath /data }
        $captured.Ids | Should -Be GuestDiskFull
        "$($captured.Errors[0])" | Should -Match 'MiB free'
        Invoke-InGuest lab2 'ls -A /data | grep -v -e lost.found -e filler || true' | Should -BeNullOrEmpty
        Invoke-InGuest lab2 'rm /data/filler' | Out-Null
    }
}
