# Set-DiskThrottle. Limits in force are read from virsh, which asks QEMU, and measured with fio in the guest.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune

    # The limits of a disk that are not zero, as virsh shows them.
    function Get-Limit {
        param([string] $Name, [string] $Disk, [switch] $Config)
        (Invoke-Virsh blkdeviotune $Name $Disk $(if ($Config) { '--config' } else { '--live' }) | ForEach-Object {
            $key, $value = $_ -split ':', 2
            if ($key -notmatch 'group_name' -and $value.Trim() -notin '0', '') { "$($key.Trim())=$($value.Trim())" }
        }) -join ' '
    }

    function Get-ConfiguredLimit {
        param([string] $Name, [string] $Disk)
        $throttle = ((Get-VMTopology $Name).Configured.Disks | Where-Object Target -eq $Disk).Throttle
        ($throttle.Keys | Sort-Object | ForEach-Object { "$_=$($throttle[$_])" }) -join ' '
    }
}

Describe 'Limits of a disk' {
    BeforeEach {
        $uri = New-TestHost (Join-Path $TestDrive ([guid]::NewGuid())) 'db01', 'db02', 'web01'
        $null = Connect-VMHost $uri
    }
    AfterEach { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'are set <What>' -ForEach @(
        @{ What = 'of one disk'; Command = { Set-DiskThrottle db01 vdb -TotalIops 500 -Scope Config }; Limits = @('db01 vdb total_iops_sec=500') }
        @{ What = 'in PowerShell''s sizes'; Command = { Set-DiskThrottle db01 -Disk vdb -ReadBytesPerSecond 10MB -WriteBytesPerSecond 5MB -Scope Config }
            Limits = @('db01 vdb read_bytes_sec=10485760 write_bytes_sec=5242880') }
        @{ What = 'with bursts and their length'; Command = { Set-DiskThrottle db01 vdb -TotalIops 100 -TotalIopsMax 300 -BurstLength 10s -IopsSize 4096 -Scope Config }
            Limits = @('db01 vdb size_iops_sec=4096 total_iops_sec=100 total_iops_sec_max=300 total_iops_sec_max_length=10') }
        @{ What = 'of VMs by pipeline'; Command = { 'db01', 'web01' | Set-DiskThrottle -Disk vda -TotalIops 5 -Scope Config }; Limits = @('db01 vda total_iops_sec=5', 'web01 vda total_iops_sec=5') }
        @{ What = 'of VMs that Get-VMTopology found'; Command = { Get-VMTopology web* | Set-DiskThrottle -Disk vda -ReadIops 7 -Scope Config }; Limits = @('web01 vda read_iops_sec=7') }
        @{ What = 'of two VMs by a wildcard'; Command = { Set-DiskThrottle db0? vd[b] -WriteIops 9 -Scope Config }; Limits = @('db01 vdb write_iops_sec=9', 'db02 vdb write_iops_sec=9') }
    ) {
        $results = @(& $Command)
        @($results | ForEach-Object {
                $disk = ($_.Title -split '[ :]+')[1]
                "$($_.VMName) $disk $(Get-ConfiguredLimit $_.VMName $disk)"
            } | Sort-Object) | Should -Be $Limits
    }

    It 'have the names of the parameters in all that a person reads' {
        foreach ($name in (Get-EngineType Topology.DiskLimitNames)::Parameters.Keys) { (Get-Command Set-DiskThrottle).Parameters.Keys | Should -Contain $name }
        $result = Set-DiskThrottle db01 vdb -TotalIops 500 -TotalIopsMax 600 -BurstLength 2 -Scope Config
        $result.Title | Should -Be 'disk vdb: TotalIops=500, TotalIopsMax=600, BurstLength of TotalIopsMax=2'
        (Get-VMTopology db01).Configured.Disks | Format-Table | Out-String -Width 200 | Should -Match 'TotalIops=500'
    }

    It 'of one kind go together: setting one takes the others away, and a warning says which' {
        $null = Set-DiskThrottle db01 vdb -ReadIops 50 -WriteIops 60 -TotalBytesPerSecond 7MB -Scope Config
        $captured = Invoke-Captured { Set-DiskThrottle db01 vdb -ReadIops 55 -Scope Config }
        "$($captured.Warnings)" | Should -Match 'WriteIops=60 of disk.*ThrottleResetsCategory'
        Get-ConfiguredLimit db01 vdb | Should -Be 'read_iops_sec=55 total_bytes_sec=7340032'
    }

    It 'are taken away one kind at a time with 0, and all with -Clear, without a trace' {
        $before = (Get-VMTopology db01).Configured.Disks[1].Throttle.Count
        $null = Set-DiskThrottle db01 vdb -TotalIops 50 -TotalIopsMax 60 -BurstLength 3 -TotalBytesPerSecond 7MB -Scope Config
        $null = Set-DiskThrottle db01 vdb -TotalIops 0 -Scope Config
        Get-ConfiguredLimit db01 vdb | Should -Be 'total_bytes_sec=7340032'
        (Set-DiskThrottle db01 vdb -Clear -Scope Config).Outcome | Should -Be RestartPending
        (Get-VMTopology db01).Configured.Disks[1].Throttle.Count | Should -Be $before
        (Set-DiskThrottle db01 vdb -Clear -Scope Config).Outcome | Should -Be NoChange
    }

    It 'refuses <What> with <Id>, and changes nothing' -ForEach @(
        @{ What = 'a total beside its parts'; Command = { Set-DiskThrottle db01 vdb -TotalIops 9 -ReadIops 5 }; Id = 'ThrottleTotalExcludesParts'; Says = '-TotalIops and -ReadIops of disk ''vdb'' would' }
        @{ What = 'a burst without its limit'; Command = { Set-DiskThrottle db01 vdb -TotalIopsMax 9 }; Id = 'ThrottleBurstNeedsLimit'; Says = '-TotalIopsMax without -TotalIops' }
        @{ What = 'a burst below its limit'; Command = { Set-DiskThrottle db01 vdb -TotalIops 9 -TotalIopsMax 8 }; Id = 'ThrottleBurstNeedsLimit'; Says = 'below' }
        @{ What = 'more than QEMU takes'; Command = { Set-DiskThrottle db01 vdb -TotalIops 2000000000000000 }; Id = 'ThrottleInRange'; Says = '1000000000000000' }
        @{ What = 'a disk that is not there'; Command = { Set-DiskThrottle db01 vdz -TotalIops 9 }; Id = 'DiskNotFound'; Says = 'vda, vdb' }
        @{ What = 'nothing to set'; Command = { Set-DiskThrottle db01 vdb }; Id = 'NothingToSet'; Says = '-Clear' }
    ) {
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Be $Id
        "$($captured.Errors[0])" | Should -Match $Says
        $captured.Output | Should -BeNullOrEmpty
        Get-ConfiguredLimit db01 vdb | Should -BeNullOrEmpty
    }

    It 'with -WhatIf are printed with the virsh command, and not set' {
        $text = Get-PrintedText { Set-DiskThrottle db01 vdb -TotalIops 500 -WhatIf | Should -BeNullOrEmpty }
        $text | Should -Match 'disk vdb total_iops_sec: \(not set\) -> 500'
        $text | Should -Match 'virsh -c \S+ blkdeviotune db01 vdb --total-iops-sec 500 --live --config'
        Get-ConfiguredLimit db01 vdb | Should -BeNullOrEmpty
    }
}

Describe 'Limits of a real guest''s disk' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        Restore-Guest lab2
        Wait-Guest lab2
        $before = Get-DomainText lab2

        # Random writes in the guest for some seconds, in operations per second.
        function Measure-Iops {
            $json = Invoke-InGuest lab2 'fio --name=limit --filename=/data/kvmtune-limit --size=32m --bs=4k --rw=randwrite --direct=1 --ioengine=libaio --iodepth=8 --time_based --runtime=4 --output-format=json; rm -f /data/kvmtune-limit'
            (($json -join "`n") | ConvertFrom-Json).jobs[0].write.iops
        }
    }
    AfterAll { Restore-Guest lab2 }
    AfterEach { $null = Set-DiskThrottle lab2 vdb -Clear }

    It 'are in force at once, in QEMU and in the configuration, and hold what the guest may write' {
        $free = Measure-Iops
        $result = Set-DiskThrottle lab2 vdb -WriteIops 50
        $result.Outcome | Should -Be Applied
        $result.Verifications.Where{ $_.Source -like 'QEMU*' -and $_.What -like '* WriteIops' }.Actual | Should -Be 50
        Get-Limit lab2 vdb | Should -Be 'write_iops_sec=50'
        Get-Limit lab2 vdb -Config | Should -Be 'write_iops_sec=50'
        (Get-VMTopology lab2).PendingRestart | Should -BeNullOrEmpty

        $held = Measure-Iops
        $held | Should -BeLessThan 100
        $free | Should -BeGreaterThan (2 * $held)

        $null = Set-DiskThrottle lab2 vdb -Clear
        Get-Limit lab2 vdb | Should -BeNullOrEmpty
        Measure-Iops | Should -BeGreaterThan (2 * $held)
        Get-DomainText lab2 | Should -Be $before
    }

    It 'are only in QEMU with -Scope Live, and only in the configuration with -Scope Config' {
        $null = Set-DiskThrottle lab2 vdb -TotalIops 5000 -Scope Live
        Get-Limit lab2 vdb | Should -Be 'total_iops_sec=5000'
        Get-Limit lab2 vdb -Config | Should -BeNullOrEmpty
        (Get-VMTopology lab2).Differences.Setting | Should -Be 'disk vdb total_iops_sec'
        $null = Set-DiskThrottle lab2 vdb -Clear -Scope Live
        $null = Set-DiskThrottle lab2 vdb -TotalIops 6000 -Scope Config
        Get-Limit lab2 vdb | Should -BeNullOrEmpty
        Get-Limit lab2 vdb -Config | Should -Be 'total_iops_sec=6000'
    }

    It 'are set by the virsh command that is printed, just as by the cmdlet' {
        $plan = Set-DiskThrottle lab2 vdb -ReadIops 4000 -WriteIops 3000 -TotalBytesPerSecond 100MB -TotalBytesPerSecondMax 200MB -AsPlan
        & bash -c $plan.VirshCommand | Out-Null
        $LASTEXITCODE | Should -Be 0
        Get-Limit lab2 vdb | Should -Be 'total_bytes_sec=104857600 read_iops_sec=4000 write_iops_sec=3000 total_bytes_sec_max=209715200 total_bytes_sec_max_length=1'
        (Set-DiskThrottle lab2 vdb -ReadIops 4000 -WriteIops 3000 -TotalBytesPerSecond 100MB -TotalBytesPerSecondMax 200MB).Outcome | Should -Be NoChange
    }
}
