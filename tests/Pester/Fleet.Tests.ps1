# docs/fleet.md on a real fleet: three hosts as namespaces of this machine, each with its libvirtd, SSH server, journal and guest. The lines that run
# are those of the document; once all hosts stay, and once one of them is cut off in the middle of a measurement.
BeforeDiscovery {
    # As root or by sudo; the lab's tools bring everything but the SSH server.
    $canMake = $env:KVMTUNE_LAB -and (Test-Path /usr/sbin/sshd)
    if ($env:KVMTUNE_LAB -and -not $canMake) { Write-Host 'THE FLEET IS NOT MADE: there is no SSH server here (apt-get install openssh-server).' }
}
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    $root = (Resolve-Path "$PSScriptRoot/../..").Path
    $fleet = "$root/tests/lab/fleet.sh"

    function Invoke-Fleet {
        $output = & $fleet @args 2>&1
        if ($LASTEXITCODE) { throw "fleet.sh $args ended with $LASTEXITCODE`: $($output -join "`n")" }
        @($output | ForEach-Object { "$_" })
    }

    # The statements of the document's powershell blocks, in their order.
    function Get-FleetStatement {
        foreach ($block in [regex]::Matches((Get-Content "$root/docs/fleet.md" -Raw), '(?ms)^```powershell\n(.*?)^```')) {
            $errors = $null
            $tree = [System.Management.Automation.Language.Parser]::ParseInput($block.Groups[1].Value, [ref] $null, [ref] $errors)
            if ($errors) { throw "$errors" }
            $tree.EndBlock.Statements.Extent.Text
        }
    }

    # Runs the document as an admin would who has these hosts in ~/.ssh, and notes the errors of each statement.
    function Invoke-FleetDocument([string] $Before, [string] $Insert, [string] $After) {
        $work = New-Item -ItemType Directory -Force (Join-Path $TestDrive "work-$([guid]::NewGuid())")
        $number = 0
        $script = foreach ($statement in Get-FleetStatement) {
            if ($Before -and $statement.StartsWith($Before)) { $Insert }
            "`$Error.Clear()"
            $statement
            "`$trace += [pscustomobject] @{ Number = $number; Errors = @(`$Error | ForEach-Object { `"`$(`$_.FullyQualifiedErrorId) `$(`$_.OriginInfo): `$_`" }) }"
            $number++
        }
        $run = Invoke-Child -Prefix 'env', "PATH=${ssh}:$env:PATH", "KVMTUNE_HOME=$work/journal" @"
