# Huge pages of VMs, and the host's pools of them. The pages of a guest's memory are read from QEMU's smaps, pools from /proc/meminfo.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune

    function Get-HugeMemory([string] $Name) {
        $sum = 0
        foreach ($line in [System.IO.File]::ReadLines("/proc/$(Get-QemuProcessId $Name)/smaps")) {
            if ($line -match '^(?:Private|Shared)_Hugetlb:\s+(\d+) kB') { $sum += [long] $Matches[1] }
        }
        $sum
    }
    function Get-KernelPool([string] $Field) { [long] (Get-Content /proc/meminfo | Where-Object { $_.StartsWith("HugePages_${Field}:") }).Split(':')[1].Trim() }
    function Get-Backing([string] $Name, [switch] $Running) { (Get-DomainXml $Name -Running:$Running).SelectSingleNode('/domain/memoryBacking')?.OuterXml }
}

Describe 'Huge pages of VMs on a host that is not there' {
    BeforeAll {
        $uri = New-TestHost (Join-Path $TestDrive huge) 'db01', 'db02', 'web01'
        $null = Connect-VMHost $uri
    }
    AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }
    AfterEach { $null = Disable-HugePages * -Unlock -SharePages }

    It 'are configured <What>' -ForEach @(
        @{ What = 'by hand'; Command = { Enable-HugePages db01 2M }; Names = @('db01'); Pages = '2048' }
        @{ What = 'with the size in KiB, as a number'; Command = { Enable-HugePages db01 1048576 -WarningAction Ignore }; Names = @(); Pages = $null }
        @{ What = 'for two VMs by a wildcard'; Command = { Enable-HugePages db0? -PageSize 2048K }; Names = @('db01', 'db02'); Pages = '2048' }
        @{ What = 'by pipeline from Get-VMTopology'; Command = { Get-VMTopology web* | Enable-HugePages -PageSize 2M }; Names = @('web01'); Pages = '2048' }
        @{ What = 'by names in the pipeline'; Command = { 'db01', 'web01' | Enable-HugePages -PageSize 2m }; Names = @('db01', 'web01'); Pages = '2048' }
        @{ What = 'of the host''s default size'; Command = { Enable-HugePages db01 }; Names = @('db01'); Pages = '' }
    ) {
        # 256 MiB of memory are not a whole number of 1 GiB pages: that VM is refused.
        $captured = Invoke-Captured $Command
        $captured.Output.VMName | Sort-Object | Should -Be $Names
        foreach ($name in $Names) {
            $memory = (Get-VMTopology $name).Configured.Memory
            $memory.UsesHugePages | Should -BeTrue
            "$($memory.HugePages.PageSizeKiB)" | Should -Be $Pages
        }
        if (-not $Names) { $captured.Ids | Should -Be HugePagesNeedWholePages }
    }

    It 'come with locked and unmerged memory where that is said, and go without a trace' {
        $before = (Get-VMTopology db01).Configured.ToString()
        $null = Enable-HugePages db01 2M -Locked -NoSharePages
        $memory = (Get-VMTopology db01).Configured.Memory
        $memory.Locked, $memory.NoSharePages | Should -Be $true, $true
        $null = Disable-HugePages db01
        $memory = (Get-VMTopology db01).Configured.Memory
        $memory.UsesHugePages, $memory.Locked, $memory.NoSharePages | Should -Be $false, $true, $true
        $null = Disable-HugePages db01 -Unlock -SharePages
        (Get-VMTopology db01).Configured.ToString() | Should -Be $before
    }

    It 'that are configured already are no change; the running VM still waits for its restart' {
        $null = Enable-HugePages db01 2M
        $again = Enable-HugePages db01 2M
        $again.Plan.HasChanges, $again.Outcome | Should -Be $false, 'RestartPending'
        (Disable-HugePages db02).Outcome | Should -Be NoChange
    }

    It 'with -WhatIf are printed with the virsh command, and nothing is touched' {
        $text = Get-PrintedText { Enable-HugePages db01 2M -WhatIf | Should -BeNullOrEmpty }
        $text | Should -Match 'huge pages: \(not set\) -> 2048 KiB'
        $text | Should -Match '\+.*<page size="2048" unit="KiB"'
        $text | Should -Match 'virsh -c .* define --validate'
        (Get-VMTopology db01).Configured.Memory.UsesHugePages | Should -BeFalse
    }

    It 'as a plan touch nothing until it is applied' {
        $plan = Enable-HugePages db01 2M -AsPlan
        (Get-VMTopology db01).Configured.Memory.UsesHugePages | Should -BeFalse
        ($plan | Invoke-VMTuning).Outcome | Should -BeIn Applied, RestartPending
        (Get-VMTopology db01).Configured.Memory.UsesHugePages | Should -BeTrue
    }

    It 'are refused with <Id> for <What>, and nothing is changed' -ForEach @(
        @{ What = 'a guest node that is not there'; Command = { Enable-HugePages db01 2M -GuestNode 1 }; Id = 'HugePageNodesAreGuestNodes'; Says = 'node 1' }
        @{ What = 'pages larger than the memory'; Command = { Enable-HugePages db01 1G }; Id = 'HugePagesNeedWholePages'; Says = '262144 KiB' }
        @{ What = 'the running VM only'; Command = { Enable-HugePages db01 2M -Scope Live }; Id = 'ChangeIsNotLive'; Says = 'running' }
        @{ What = 'what is no size'; Command = { Enable-HugePages db01 huge }; Id = 'ParameterArgumentTransformationError'; Says = 'huge' }
        @{ What = 'guest nodes without a size'; Command = { Enable-HugePages db01 -GuestNode 0 }; Id = 'PageSizeMissing'; Says = '-PageSize' }
    ) {
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Be $Id
        "$($captured.Errors[0])" | Should -Match $Says
        $captured.Output | Should -BeNullOrEmpty
        (Get-VMTopology db01).Configured.Memory.UsesHugePages | Should -BeFalse
    }

    It 'of one VM are set although another is not there' {
        $captured = Invoke-Captured { Enable-HugePages db01, nobody, web01 2M }
        $captured.Output.VMName | Should -Be 'db01', 'web01'
        $captured.Ids | Should -Be VMNotFound
    }

    It 'say that a host without pools has none' {
        Get-HugePagePool | Should -BeNullOrEmpty
        (Invoke-Captured { Get-HugePagePool 2M }).Ids | Should -Be PageSizeNotSupported
        (Invoke-Captured { Set-HugePagePool 2M 1 }).Ids | Should -Be PageSizeNotSupported
        (Invoke-Captured { Set-HugePagePool 2M 1 -Persist }).Ids | Should -Be HostNotLocal
    }
}

