# Connections: the choice of the host, and hosts that do not exist, refuse, or disconnect.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $module = Get-ModulePath
    $test = 'test:///default'
}

Describe 'Connect-VMHost and Disconnect-VMHost' {
    AfterEach { Disconnect-VMHost $test -ErrorAction Ignore }

    It 'opens a host, says what it is, and makes it the one that is meant' {
        $host1 = Connect-VMHost $test
        $host1.ConnectionUri | Should -Be $test
        $host1.Hypervisor | Should -Be TEST
        [version] $host1.LibvirtVersion | Should -BeGreaterThan ([version] '5.0')
        (Get-VMTopology).VMName | Should -Be test
    }

    It 'is undone by Disconnect-VMHost: the usual host is meant again' {
        $null = Connect-VMHost $test
        Disconnect-VMHost
        $before = $env:LIBVIRT_DEFAULT_URI
        try {
            $env:LIBVIRT_DEFAULT_URI = New-TestHost (Join-Path $TestDrive usual) 'the usual one'
            (Get-VMTopology).VMName | Should -Be 'the usual one'
        }
        finally { $env:LIBVIRT_DEFAULT_URI = $before }
    }

    It 'disconnects what comes down the pipeline' {
        Connect-VMHost $test | Disconnect-VMHost
        (Invoke-Captured { Disconnect-VMHost $test }).Ids | Should -Be HostNotConnected
    }

    It 'leaves no host chosen where it fails, so that nothing is done on another one: <What>' -ForEach @(
        @{ What = 'no daemon'; Uri = 'qemu+unix:///system?socket=/nowhere/libvirt-sock'; Id = 'DaemonNotReachable' }
        @{ What = 'no URI'; Uri = 'nonsense:///'; Id = 'ConnectionUriInvalid' }
        @{ What = 'a variable that was never set'; Uri = $null; Id = 'ConnectionUriInvalid' }
        @{ What = 'an empty word'; Uri = ''; Id = 'ConnectionUriInvalid' }
    ) {
        foreach ($isFirst in $true, $false) {
            Disconnect-VMHost $test -ErrorAction Ignore
            if (-not $isFirst) { $null = Connect-VMHost $test }
            (Invoke-Captured { Connect-VMHost $Uri }).Ids | Should -Be $Id
            $commands = { Get-VMTopology }, { Get-VMTopology test }, { Set-VcpuPin test 0 0 }, { Get-VMHostTopology }, { Get-HugePagePool },
            { Set-HugePagePool 2M 0 -WhatIf }, { Show-VMHostMap }, { New-VcpuPinPlan test }, { Test-VMTuning test }, { Find-VMBottleneck test },
            { Watch-VMPerformance test -Count 1 }, { Measure-VMPerformance test Observe }, { Checkpoint-VMTuning test x }, { Restart-VMDomain test -Confirm:$false }
            foreach ($command in $commands) {
                $captured = Invoke-Captured $command
                $captured.Ids | Should -Be NoHostChosen -Because "$command"
                $captured.Stopped | Should -BeFalse -Because "$command"
            }
        }
        "$($captured.Errors[0])" | Should -Match 'Connect-VMHost.*-ConnectionUri'
        # A cmdlet with an explicit host still works, and Disconnect-VMHost goes back to the usual host.
        (Get-VMTopology -ConnectionUri $test).VMName | Should -Be test
        Disconnect-VMHost
        $before = $env:LIBVIRT_DEFAULT_URI
        try {
            $env:LIBVIRT_DEFAULT_URI = $test
            (Get-VMTopology).VMName | Should -Be test
        }
        finally { $env:LIBVIRT_DEFAULT_URI = $before }
    }

    It 'chooses none of several hosts, and no host then: <What>' -ForEach @(
        @{ What = 'the lines of a file'; Command = { Connect-VMHost (Get-Content $file) } }
        @{ What = 'the lines of a file by pipeline'; Command = { Get-Content $file | Connect-VMHost } }
        @{ What = 'the text of a file'; Command = { Connect-VMHost (Get-Content $file -Raw) } }
        @{ What = 'a list'; Command = { Connect-VMHost -ConnectionUri ([System.Collections.Generic.List[string]] @($test, $test)) } }
        @{ What = 'an empty list'; Command = { Connect-VMHost @() } }
        @{ What = 'an empty pipeline'; Command = { @() | Connect-VMHost } }
    ) {
        $file = Join-Path $TestDrive hosts.txt
        Set-Content $file $test, $test
        $null = Connect-VMHost $test
        $captured = Invoke-Captured $Command
        $captured.Ids | Should -Be ConnectionUriInvalid
        $captured.Output | Should -BeNullOrEmpty
        (Invoke-Captured { Set-VcpuPin test 0 0 }).Ids | Should -Be NoHostChosen
    }

    It 'takes one URI by pipeline, as a text, a list of one, and the host that was connected before' {
        $expected = $test
        ($test | Connect-VMHost).ConnectionUri | Should -Be $expected
        (Connect-VMHost @($test)).ConnectionUri | Should -Be $expected
        (Connect-VMHost $test | Connect-VMHost).ConnectionUri | Should -Be $expected
        (Connect-VMHost).ConnectionUri | Should -Be $expected
    }

    It 'is not offered by Tab as connected where it could not be opened' {
        $null = Invoke-Captured { Connect-VMHost 'nonsense:///' }
        (TabExpansion2 'Connect-VMHost nons').CompletionMatches | Should -BeNullOrEmpty
        $null = Connect-VMHost $test
        (TabExpansion2 'Connect-VMHost test').CompletionMatches | Where-Object ListItemText -EQ $test | ForEach-Object ToolTip | Should -Be connected
    }

    # Each runspace has its own host, whatever the others choose: two at a time wait for each other between choosing and reading. A reused runspace
    # starts without a choice.
    It 'chooses for its own runspace only: <How>' -ForEach @{ How = 'ForEach-Object -Parallel' }, @{ How = 'Start-ThreadJob' } {
        $path = $module
        $hosts = @('') + (1..6 | ForEach-Object { New-TestHost (Join-Path $TestDrive "host$_") "vm$_" })
        $gate = [System.Threading.Barrier]::new(2)
        $usual = $env:LIBVIRT_DEFAULT_URI
        try {
            $env:LIBVIRT_DEFAULT_URI = New-TestHost (Join-Path $TestDrive unchosen) usual
            $null = Connect-VMHost $test
            $found = if ($How -eq 'Start-ThreadJob') {
                1..6 | ForEach-Object {
                    Start-ThreadJob -ThrottleLimit 2 -ArgumentList $path, $hosts[$_], $gate {
                        param($path, $uri, $gate)
                        Import-Module $path
                        $first = (Get-VMTopology).VMName
                        $null = Connect-VMHost $uri
                        $null = $gate.SignalAndWait(30000)
                        "$first $((Get-VMTopology).VMName)"
                    }
                } | Receive-Job -Wait -AutoRemoveJob
            }
            else {
                1..6 | ForEach-Object -ThrottleLimit 2 -Parallel {
                    Import-Module $using:path
                    $first = (Get-VMTopology).VMName
                    $null = Connect-VMHost ($using:hosts)[$_]
                    $null = ($using:gate).SignalAndWait(30000)
                    "$first $((Get-VMTopology).VMName)"
                }
            }
            $found | Sort-Object | Should -Be @(1..6 | ForEach-Object { "usual vm$_" })
            (Get-VMTopology).VMName | Should -Be test
        }
        finally {
            $env:LIBVIRT_DEFAULT_URI = $usual
            $gate.Dispose()
        }
    }

    It 'is overridden by -ConnectionUri' {
        $other = New-TestHost (Join-Path $TestDrive other) 'elsewhere'
        $null = Connect-VMHost $test
        (Get-VMTopology -ConnectionUri $other).VMName | Should -Be elsewhere
    }
}

