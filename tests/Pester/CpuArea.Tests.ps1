# Emulator and I/O thread pins, the NUMA policy, the CPU model: verified in the kernel and on QEMU's command line.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune

    function Get-ThreadAffinity([string] $Name, [string] $Thread) {
        $process = Get-QemuProcessId $Name
        $folder = if ($Thread) {
            [System.IO.Directory]::EnumerateDirectories("/proc/$process/task") | Where-Object { [System.IO.File]::ReadAllText("$_/comm").Trim() -eq $Thread }
        }
        else { "/proc/$process/task/$process" }
        ([System.IO.File]::ReadAllLines("$folder/status") | Where-Object { $_.StartsWith('Cpus_allowed_list:') }).Split(':')[1].Trim()
    }
}

Describe 'Changes of the CPU area on a host that cannot do them live' {
    BeforeAll {
        $uri = New-TestHost (Join-Path $TestDrive cpu) 'db01', 'db02'
        $null = Connect-VMHost $uri
    }
    AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'pins the emulators of two VMs by a wildcard, and frees them by the pipeline' {
        $results = Set-EmulatorPin db0? 0 -Scope Config
        $results.VMName | Sort-Object | Should -Be 'db01', 'db02'
        (Get-VMTopology db0?).Configured.EmulatorPin | ForEach-Object ToString | Should -Be '0', '0'
        $null = Get-VMTopology db0? | Clear-EmulatorPin -Scope Config
        @((Get-VMTopology db0?).Configured.EmulatorPin | Where-Object { $_ }) | Should -BeNullOrEmpty
    }

    It 'refuses <What> with <Id>' -ForEach @(
        @{ What = 'an emulator on host CPU 999'; Command = { Set-EmulatorPin db01 999 }; Id = 'PinToOnlineHostCpu' }
        @{ What = 'an I/O thread that is not there'; Command = { Set-IOThreadPin db01 9 0 }; Id = 'IOThreadNotFound' }
        @{ What = 'a NUMA node that is not there'; Command = { Set-VMNumaPolicy db01 9 }; Id = 'NumaNodeExists' }
        @{ What = 'a live NUMA mode'; Command = { Set-VMNumaPolicy db01 0 -Scope Live }; Id = 'ChangeIsNotLive' }
        @{ What = 'a topology of 7 CPUs'; Command = { Set-VMCpuModel db01 -Topology 1x7x1 }; Id = 'TopologyMatchesVcpus' }
        @{ What = 'to set nothing'; Command = { Set-VMCpuModel db01 }; Id = 'NothingToSet' }
        @{ What = 'to set nothing, in many words'; Command = { Set-VMCpuModel db01 -Model '' -Feature '' -Topology '' }; Id = 'NothingToSet' }
        @{ What = 'a topology from pins that are not there'; Command = { Set-VMCpuModel db01 -MatchPins }; Id = 'PinsGiveNoTopology' }
    ) {
        $before = (Get-VMTopology db01).Configured.ToString()
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Contain $Id
        $captured.Output | Should -BeNullOrEmpty
        (Get-VMTopology db01).Configured.ToString() | Should -Be $before
    }

    It '-WhatIf shows <What> and touches nothing' -ForEach @(
        @{ What = 'an emulator pin'; Command = { Set-EmulatorPin db01 2 -WhatIf }; Says = 'emulatorpin db01 2' }
        @{ What = 'a CPU mode in capitals'; Command = { Set-VMCpuModel db01 Host-Passthrough -WhatIf }; Says = 'mode="host-passthrough"' }
        @{ What = 'a CPU topology'; Command = { Set-VMCpuModel db01 -Topology 1x1x2 -WhatIf }; Says = 'topology sockets="1" dies="1" cores="1" threads="2"' }
    ) {
        Get-PrintedText $Command | Should -Match ([regex]::Escape($Says))
        $configured = (Get-VMTopology db01).Configured
        @($configured.EmulatorPin, $configured.Memory.NumaMode, $configured.Cpu.Topology | Where-Object { $_ }) | Should -BeNullOrEmpty
    }
}