Describe 'A pool of huge pages' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        $total = Get-KernelPool Total
        $root = (New-Item -ItemType Directory (Join-Path $TestDrive root)).FullName
    }
    AfterEach { $null = Set-HugePagePool 2M $total -WarningAction Ignore }

    It 'is shown as the kernel has it' {
        $pool = Get-HugePagePool 2M -Node 0
        $pool.Total, $pool.Free, $pool.Surplus | Should -Be $total, (Get-KernelPool Free), (Get-KernelPool Surp)
        $pool.MountPoint | Should -Be ((Get-Content /proc/mounts) -match ' hugetlbfs ' | ForEach-Object { ($_ -split ' ')[1] } | Select-Object -First 1)
        $pool.IsDefaultSize | Should -BeTrue
    }

    It 'is set <What>, read back, and said as virsh would' -ForEach @(
        @{ What = 'on a node'; Command = { Set-HugePagePool 2M ($total + 8) -Node 0 }; Says = 'allocpages 2048KiB \d+ --cellno 0$' }
        @{ What = 'on the host'; Command = { Set-HugePagePool -PageSize 2048 -Count ($total + 8) }; Says = 'allocpages 2048KiB \d+$' }
        @{ What = 'by pipeline'; Command = { Get-HugePagePool 2M -Node 0 | Set-HugePagePool -Count ($total + 8) }; Says = 'allocpages 2048KiB \d+ --cellno 0$' }
    ) {
        $result = & $Command
        $result.CountBefore, $result.Count, $result.IsChanged | Should -Be $total, ($total + 8), $true
        $result.VirshCommand | Should -Match $Says
        Get-KernelPool Total | Should -Be ($total + 8)
        ((Get-VMHostTopology).Nodes[0].PagePools | Where-Object PageSizeKiB -EQ 2048).Total | Should -Be ($total + 8)
        (Set-HugePagePool 2M ($total + 8)).IsChanged | Should -BeFalse
    }

    It 'is only printed with -WhatIf' {
        Get-PrintedText { Set-HugePagePool 2M ($total + 8) -WhatIf } | Should -Match "pool of 2 MiB pages: $total -> $($total + 8)"
        Get-KernelPool Total | Should -Be $total
    }

    It 'is recorded in the history and taken back from there, also by an undo of that undo' {
        $null = Set-HugePagePool 2M ($total + 8)
        $entry = Get-VMTuningHistory -Kind HostChange | Select-Object -Last 1
        $entry.Outcome | Should -Be Applied
        $null = $entry | Undo-VMTuning
        Get-KernelPool Total | Should -Be $total
        (Get-VMTuningHistory -Id $entry.Id).UndoneAt | Should -Not -BeNullOrEmpty
        $null = Get-VMTuningHistory -Kind HostChange | Select-Object -Last 1 | Undo-VMTuning
        Get-KernelPool Total | Should -Be ($total + 8)
    }

    It 'that was set again since is UndoCollides and stays, unless -Force is said' {
        $null = Set-HugePagePool 2M ($total + 8)
        $entry = Get-VMTuningHistory -Kind HostChange | Select-Object -Last 1
        # Outside the module: the journal has no entry of it.
        Set-Content /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages ($total + 4)
        $captured = Invoke-Captured { $entry | Undo-VMTuning }
        $captured.Ids | Should -Be UndoCollides
        Get-KernelPool Total | Should -Be ($total + 4)
        $null = $entry | Undo-VMTuning -Force
        Get-KernelPool Total | Should -Be $total
    }

    It 'is refused with <Id> for <What>' -ForEach @(
        @{ What = 'more than the memory'; Command = { Set-HugePagePool 2M 100000000 }; Id = 'HugePagePoolShort' }
        @{ What = 'a node that is not there'; Command = { Set-HugePagePool 2M 1 -Node 99 }; Id = 'NodeNotFound' }
        @{ What = 'a size that is not there'; Command = { Set-HugePagePool 16M 1 }; Id = 'PageSizeNotSupported' }
        @{ What = 'a negative count'; Command = { Set-HugePagePool 2M -1 }; Id = 'ParameterArgumentValidationError' }
    ) {
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Be $Id
        $captured.Output | Should -BeNullOrEmpty
        Get-KernelPool Total | Should -Be $total
    }

    It 'says that pages of 1 GiB need a CPU flag that this host does not have' -Skip:([bool] (Select-String -Quiet pdpe1gb /proc/cpuinfo)) {
        $captured = Invoke-Captured { Set-HugePagePool 1G 1 }
        $captured.Ids | Should -Be PageSizeNotSupported
        "$($captured.Errors[0])" | Should -Match pdpe1gb
    }

    It 'is kept over a restart of the host by one file, which goes with the pool' {
        $result = Set-HugePagePool 2M ($total + 8) -Persist -PersistenceRoot $root
        $result.PersistedTo | Should -Be "$root/etc/sysctl.d/90-kvmtune-hugepages.conf"
        Get-Content $result.PersistedTo | Should -Contain "vm.nr_hugepages = $($total + 8)"
        $result.KernelCommandLine | Should -Match 'hugepagesz=2M hugepages='
        $result = Set-HugePagePool 2M ($total + 9) -Node 0 -Persist -PersistenceRoot $root
        $result.PersistedTo | Should -Be "$root/etc/tmpfiles.d/kvmtune-hugepages.conf"
        Get-Content $result.PersistedTo | Should -Contain "w /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages - - - - $($total + 9)"
        $null = Set-HugePagePool 2M 0 -Persist -PersistenceRoot $root -WarningAction Ignore
        Get-ChildItem $root -Recurse -File | Should -BeNullOrEmpty
    }

    It 'always comes out where a file was to be changed, and is told of a file that sets it otherwise at the next boot' {
        $null = Set-HugePagePool 2M ($total + 8) -Persist -PersistenceRoot $root
        # The pool already has this size: only the file is written, and a result is emitted too.
        Remove-Item "$root/etc/sysctl.d/90-kvmtune-hugepages.conf"
        $result = Set-HugePagePool 2M ($total + 8) -Persist -PersistenceRoot $root
        $result.PersistedTo | Should -Be "$root/etc/sysctl.d/90-kvmtune-hugepages.conf"
        $captured = Invoke-Captured { Set-HugePagePool 2M ($total + 9) -PersistenceRoot $root }
        ($captured.Output | Select-Object -ExpandProperty Count) | Should -Be ($total + 9)
        $captured.Warnings -join "`n" | Should -Match "90-kvmtune-hugepages.conf sets this pool to $($total + 8) pages at the next boot.*-Persist"
        $null = Set-HugePagePool 2M 0 -Persist -PersistenceRoot $root -WarningAction Ignore
    }
}

