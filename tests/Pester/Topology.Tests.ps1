# Get-VMTopology: the choice of VMs, and the information about them.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $uri = New-TestHost (Join-Path $TestDrive topology) 'db01', 'db02', 'web01'
    $null = Connect-VMHost $uri
}
AfterAll { Disconnect-VMHost $uri -ErrorAction Ignore }

Describe 'Get-VMTopology' {
    It 'shows all VMs when none is named' {
        (Get-VMTopology).VMName | Sort-Object | Should -Be @('db01', 'db02', 'web01')
    }

    It 'takes <What>' -ForEach @(
        @{ What = 'a name'; Command = { Get-VMTopology db02 }; Names = @('db02') }
        @{ What = 'several names'; Command = { Get-VMTopology db02, web01 }; Names = @('db02', 'web01') }
        @{ What = 'a wildcard over two VMs'; Command = { Get-VMTopology db* }; Names = @('db01', 'db02') }
        @{ What = 'a wildcard in another case'; Command = { Get-VMTopology DB0[12] }; Names = @('db01', 'db02') }
        @{ What = 'names by pipeline'; Command = { 'web01', 'db01' | Get-VMTopology }; Names = @('web01', 'db01') }
        @{ What = 'objects by property name VMName'; Command = { [pscustomobject] @{ VMName = 'db01' } | Get-VMTopology }; Names = @('db01') }
        @{ What = 'objects by property name Name'; Command = { [pscustomobject] @{ Name = 'db02' } | Get-VMTopology }; Names = @('db02') }
        @{ What = 'its own output'; Command = { Get-VMTopology web* | Get-VMTopology }; Names = @('web01') }
        @{ What = 'a UUID'; Command = { Get-VMTopology 00000000-0000-4000-8000-000000000002 }; Names = @('db02') }
        @{ What = '-VM for -VMName'; Command = { Get-VMTopology -VM web01 }; Names = @('web01') }
    ) {
        (& $Command).VMName | Sort-Object | Should -Be ($Names | Sort-Object)
    }

    It 'reports an unknown name with VMNotFound and the names that there are, and goes on with the rest' {
        $captured = Invoke-Captured { Get-VMTopology db01, nobody, web01 }
        $captured.Output.VMName | Should -Be @('db01', 'web01')
        $captured.Ids | Should -Be VMNotFound
        $captured.Errors[0].CategoryInfo.Category | Should -Be ObjectNotFound
        "$($captured.Errors[0])" | Should -Match "'nobody'.*db01, db02, web01"
        $captured.Stopped | Should -BeFalse
    }

    It 'finds nothing by a wildcard that matches nothing, and that is no error' {
        $captured = Invoke-Captured { Get-VMTopology zz* }
        $captured.Output | Should -BeNullOrEmpty
        $captured.Errors | Should -BeNullOrEmpty
    }

    It 'refuses an empty name and an object without one' {
        (Invoke-Captured { Get-VMTopology '' }).Ids | Should -Be 'ParameterArgumentTransformationError'
        (Invoke-Captured { [pscustomobject] @{ Colour = 'red' } | Get-VMTopology }).Ids | Should -Match 'ParameterArgumentTransformationError'
    }

    It 'goes to the host that an object came from, whatever the default is' {
        $other = New-TestHost (Join-Path $TestDrive elsewhere) 'db01'
        $there = Get-VMTopology -ConnectionUri $other
        ($there | Get-VMTopology).ConnectionUri | Should -Be $other
    }

    It 'shows vCPUs and disks with their settings' {
        $vm = Get-VMTopology db01
        $vm.VcpuCount | Should -Be 2
        $vm.Vcpus.Number | Should -Be @(0, 1)
        $vm.Disks.Target | Should -Be @('vda', 'vdb')
        $vm.Disks[0].Cache | Should -BeNullOrEmpty
        $vm.Memory.MaximumKiB | Should -Be (256 * 1024)
        $vm.State | Should -Be Running
    }
}

Describe 'A real guest' {
    It 'is shown as libvirt and the kernel have it' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
        $vm = Get-VMTopology lab2 -ConnectionUri (Get-LabUri)
        $xml = Get-DomainXml lab2
        $vm.VMId | Should -Be ([guid] $xml.domain.uuid)
        $vm.State | Should -Be Running
        $vm.Disks.Source | Should -Be @($xml.domain.devices.disk.source.file)
        $vm.Nics[0].Mac | Should -Be $xml.domain.devices.interface.mac.address
        $vm.Nics[0].HostDevice | Should -Be (Get-DomainXml lab2 -Running).domain.devices.interface.target.dev
        $vm.Vcpus.Count | Should -Be 2
        foreach ($vcpu in $vm.Vcpus) {
            $vcpu.CpuTimeSeconds | Should -BeGreaterThan 0
            $vcpu.HostCpu | Should -BeIn @(0..([Environment]::ProcessorCount - 1))
        }
    }

    It 'is found on the default host without a connection' -Tag Lab, Alone -Skip:(-not $env:KVMTUNE_LAB) {
        Disconnect-VMHost $uri
        try { (Get-VMTopology lab* -ConnectionUri (Get-LabUri)).VMName | Sort-Object | Should -Be @('lab1', 'lab2') }
        finally { $null = Connect-VMHost $uri }
    }
}
