# Every workload through Measure-VMPerformance on a guest of the lab, by agent and by SSH, and the refusals.
BeforeDiscovery {
    $workloads = @(
        @{ Name = 'Cpu'; Metric = 'EventsPerSecond' }
        @{ Name = 'CpuLatency'; Metric = 'WakeUpP99' }
        @{ Name = 'RandomRead'; Metric = 'Iops' }
        @{ Name = 'RandomWrite'; Metric = 'Iops' }
        @{ Name = 'RandomMixed'; Metric = 'Iops' }
        @{ Name = 'SequentialRead'; Metric = 'MiBPerSecond' }
        @{ Name = 'SequentialWrite'; Metric = 'MiBPerSecond' }
        @{ Name = 'SyncWrite'; Metric = 'Iops' }
        @{ Name = 'Memory'; Metric = 'MiBPerSecond' }
    )
}

BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $vm = 'lab1'
    $here = @{ ConnectionUri = Get-LabUri }
    $short = $here + @{ Runs = 1; RunTime = 2 }
    $ssh = @{ SshHost = $env:KVMTUNE_LAB_LAB1_ADDRESS; SshUser = 'root'; SshKey = $env:KVMTUNE_LAB_SSH_KEY; SshKnownHosts = $env:KVMTUNE_LAB_KNOWN_HOSTS }
    if ($env:KVMTUNE_LAB) { Restore-Guest $vm }
}

Describe 'Workloads' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    It '<Name> yields every metric of a run by the agent' -ForEach $workloads {
        $size = if ($Name -match 'Read|Write|Mixed') { @{ FileSizeMiB = 64 } } else { @{} }
        $performance = Measure-VMPerformance $vm $Name @short @size -Channel Agent
        $performance.Workload.Name | Should -Be $Name
        $performance.Conditions.Channel | Should -Be Agent
        $performance.PrimaryMetric.Name | Should -Be $Metric
        $performance.ValuesOf($Metric)[0] | Should -BeGreaterThan 0
        # A run of two seconds has a variation only if the program reported both seconds.
        foreach ($each in $performance.Metrics | Where-Object Kind -ne Variation) { $performance.CountedRuns[0].Values.Keys | Should -Contain $each.Name }
        $performance.CountedRuns[0].Counters['HostCanaryNanoseconds'] | Should -BeGreaterThan 1e6
        Invoke-InGuest $vm 'ls -d /data/.kvmtune* 2>/dev/null; true' | Should -BeNullOrEmpty
    }

    It 'Network runs between guest and host' {
        $performance = Measure-VMPerformance $vm Network @short -HostAddress $env:KVMTUNE_LAB_HOST_ADDRESS -Streams 2
        $performance.Workload.Streams | Should -Be 2
        $performance.ValuesOf('GbitPerSecond')[0] | Should -BeGreaterThan 0
    }

    It 'runs by SSH' {
        $performance = Measure-VMPerformance $vm Cpu @short -Channel Ssh @ssh
        $performance.Conditions.Channel | Should -Be Ssh
        $performance.ValuesOf('EventsPerSecond')[0] | Should -BeGreaterThan 0
        $performance.Workload.Ssh.UserName | Should -Be root
    }

    It 'Observe runs nothing in the guest and looks at -Area' {
        $performance = Measure-VMPerformance $vm Observe @short -Area Cpu
        $performance.Conditions.Channel | Should -Be None
        $performance.Workload.Area | Should -Be Cpu
        $performance.ValuesOf('CpuCores')[0] | Should -BeGreaterThan 0
    }

    It 'Command reads numbers by a pattern, and -Command alone is enough to name the workload' {
        $performance = Measure-VMPerformance $vm @short -Command sh, -c, 'echo "tps = $1"; echo "late = 2"', sh, '12.5 excluding' -Metric @(
            @{ Name = 'Tps'; Pattern = 'tps = ([\d.]+)'; Unit = 'tx/s'; Direction = 'Higher'; Primary = $true }
            @{ Name = 'Late'; Pattern = 'late = (?<value>\d+)'; Unit = 'ms'; Direction = 'Lower'; Kind = 'MeanLatency' })
        $performance.Workload.Name | Should -Be Command
        $performance.ValuesOf('Tps') | Should -Be 12.5
        $performance.ValuesOf('Late') | Should -Be 2
        $performance.Workload.Command.Arguments[-1] | Should -Be '12.5 excluding'
        # The measurement from the pipeline is repeated.
        ($performance | Measure-VMPerformance @here).ValuesOf('Tps') | Should -Be 12.5
    }

    It 'Command reads numbers by a JSON path' {
        $performance = Measure-VMPerformance $vm Command @short -Command echo, '{"runs":[{"mean time":3.5}]}' -Metric @{
            Name = 'Mean'; JsonPath = "`$.runs[0]['mean time']"; Unit = 'ms'; Direction = 'Lower'
        }
        $performance.ValuesOf('Mean') | Should -Be 3.5
        $performance.PrimaryMetric.Direction | Should -Be LowerIsBetter
    }
}

