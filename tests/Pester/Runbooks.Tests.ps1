# The samples for automation run unchanged, and CI can use their exit codes.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $runbooks = (Resolve-Path "$PSScriptRoot/../../samples/runbooks").Path
    # From a prompt of PowerShell. Functions before it take the place of cmdlets of the same names.
    function Invoke-Runbook([string] $Line, [string] $Before) {
        $output = & pwsh -NoProfile -NonInteractive -Command "`$PSStyle.OutputRendering = 'PlainText'`n$Before`n& '$runbooks/$($Line -replace '\.ps1', ".ps1'"); exit `$LASTEXITCODE" 2>&1
        [pscustomobject] @{ ExitCode = $LASTEXITCODE; Text = $output -join "`n" }
    }
    # From a shell: the script is the program, and each argument is a word.
    function Invoke-RunbookFile([string] $Name, [string[]] $Words) {
        $output = & env "$runbooks/$Name" @Words 2>&1
        [pscustomobject] @{ ExitCode = $LASTEXITCODE; Text = $output -join "`n" }
    }
}

Describe 'Get-FleetFinding' {
    It 'lists the findings of several hosts, and one that is lost is one error' {
        $uri = New-TestHost (Join-Path $TestDrive fleet) 'db01' -ShutOff
        $run = Invoke-Runbook "Get-FleetFinding.ps1 '$uri', 'test:///nowhere.xml', test:///default -Path '$TestDrive/findings' -FailOn Never"
        $run.ExitCode | Should -Be 1
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
        (Invoke-Runbook "Get-FleetFinding.ps1 '$uri' -FailOn Low").ExitCode | Should -Be ($grave -ne 'Unknown' ? 2 : 0)
        (Invoke-Runbook "Get-FleetFinding.ps1 '$uri' -FailOn Never -Path '$TestDrive/missing/findings'").ExitCode | Should -Be 1
    }

    It 'takes the hosts of a shell, with spaces or commas between them' {
        $uri = New-TestHost (Join-Path $TestDrive words) 'db01' -ShutOff
        foreach ($words in @($uri, 'test:///default'), @("$uri,test:///default")) {
            $run = Invoke-RunbookFile Get-FleetFinding.ps1 (@($words) + '-FailOn', 'Never', '-Path', "$TestDrive/words")
            $run.ExitCode | Should -Be 0 -Because $run.Text
            (Import-Csv "$TestDrive/words.csv").ConnectionUri | Sort-Object -Unique | Should -Be (@($uri, 'test:///default') | Sort-Object)
        }
    }

    It 'names every host, VM and finding in full at 80 columns' {
        $run = Invoke-Runbook 'Get-FleetFinding.ps1 qemu+ssh://root@kvm1.example.org/system, qemu+ssh://root@kvm2.example.org/system | Out-String -Width 80' -Before @'
function Test-VMTuning {
    [CmdletBinding()] param($VMName, $ConnectionUri)
    'DoubleCaching', 'RunningDiffersFromConfigured' | ForEach-Object {
        [pscustomobject] @{ ConnectionUri = $ConnectionUri; VMName = 'instance-0000abcd'; Severity = 'Medium'; Area = 'Disk'; Id = $_; Subject = 'disk vdb' }
    }
}
'@
        $lines = $run.Text -split "`n" | Where-Object { $_.Trim() }
        ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 80
        $lines[0].Trim() -split '\s+' | Should -Be Severity, Host, VMName, Id, Subject
        foreach ($word in 'kvm1.example.org', 'kvm2.example.org', 'DoubleCaching', 'RunningDiffersFromConfigured') {
            @($lines -match "\b$([regex]::Escape($word))\b").Count | Should -Be 2 -Because $run.Text
        }
        @($lines -match '\binstance-0000abcd\b').Count | Should -Be 4 -Because $run.Text
    }

    It 'writes a page for people: every finding, and what a host failed with, as text that no VM''s name can turn into HTML' {
        $uri = New-TestHost (Join-Path $TestDrive page) 'web <b>01' -ShutOff
        $run = Invoke-Runbook "Get-FleetFinding.ps1 '$uri' test:///nowhere.xml -Path '$TestDrive/page' -FailOn Never"
        $page = Get-Content "$TestDrive/page.html" -Raw
        $page | Should -Match '^<!DOCTYPE html>'
        $rows = Import-Csv "$TestDrive/page.csv"
        $rows.VMName | Should -Contain 'web <b>01' -Because $run.Text
        [regex]::Matches($page, '<td>web &lt;b&gt;01</td>').Count | Should -Be $rows.Count
        $page | Should -Not -Match '<b>|<script|src=|href=|url\('
        foreach ($row in $rows) { $page | Should -Match "<td>$($row.Id)</td><td>$([regex]::Escape($row.Subject))</td>" }
        $page | Should -Match '<td>test:///nowhere\.xml</td><td>0</td><td>[^<]*nowhere'
    }
}