Describe 'Get-VMHostTopology' {
    It 'shows nodes, cores and memory of a host, by argument and by pipeline' {
        $shown = Get-VMHostTopology $test
        $shown.Nodes.Count | Should -Be 2
        $shown.Cpus.Count | Should -Be 16
        "$($shown.OnlineCpus)" | Should -Be '0,2,4'
        ([pscustomobject] @{ ConnectionUri = $test } | Get-VMHostTopology).MemoryKiB | Should -Be $shown.MemoryKiB
    }

    It 'knows the CPUs of this machine as the kernel does' -Skip:(-not $env:KVMTUNE_LAB) {
        $shown = Get-VMHostTopology (Get-LabUri)
        "$($shown.OnlineCpus)" | Should -Be (Get-Content /sys/devices/system/cpu/online)
        # The memory of a virtual host may grow or shrink between the two readings.
        $null = Wait-Until -What 'libvirt and the kernel agree' -Condition {
            (Get-VMHostTopology (Get-LabUri)).MemoryKiB -eq (Get-Content /sys/devices/system/node/node*/meminfo | Where-Object { $_ -match 'MemTotal:\s+(\d+)' } |
                    ForEach-Object { [long] $Matches[1] } | Measure-Object -Sum).Sum
        }
    }
}

Describe 'A host that cannot be opened' {
    It '<What>: <Id>, not terminating, and says what to do' -ForEach @(
        @{ What = 'an unknown kind of host'; Uri = 'nonsense:///'; Id = 'ConnectionUriInvalid'; Says = 'qemu:///system' }
        @{ What = 'no URI at all'; Uri = 'not a uri'; Id = 'ConnectionUriInvalid'; Says = 'qemu:///system' }
        @{ What = 'no daemon behind the socket'; Uri = 'qemu+unix:///system?socket=/nowhere/libvirt-sock'; Id = 'DaemonNotReachable'; Says = 'systemctl start' }
        @{ What = 'a test host whose file is missing'; Uri = 'test:///nowhere/node.xml'; Id = 'ConnectionUriInvalid'; Says = '/nowhere/node.xml' }
    ) {
        foreach ($command in { Get-VMTopology x -ConnectionUri $Uri }, { Get-VMHostTopology $Uri }, { Connect-VMHost $Uri }, { Set-VcpuPin x 0 0 -ConnectionUri $Uri }) {
            $captured = Invoke-Captured $command
            $captured.Ids | Should -Match "^($Id)$" -Because "$command"
            "$($captured.Errors[0])" | Should -Match ([regex]::Escape($Says))
            "$($captured.Errors[0])" | Should -Match ([regex]::Escape($Uri))
            $captured.Stopped | Should -BeFalse
        }
        Disconnect-VMHost $Uri
    }
}

