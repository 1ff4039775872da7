# Names with characters that are special to a shell, a pattern, an XML writer or PowerShell.
BeforeDiscovery {
    $names = @(
        'with spaces  in it', "it's", 'say "cheese"', '$(touch kvmtune-pester-was-here)', '`id`', 'a; reboot', 'Üñïçødé 数据库 база', 'web[1]', 'a&b<c>', 'star*',
        'back\slash', '--help', 'per%cent', '$HOME', "tick``tock", '#hash', '{brace}', '-q', '1', '-') | ForEach-Object { @{ Name = $_ } }
}
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
}

Describe 'On the test driver, a VM named <Name>' -ForEach $names {
    BeforeAll {
        $uri = New-TestHost (Join-Path $TestDrive ([guid]::NewGuid())) $Name, 'plain'
        $null = Connect-VMHost $uri
    }
    AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

    It 'is found by its name, by pipeline and by completion, and is pinned and cached' {
        (Get-VMTopology -VMName $Name).VMName | Should -BeExactly $Name
        ($Name | Get-VMTopology).VMName | Should -BeExactly $Name
        (Get-VMTopology | Where-Object VMName -ceq $Name | Get-VMTopology).VMName | Should -BeExactly $Name
        $result = Set-VcpuPin -VMName $Name 0 2 -Scope Config
        "$($result.VMName) $($result.Outcome)" | Should -BeExactly "$Name RestartPending"
        $null = Set-DiskCacheMode -VMName $Name vdb none -Scope Config
        $vm = Get-VMTopology -VMName $Name
        "$($vm.Configured.VcpuPins[0]) $($vm.Configured.Disks[1].Cache)" | Should -Be '2 none'
        (Get-VMTopology plain).Configured.VcpuPins.Count | Should -Be 0
        $line = 'Get-VMTopology -VMName '
        $completed = (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText
        $names = @($completed | ForEach-Object { & ([scriptblock]::Create("Get-VMTopology -VMName $_")) }).VMName
        $names | Should -Contain $Name
        $names.Count | Should -Be 2
    }
}

Describe 'On libvirt, a VM named <Name>' -Tag Lab, lab1 -Skip:(-not $env:KVMTUNE_LAB) -ForEach $names {
    BeforeAll {
        $null = Connect-VMHost (Get-LabUri)
        $id = New-LabDomain $Name
    }
    AfterAll { Remove-LabDomain $id }

    It 'is changed by the cmdlets and by the virsh commands that they print' {
        $result = Set-VcpuPin -VMName $Name 0 1
        $result.VMName | Should -BeExactly $Name
        Get-Pin $id 0 | Should -Be 1
        $null = $result | Clear-VcpuPin
        Get-Pin $id 0 | Should -BeNullOrEmpty

        $pin = Set-VcpuPin -VMName $Name 1 0 -AsPlan
        & bash -c $pin.VirshCommand *>&1 | Out-String | Set-Variable said
        Get-Pin $id 1 | Should -Be 0 -Because "$($pin.VirshCommand): $said"
        $cache = Set-DiskCacheMode -VMName $Name vda directsync -AsPlan
        & bash -c $cache.VirshCommand *>&1 | Out-String | Set-Variable said
        Get-DiskOption $id vda cache | Should -Be directsync -Because "$($cache.VirshCommand): $said"
        'kvmtune-pester-was-here' | Should -Not -Exist
    }
}