`$ProgressPreference = 'SilentlyContinue'
`$trace = @()
Import-Module '$(Get-ModulePath)'
Set-Location '$work'
$($script -join "`n")
$After
@{
    Trace = `$trace
    Findings = @(`$findings | ForEach-Object PSComputerName | Sort-Object -Unique)
    Before = @(`$before | ForEach-Object PSComputerName | Sort-Object)
    After = @(`$after | ForEach-Object PSComputerName | Sort-Object)
    Comparisons = @(`$comparisons | ForEach-Object { "`$(`$_.Verdict)" })
    Experiment = @(`$experiment | ForEach-Object { "`$(`$_.PSComputerName) `$(`$_.Decision)" })
    History = @(`$history | ForEach-Object { "`$(`$_.Title): `$(`$_.State)" })
} | ConvertTo-Json -Depth 5 | Set-Content '$work/facts.json'
"@
        if (-not (Test-Path "$work/facts.json")) { throw $run.Text }
        $facts = Get-Content "$work/facts.json" -Raw | ConvertFrom-Json
        $facts | Add-Member Text $run.Text
        $facts
    }
}

Describe 'A fleet of three hosts' -Tag Lab, Alone, All -Skip:(-not $canMake) {
    BeforeAll {
        $ssh = @(Invoke-Fleet up)[-1]
        $hosts = 'kvm1', 'kvm2', 'kvm3'
        $defined = @{}
        foreach ($name in $hosts) { $defined[$name] = @(Invoke-Fleet exec $name virsh dumpxml --inactive lab1) -join "`n" }
    }
    AfterAll { $null = Invoke-Fleet down }

    It 'is three hosts: each has a libvirtd, a guest and a name of its own' {
        foreach ($name in $hosts) {
            Invoke-Fleet exec $name hostname | Should -Be $name
            Invoke-Fleet exec $name virsh list --name | Where-Object { $_ } | Should -Be lab1
            Invoke-Fleet exec $name pgrep -xc libvirtd | Should -Be 1
        }
        @($hosts | ForEach-Object { Invoke-Fleet guest $_ cat /proc/sys/kernel/random/boot_id } | Sort-Object -Unique) | Should -HaveCount 3
    }

    It 'is measured, judged, changed and undone by the lines of the document' {
        $facts = Invoke-FleetDocument -After "`$history = Invoke-Command -HostName kvm1 { Get-VMTuningHistory lab1 -Detailed }"
        foreach ($step in $facts.Trace) { $step.Errors | Should -BeNullOrEmpty -Because (@(Get-FleetStatement)[$step.Number]) }
        $facts.Findings | Should -Be $hosts
        $facts.Before | Should -Be $hosts
        $facts.After | Should -Be $hosts
        $facts.Comparisons | Should -HaveCount 3
        $facts.Experiment | Should -Match '^kvm1 '
        # Both changes of kvm1, the experiment's and the one by hand, are in its own journal and taken back.
        $facts.History.Count | Should -BeGreaterThan 1 -Because $facts.Text
        foreach ($name in $hosts) { @(Invoke-Fleet exec $name virsh dumpxml --inactive lab1) -join "`n" | Should -Be $defined[$name] }
    }

    It 'loses one host in the middle of a measurement: the others'' results are there, and the lost one is one error' {
        $facts = Invoke-FleetDocument -Before '$before = Invoke-Command $hosts' -Insert "`$null = Start-Process '$fleet' -ArgumentList cut, kvm3, sysbench"
        $statements = @(Get-FleetStatement)
        $cut = 0..($statements.Count - 1) | Where-Object { $statements[$_].StartsWith('$before = Invoke-Command $hosts') }
        $cut | Should -HaveCount 1
        foreach ($step in $facts.Trace) {
            # A line that asks all hosts has one error, that of the lost one; a line that asks another host, or none, has no error.
            $asksAll = $statements[$step.Number] -match 'Invoke-Command \$hosts|\$uris \| ForEach-Object' -and $statements[$step.Number] -notmatch 'Disconnect-VMHost'
            $expected = [int] ($step.Number -ge $cut -and $asksAll)
            $step.Errors | Should -HaveCount $expected -Because "$($statements[$step.Number]) said $($step.Errors -join ' | ')"
            if ($expected) { $step.Errors | Should -Match 'kvm3' }
        }
        $facts.Findings | Should -Be $hosts
        $facts.Before | Should -Be kvm1, kvm2
        $facts.After | Should -Be kvm1, kvm2
        $facts.Comparisons | Should -HaveCount 2
        $facts.Experiment | Should -Match '^kvm1 '
    }

    It 'has the lost host back as it was, with no load left in its guest' {
        $null = Invoke-Fleet mend kvm3
        $null = Wait-Until -What 'nothing of the measurement is left on kvm3' -Condition {
            -not (Invoke-Fleet guest kvm3 'pgrep -x sysbench; ls -d /data/.kvmtune* /.kvmtune* /root/.kvmtune* /tmp/.kvmtune* 2>/dev/null; true')
        }
        (Invoke-Fleet exec kvm3 virsh dumpxml --inactive lab1) -join "`n" | Should -Be $defined.kvm3
        $run = Invoke-Child -Prefix 'env', "PATH=${ssh}:$env:PATH" "(Invoke-Command -HostName kvm3 { Measure-VMPerformance lab1 -Workload Cpu -Runs 1 -RunTime 2 }).PSComputerName"
        $run.Output[-1] | Should -Be kvm3 -Because $run.Text
    }
}