Describe 'A daemon that goes away or refuses' {
    BeforeEach { $daemon = Start-TestDaemon "/tmp/kvmtune-pester-$([guid]::NewGuid().ToString('N').Substring(0, 8))" }
    AfterEach {
        Disconnect-VMHost $daemon.Uri -ErrorAction Ignore
        Stop-TestDaemon $daemon
        Remove-Item -Recurse -Force $daemon.Folder
    }

    It 'is an error of the command that meets it, and the next command connects anew' {
        (Get-VMTopology -ConnectionUri $daemon.Uri).VMName | Should -Be test
        Stop-TestDaemon $daemon
        $captured = Invoke-Captured { Get-VMTopology -ConnectionUri $daemon.Uri }
        $captured.Output | Should -BeNullOrEmpty
        $captured.Ids | Should -Match '^(ConnectionLost|DaemonNotReachable)$'
        (Invoke-Captured { Get-VMTopology -ConnectionUri $daemon.Uri }).Ids | Should -Be DaemonNotReachable
        $again = Start-TestDaemon $daemon.Folder
        try { (Get-VMTopology -ConnectionUri $daemon.Uri).VMName | Should -Be test }
        finally { Stop-TestDaemon $again }
    }

    It 'refuses who may not open its socket: PermissionDenied, with the rights that are needed' {
        $run = Invoke-Child -Prefix (Get-UnprivilegedPrefix) @"
Import-Module '$module'
foreach (`$command in { Get-VMTopology -ConnectionUri '$($daemon.Uri)' }, { Set-VcpuPin test 0 0 -ConnectionUri '$($daemon.Uri)' }) {
    & `$command 2>&1 | ForEach-Object { "`$((`$_.FullyQualifiedErrorId -split ',')[0]) `$(`$_.CategoryInfo.Category) `$_" }
}
"@
        $run.Output.Count | Should -Be 2 -Because $run.Text
        $run.Output | Should -Match '^PermissionDenied PermissionDenied '
        $run.Output[1] | Should -Match 'group libvirt'
    }
}