Describe 'Several guests' -Tag Lab, Alone -Skip:(-not $env:KVMTUNE_LAB) {
    It '-Parallel measures at the same time and says so' {
        $both = @(Measure-VMPerformance lab1, lab2 Cpu @here -Runs 2 -RunTime 2 -Parallel)
        $both.VMName | Sort-Object | Should -Be lab1, lab2
        $both[0].StartedAt | Should -BeLessThan ($both[1].StartedAt.AddSeconds($both[1].ElapsedSeconds))
        $both[1].StartedAt | Should -BeLessThan ($both[0].StartedAt.AddSeconds($both[0].ElapsedSeconds))
        $both[0].Notes -join ' ' | Should -Match "same time as $($both[1].VMName)"
    }
}

Describe 'Calibration' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    It '-Calibrate says how small a change can be shown and how long that takes' {
        $calibration = Measure-VMPerformance $vm @here -Runs 12 -Calibrate -Command awk, '{ print 1000 + ($1 * 100) % 50 }', /proc/uptime -Metric @{
            Name = 'Speed'; Pattern = '(\d+)'; Unit = 'x/s'; Direction = 'Higher'
        }
        $calibration.GetType().FullName | Should -Be KvmTune.Statistics.VMCalibration
        $calibration.Runs | Should -Be 12
        $calibration.Reach[0].DetectablePercent | Should -BeGreaterOrEqual 3
        $calibration.Sentence | Should -Match 'can show a change of .* pairs \(\d+ s\)'
        $calibration | Out-String | Should -Match 'Against itself'
    }
}

Describe 'Refusals' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) {
    It 'unlike conditions are refused, and compared with -Force and a note' {
        $agent = Measure-VMPerformance $vm Command @short -Channel Agent -Command echo, 1 -Metric @{ Name = 'N'; Pattern = '(\d)'; Unit = 'x'; Direction = 'Higher' }
        $other = $agent | Measure-VMPerformance @here -Channel Ssh @ssh
        $captured = Invoke-Captured { $other | Compare-VMPerformance -Baseline $agent }
        $captured.Ids | Should -Be DifferentConditions
        "$($captured.Errors[0])" | Should -Match 'channel Agent against Ssh'
        ($other | Compare-VMPerformance -Baseline $agent -Force).Notes -join ' ' | Should -Match 'with -Force .* channel Agent against Ssh'
    }

    It '<What> is refused with <Id>' -ForEach @(
        @{ What = 'a setting of another workload'; Id = 'InvalidSetting'; With = @{ Workload = 'Cpu'; Streams = 2 }; Says = 'Network' }
        @{ What = 'a program without metrics'; Id = 'InvalidSetting'; With = @{ Command = 'true' }; Says = '-Metric' }
        @{ What = 'the workload Command without a program'; Id = 'InvalidSetting'; With = @{ Workload = 'Command' }; Says = '-Command' }
        @{ What = 'SSH without an address'; Id = 'SshAddressMissing'; With = @{ Workload = 'Cpu'; Channel = 'Ssh' }; Says = '-SshHost' }
        @{ What = 'an SSH user without an address'; Id = 'InvalidSetting'; With = @{ Workload = 'Cpu'; SshUser = 'root' }; Says = '-SshHost' }
        @{ What = 'a metric without a direction'; Id = 'ParameterArgumentTransformationError'; With = @{ Command = 'true'; Metric = @{ Name = 'A'; Unit = 'x'; Pattern = '(1)' } }; Says = 'Direction' }
        @{ What = 'a metric with an unknown key'; Id = 'ParameterArgumentTransformationError'; With = @{ Command = 'true'; Metric = @{ Name = 'A'; Regex = 'x' } }; Says = "no 'Regex'" }
    ) {
        $captured = Invoke-Captured { Measure-VMPerformance $vm @here @With }
        $captured.Ids | Should -Be $Id
        "$($captured.Errors[0])" | Should -Match ([regex]::Escape($Says))
    }

    It 'a block device, a file and what is not there are no place for a test file, and are not touched: <Path>' -ForEach @(
        @{ Path = '/dev/vdb'; Id = 'GuestPathIsDevice'; Says = '/dev/vdb in \S+ is a block device with the signature of ext4' }
        @{ Path = '/dev/vda'; Id = 'GuestPathIsDevice'; Says = '/dev/vda in \S+ is a block device' }
        @{ Path = '/etc/passwd'; Id = 'GuestPathNotFound'; Says = 'no folder /etc/passwd' }
        @{ Path = '/nowhere'; Id = 'GuestPathNotFound'; Says = 'no folder /nowhere' }
    ) {
        $digest = if ($Path -ne '/nowhere') { Invoke-InGuest $vm "dd if=$Path bs=1M count=1 2>/dev/null | md5sum; ls -l $Path" }
        $captured = Invoke-Captured { Measure-VMPerformance $vm RandomWrite @short -GuestPath $Path -FileSizeMiB 64 }
        $captured.Ids | Should -Be $Id
        "$($captured.Errors[0])" | Should -Match $Says
        if ($digest) { Invoke-InGuest $vm "dd if=$Path bs=1M count=1 2>/dev/null | md5sum; ls -l $Path" | Should -Be $digest }
    }

    It 'a file that is there before is as it was after' {
        Invoke-InGuest $vm 'mkdir -p /data/own; echo precious > /data/own/data; sync'
        try {
            $null = Measure-VMPerformance $vm RandomWrite @short -GuestPath /data/own -FileSizeMiB 64
            Invoke-InGuest $vm 'cat /data/own/data; ls -A /data/own' | Should -Be 'precious', 'data'
        }
        finally { Invoke-InGuest $vm 'rm -f /data/own/data; rmdir /data/own' }
    }
}