Describe 'The CPU area on a real guest' -Tag Lab, lab2 {
    AfterAll { $null = Reset-Guest lab2 }

    It 'pins the emulator live and persistently, and frees it without a trace' {
        $before = Get-DomainText lab2
        $result = Set-EmulatorPin lab2 1
        Get-ThreadAffinity lab2 | Should -Be 1
        (Get-DomainXml lab2).SelectSingleNode('/domain/cputune/emulatorpin/@cpuset').Value | Should -Be 1
        $result.Verifications.Source | Should -Contain "kernel: /proc/$(Get-QemuProcessId lab2)/task/$(Get-QemuProcessId lab2)/status"
        $null = Clear-EmulatorPin lab2
        Get-ThreadAffinity lab2 | Should -Be (Get-HostCpuList)
        Get-DomainText lab2 | Should -Be $before
    }

    It 'pins an I/O thread where there is one' {
        $null = Set-DiskIOThread lab2 vdb -Restart -WarningAction Ignore
        $null = Set-IOThreadPin lab2 1 0
        Get-ThreadAffinity lab2 'IO iothread1' | Should -Be 0
        $null = Clear-IOThreadPin lab2
        Get-ThreadAffinity lab2 'IO iothread1' | Should -Be (Get-HostCpuList)
        (Get-DomainXml lab2).SelectSingleNode('/domain/cputune/iothreadpin') | Should -BeNullOrEmpty
    }

    It 'binds the memory to a node and shows the guest another CPU, which the kernel and QEMU confirm after one restart' {
        Get-PrintedText { Set-VMNumaPolicy lab2 0 -WhatIf } | Should -Match '<numatune>'
        (Get-DomainXml lab2).SelectSingleNode('/domain/numatune') | Should -BeNullOrEmpty
        $null = Set-VMNumaPolicy lab2 0
        $null = Set-VMCpuModel lab2 maximum -Topology 1x1x2 -Restart -WarningAction Ignore
        Get-Content "/proc/$(Get-QemuProcessId lab2)/numa_maps" | Where-Object { $_ -match 'bind:0' } | Should -Not -BeNullOrEmpty
        # A setting that this host does not support is refused before anything is shut down.
        $process = Get-QemuProcessId lab2
        foreach ($wrong in @{ Model = 'EPIC' }, @{ Model = 'host-passthrough' }, @{ Model = 'maximum'; Feature = 'toopext' }, @{ Model = 'maximum'; WithoutFeature = 'toopext' }) {
            $captured = Invoke-Captured { Set-VMCpuModel lab2 @wrong -Restart }
            $captured.Ids | Should -Match '^(CpuModelIsUsable|CpuFeatureIsUsable|PassthroughNeedsKvm)$'
            Get-QemuProcessId lab2 | Should -Be $process
        }
        $offered = (TabExpansion2 "Set-VMCpuModel lab2 -ConnectionUri $(Get-LabUri) -Model ").CompletionMatches.CompletionText
        $offered | Should -Contain maximum
        $offered | Should -Contain qemu64
        $offered | Should -Not -Contain host-passthrough
        (TabExpansion2 "Set-VMCpuModel lab2 -ConnectionUri $(Get-LabUri) -Feature sse").CompletionMatches.CompletionText | Should -Contain sse2
        $command = Get-QemuCommandLine lab2
        $command[$command.IndexOf('-cpu') + 1] | Should -Match '^max'
        $command[$command.IndexOf('-smp') + 1] | Should -Match 'cores=1,threads=2'

        $null = Set-VMNumaPolicy lab2 -Clear
        (Get-DomainXml lab2).SelectSingleNode('/domain/numatune') | Should -BeNullOrEmpty
    }
}