Describe 'Invoke-ChangeWindow' {
    It 'begins nothing, and fails, where the VM or its host cannot be read: <_>' -ForEach 'db99 -ConnectionUri test:///default', 'db01 -ConnectionUri test:///nowhere.xml' {
        $run = Invoke-Runbook "Invoke-ChangeWindow.ps1 $_"
        $run.ExitCode | Should -Be 1 -Because $run.Text
        $run.Text | Should -Match 'no experiment was begun'
        $run.Text | Should -Not -Match 'no finding'
    }

    It 'begins nothing, and fails, where an interrupted change cannot be taken back' {
        $stubs = @'
function Get-VMTuningHistory { [CmdletBinding()] param($VMName, $Outcome, [switch] $Detailed) [pscustomobject] @{ ConnectionUri = 'test:///default'; UndoneAt = $null } }
function Undo-VMTuning { [CmdletBinding(SupportsShouldProcess)] param([Parameter(ValueFromPipeline)] $InputObject) process { UNDO } }
function Test-VMTuning { [CmdletBinding()] param($VMName, $ConnectionUri) [pscustomobject] @{ Id = 'DoubleCaching'; Area = 'Disk'; Plan = @{ RequiresRestart = $false } } }
function Invoke-VMExperiment {
    [CmdletBinding()] param([Parameter(ValueFromPipeline)] $InputObject, $Workload, $TimeLimit, $Keep, [switch] $Restart)
    process { [pscustomobject] @{ Decision = 'TakenBack'; Reason = 'It was tried.' } }
}
'@
        $line = 'Invoke-ChangeWindow.ps1 db01 -Area Disk -ConnectionUri test:///default'
        $run = Invoke-Runbook $line ($stubs -creplace 'UNDO', "'undone'")
        $run.ExitCode | Should -Be 0 -Because $run.Text
        $run.Text | Should -Match 'It was tried'
        $run = Invoke-Runbook $line ($stubs -creplace 'UNDO', "Write-Error 'changed again since'")
        $run.ExitCode | Should -Be 1 -Because $run.Text
        $run.Text | Should -Match 'changed again since'
        $run.Text | Should -Not -Match 'It was tried'
    }
}

Describe 'Measure-Nightly' {
    It 'offers the areas that can be observed' {
        (Get-Command "$runbooks/Measure-Nightly.ps1").Parameters.Area.Attributes.ValidValues | Should -Be ([enum]::GetNames((Get-Command Measure-VMPerformance).Parameters.Area.ParameterType))
    }

    It 'takes several VMs of a shell, and what it cannot do is no success of its unit' {
        $success = (Get-Content "$runbooks/kvmtune-nightly.service" | Where-Object { $_ -like 'SuccessExitStatus=*' }) -replace '^.*='
        $run = Invoke-RunbookFile Measure-Nightly.ps1 no1, no2, '-Folder', "$TestDrive/none", '-ConnectionUri', 'test:///default'
        $run.Text | Should -Match 'no1'
        $run.Text | Should -Match 'no2'
        $run.ExitCode | Should -Be 1
        (Invoke-RunbookFile Measure-Nightly.ps1 no1, '-Folder', "$TestDrive/none", '-Area', 'Memory').ExitCode | Should -Be 1
        $success | Should -Be 2
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
        $second.ExitCode | Should -BeIn 0, 2 -Because $second.Text
        @(Import-Csv "$TestDrive/nightly/history.csv").VMName | Should -Be lab2
    }
}
