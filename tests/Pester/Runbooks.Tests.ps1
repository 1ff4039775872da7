# The samples for automation run unchanged, and CI can use their exit codes.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $runbooks = (Resolve-Path "$PSScriptRoot/../../samples/runbooks").Path
    function Invoke-Runbook([string] $Line) {
        $output = & pwsh -NoProfile -NonInteractive -Command "`$PSStyle.OutputRendering = 'PlainText'; & '$runbooks/$($Line -replace '\.ps1', ".ps1'"); exit `$LASTEXITCODE" 2>&1
        [pscustomobject] @{ ExitCode = $LASTEXITCODE; Text = $output -join "`n" }
    }
}

Describe 'Get-FleetFinding' {
    It 'lists the findings of several hosts, and one that is lost is one error' {
        $uri = New-TestHost (Join-Path $TestDrive fleet) 'db01' -ShutOff
        $run = Invoke-Runbook "Get-FleetFinding.ps1 '$uri', 'test:///nowhere.xml', test:///default -Path '$TestDrive/findings' -FailOn Never"
        $run.ExitCode | Should -Be 2
        $run.Text | Should -Match 'db01'
        $rows = Import-Csv "$TestDrive/findings.csv"
        $rows.ConnectionUri | Should -Contain $uri
        $rows.Severity | Should -BeIn High, Medium, Low, Unknown
        (Get-Content "$TestDrive/findings.json" -Raw | ConvertFrom-Json).Count | Should -Be $rows.Count
    }

    It 'has exit codes for CI' {
        $uri = New-TestHost (Join-Path $TestDrive codes) 'db01' -ShutOff
        $grave = @(Test-VMTuning db01 -ConnectionUri $uri).Severity
        (Invoke-Runbook "Get-FleetFinding.ps1 '$uri' -FailOn Never").ExitCode | Should -Be 0
        (Invoke-Runbook "Get-FleetFinding.ps1 '$uri' -FailOn Low").ExitCode | Should -Be ([int] [bool] ($grave | Where-Object { $_ -ne 'Unknown' }))
    }
}

Describe 'The units of the nightly measurement' -Skip:(-not (Get-Command systemd-analyze -ErrorAction Ignore)) {
    It 'are what systemd takes' {
        # The units name the paths of the package and of PowerShell's package; here both are elsewhere.
        foreach ($unit in Get-ChildItem $runbooks -Filter kvmtune-nightly.*) {
            (Get-Content $unit -Raw) -replace '/usr/bin/pwsh', (Get-Command pwsh).Source | Set-Content "$TestDrive/$($unit.Name)"
        }
        $said = & systemd-analyze verify --man=no "$TestDrive/kvmtune-nightly.service" "$TestDrive/kvmtune-nightly.timer" 2>&1 | Out-String
        $LASTEXITCODE | Should -Be 0 -Because $said
        $said | Should -Not -Match 'kvmtune-nightly'
    }

    It 'name a script and parameters that there are' {
        $line = (Get-Content "$runbooks/kvmtune-nightly.service" | Where-Object { $_ -like 'ExecStart=*' }) -replace '^.*examples/runbooks/', ''
        $script, $arguments = $line -split ' '
        $known = (Get-Command "$runbooks/$script").Parameters.Keys
        foreach ($word in $arguments -like '-*') { $word.TrimStart('-') | Should -BeIn $known }
    }
}

Describe 'Every runbook' {
    It 'has help with an example: <_>' -ForEach (Get-ChildItem "$PSScriptRoot/../../samples" -Recurse -Filter *.ps1).FullName {
        $help = Get-Help $_
        $help.Synopsis | Should -Not -Match '\.ps1'
        $help.Description | Should -Not -BeNullOrEmpty
        $help.Examples | Should -Not -BeNullOrEmpty
    }
}

Describe 'On a guest' -Tag Lab, lab2 -Skip:(-not $env:KVMTUNE_LAB) {
    BeforeAll { Restore-Guest lab2 }
    AfterAll { Restore-Guest lab2 }

    It 'Invoke-ChangeWindow says what it would try, and leaves the VM as it is' {
        $before = Get-DomainText lab2
        $run = Invoke-Runbook "Invoke-ChangeWindow.ps1 lab2 -Area Cpu -TimeLimit 30 -ConnectionUri '$(Get-LabUri)' -WhatIf"
        $run.ExitCode | Should -Be 0
        Get-DomainText lab2 | Should -Be $before
    }

    It 'Measure-Nightly keeps a measurement, and compares the next one with it' {
        $line = "Measure-Nightly.ps1 lab2 -Workload Observe -Folder '$TestDrive/nightly' -Runs 5 -RunTime 2 -ConnectionUri '$(Get-LabUri)'"
        $first, $second = (Invoke-Runbook $line), (Invoke-Runbook $line)
        $first.ExitCode | Should -Be 0 -Because $first.Text
        $second.ExitCode | Should -BeIn 0, 1 -Because $second.Text
        @(Import-Csv "$TestDrive/nightly/history.csv").VMName | Should -Be lab2
    }
}