Describe 'Huge pages of a real guest' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        $isMounted = [bool] ((Get-Content /proc/mounts) -match ' hugetlbfs ')
        $total = Get-KernelPool Total
        $before = Get-DomainText lab2
        $pages = [long] (Get-DomainXml lab2).domain.memory.'#text' / 2048
        $null = Set-HugePagePool 2M ((Get-KernelPool Total) - (Get-KernelPool Free)) -WarningAction Ignore
    }
    AfterAll {
        if ((Get-DomainXml lab2).SelectSingleNode('/domain/memoryBacking') -or (Get-DomainXml lab2 -Running).SelectSingleNode('/domain/memoryBacking')) { Reset-Guest lab2 }
        $null = Set-HugePagePool 2M $total -WarningAction Ignore
    }
    BeforeEach { if (-not $isMounted) { Set-ItResult -Skipped -Because 'no hugetlbfs is mounted' } }

    It 'are refused while the pool has too few, and nothing is touched' {
        $captured = Invoke-Captured { Enable-HugePages lab2 2M -Restart }
        $captured.Ids | Should -Be HugePagesNeedFreePages
        "$($captured.Errors[0])" | Should -Match "$pages pages of 2 MiB.*free: 0.*-Reserve"
        Get-DomainText lab2 | Should -Be $before
    }

    It 'with -WhatIf -Reserve say what is reserved first, and touch nothing' {
        $text = Get-PrintedText { Enable-HugePages lab2 2M -Reserve -Restart -WhatIf }
        $text | Should -Match "first, on the host: reserve $pages pages of 2 MiB on node 0"
        $text | Should -Match "allocpages 2048KiB $pages --cellno 0 --add"
        Get-KernelPool Free | Should -Be 0
        Get-DomainText lab2 | Should -Be $before
    }

    It 'are reserved, put in force by a restart, seen by the kernel, and taken back, seen by the kernel' {
        Get-HugeMemory lab2 | Should -Be 0
        $result = Enable-HugePages lab2 2M -NoSharePages -Reserve -Restart
        $result.Outcome, $result.Restarted | Should -Be Applied, $true
        $result.Verifications | Where-Object { -not $_.IsMet } | Should -BeNullOrEmpty
        $result.Verifications.What | Should -Contain 'guest memory on 2 MiB pages'
        Get-HugeMemory lab2 | Should -Be ($pages * 2048)
        Get-KernelPool Free | Should -Be 0
        Get-Backing lab2 -Running | Should -Match '<page size="2048" unit="KiB"'
        Get-QemuCommandLine lab2 | Where-Object { $_ -match '"mem-path":"[^"]*hugepages' } | Should -Not -BeNullOrEmpty

        # A running VM gives its pages back at a restart, so the same setting needs no further pages.
        (Enable-HugePages lab2 -AsPlan).Errors | Should -BeNullOrEmpty

        $result = Disable-HugePages lab2 -SharePages -Restart
        $result.Outcome, $result.Restarted | Should -Be Applied, $true
        ($result.Verifications | Where-Object What -EQ 'guest memory on huge pages').Actual | Should -Be '0 KiB'
        Get-HugeMemory lab2 | Should -Be 0
        Get-KernelPool Free | Should -Be $pages
        Get-DomainText lab2 | Should -Be $before
    }

    It 'that do not let the VM start are taken back, and the pages with them' {
        # A daemon without CAP_SYS_RESOURCE (bit 24) cannot lift the limit on locked memory, so QEMU does not start.
        $capabilities = (Get-Content "/proc/$((Get-Process libvirtd, virtqemud -ErrorAction Ignore).Id | Select-Object -First 1)/status") -match '^CapEff:'
        if ([Convert]::ToUInt64(($capabilities -split '\s+')[1], 16) -shr 24 -band 1) {
            Set-ItResult -Skipped -Because 'the daemon may lock memory here'
            return
        }
        $null = Set-HugePagePool 2M 0 -WarningAction Ignore
        $captured = Invoke-Captured { Enable-HugePages lab2 2M -Locked -Reserve -Restart }
        $captured.Ids | Should -Be StartFailed
        Get-DomainState lab2 | Should -Be running
        Get-DomainText lab2 | Should -Be $before
        Get-KernelPool Total | Should -Be 0
    }
}
