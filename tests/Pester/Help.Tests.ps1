# The output of Get-Help for the built module, in both languages, and that every example of a page or a topic runs unchanged on the lab.
BeforeDiscovery {
    $root = (Resolve-Path "$PSScriptRoot/../..").Path
    $cmdlets = (Import-PowerShellDataFile "$root/out/KvmTune/KvmTune.psd1").CmdletsToExport
    $topics = Get-ChildItem "$root/docs/help/en-US/about_*.md" | ForEach-Object BaseName
}
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $module = Get-ModulePath
    $pages = (Resolve-Path "$PSScriptRoot/../../docs/help/en-US").Path

    # The blocks of commands in a page.
    function Get-Example([string] $Page) {
        [regex]::Matches((Get-Content "$pages/$Page.md" -Raw), '(?ms)^```powershell\n(.*?)^```') | ForEach-Object { $_.Groups[1].Value.TrimEnd() }
    }
}

Describe 'Get-Help <_>' -ForEach $cmdlets {
    BeforeAll {
        $name = $_
        $help = Get-Help $name -Full
    }

    It 'comes from its page, and not from the syntax alone' {
        $help.Synopsis | Should -Not -Match '\[<CommonParameters>\]'
        $help.Synopsis.Trim() | Should -Be ((Get-Content "$pages/$name.md" -Raw) -replace '(?s)^.*?## SYNOPSIS\n(.*?)\n\n.*$', '$1')
        ($help.description | Out-String).Trim() | Should -Not -BeNullOrEmpty
        ($help.alertSet | Out-String).Trim() | Should -Not -BeNullOrEmpty
        @($help.examples.example).Count | Should -BeGreaterOrEqual 2
    }

    It 'describes every parameter as the command has it' {
        $command = Get-Command $name
        $common = [System.Management.Automation.PSCmdlet]::CommonParameters
        $expected = $command.Parameters.Keys | Where-Object { $_ -notin $common } | Sort-Object
        $help.parameters.parameter.name | Sort-Object | Should -Be $expected
        foreach ($parameter in $expected) {
            $shown = Get-Help $name -Parameter $parameter
            ($shown.description | Out-String).Trim() | Should -Not -BeNullOrEmpty -Because "-$parameter is asked for"
            $sets = $command.Parameters[$parameter].ParameterSets.Values
            $shown.required | Should -Be "$([bool] ($sets.IsMandatory -eq $true))".ToLowerInvariant() -Because "-$parameter is declared so"
            $position = $sets.Position | Where-Object { $_ -ge 0 } | Select-Object -First 1
            $shown.position | Should -Be "$($position ?? 'named')" -Because "-$parameter is declared so"
        }
    }

    It 'shows a syntax for each parameter set' {
        @($help.syntax.syntaxItem).Count | Should -Be (Get-Command $name).ParameterSets.Count
    }

    It 'is readable in a terminal of 100 columns' {
        (Get-Help $name -Examples | Out-String -Width 100) | Should -Match 'Example 1: '
        (Get-Help $name -Full | Out-String -Width 100) | Should -Match 'NOTES'
    }
}

Describe 'Get-Help <_>' -ForEach $topics {
    It 'shows the topic, and lists it with its short description' {
        $name = $_
        $shown = Get-Help $name | Out-String
        $shown | Should -Match "TOPIC\s+$name"
        $summary = (Get-Content "$pages/$name.md" -Raw) -replace '(?s)^.*?## SHORT DESCRIPTION\n(.*?)\n\n.*$', '$1'
        (Get-Help about_KvmTune*).Where{ $_.Name -eq $name }.Synopsis ?? (Get-Help $name).Synopsis | Should -Be $summary
    }
}

Describe 'Get-Help in another language' {
    BeforeAll {
        $run = Invoke-Child @"
[System.Threading.Thread]::CurrentThread.CurrentUICulture = 'id-ID'
Import-Module '$module'
(Get-Command -Module KvmTune).Name | ForEach-Object { "`$_|`$((Get-Help `$_).Synopsis.Trim())" }
Get-Help Test-VMTuning -Full | Out-String
'about_KvmTune', 'about_KvmTune_Measuring', 'about_KvmTune_Safety', 'about_KvmTune_Tutorial' | ForEach-Object { Get-Help `$_ | Out-String }
[System.Threading.Thread]::CurrentThread.CurrentUICulture = 'ja-JP'
"no help in Japanese: `$((Get-Help Set-VcpuPin).Synopsis.Trim())"
"@
    }

    It 'has a synopsis of its own for every cmdlet, in Indonesian' {
        $run.ExitCode | Should -Be 0 -Because $run.Text
        foreach ($cmdlet in (Get-Command -Module KvmTune).Name) {
            $line = $run.Output | Where-Object { $_.StartsWith("$cmdlet|") }
            $line | Should -Not -BeNullOrEmpty -Because $cmdlet
            $line | Should -Not -Be "$cmdlet|$((Get-Help $cmdlet).Synopsis.Trim())"
        }
    }

    It 'has the topics, in Indonesian' {
        [regex]::Matches($run.Text, 'DESKRIPSI SINGKAT').Count | Should -Be 4 -Because $run.Text
    }

    It 'shows the examples, inputs and outputs of a whole page in Indonesian, with the commands as they are' {
        $run.Text | Should -Match 'Contoh 1: Apa yang dapat disetel'
        $run.Text | Should -Match 'Test-VMTuning lab1 \| Format-List'
        $run.Text | Should -Match 'KvmTune\.Diagnosis\.VMTuningFinding\s+Sebuah temuan'
        $run.Text | Should -Not -Match 'Example \d: '
    }

    It 'has a whole page, with every parameter, every type and every row of the tables: <_>' -ForEach @(
        'Measure-VMPerformance', 'Compare-VMPerformance', 'Invoke-VMExperiment', 'Get-VMTopology', 'Set-VcpuPin', 'Set-DiskCacheMode', 'Undo-VMTuning'
        'Get-VMTuningHistory', 'Test-VMTuning', 'Find-VMBottleneck'
    ) {
        # The heads of parameters and types and the first cell of each table row: names, which are the same in both languages.
        function Get-Name([string] $Page) { [regex]::Matches((Get-Content $Page -Raw), '(?m)^(?:### (-\w+|KvmTune\.\S+)$|\| ([A-Z][\w, ]+) \|)') | ForEach-Object { $_.Groups[1].Value + $_.Groups[2].Value } | Sort-Object }
        $own = "$pages/../id-ID/$_.md"
        Get-Name $own | Should -Be (Get-Name "$pages/$_.md")
        Get-Content $own -Raw | Should -Match '(?s)## DESCRIPTION\n.{100,}## EXAMPLES\n.{50,}## PARAMETERS.*## INPUTS\n.{50,}## OUTPUTS\n.{30,}## NOTES\n.{30,}'
        [regex]::Matches((Get-Content $own -Raw), '(?m)^### Contoh \d: \S').Count | Should -Be @((Get-Help $_).examples.example).Count
        Get-Content $own -Raw | Should -Not -Match '(?i)(?<!\.)\b(penyetingan|tuning|thread saudara|galat|menala)\b'
    }

    It 'gives way to English in a language that has no help' {
        $run.Output | Should -Contain "no help in Japanese: $((Get-Help Set-VcpuPin).Synopsis.Trim())"
    }
}

Describe 'The commands in <_>' -Tag Lab, Alone, All -ForEach (@($cmdlets) + $topics) {
    BeforeAll {
        $guests = 'lab1', 'lab2'
        $marks = @{}
        # A guest that a page redefined or restarted is created again: its settings may differ from those that it shows.
        Restore-Guest $guests
        foreach ($guest in $guests) { $marks[$guest] = Get-GuestMark $guest }
        $pool = '/proc/sys/vm/nr_hugepages'
        $pages2M = if (Test-Path $pool) { Get-Content $pool }
        $defaultUri = $env:LIBVIRT_DEFAULT_URI
        $env:LIBVIRT_DEFAULT_URI = Get-LabUri
    }
    AfterAll {
        $env:LIBVIRT_DEFAULT_URI = $defaultUri
        foreach ($guest in $guests) { if ((Get-GuestMark $guest) -ne $marks[$guest]) { Reset-Guest $guest } }
        if ($null -ne $pages2M -and (Get-Content $pool) -ne $pages2M) { Set-Content $pool $pages2M }
    }

    # In a separate runspace, which sees no variable of another page, and in this process, which avoids a start of PowerShell.
    It 'run as they stand, on the lab' {
        $blocks = @(Get-Example $_)
        $blocks.Count | Should -BeGreaterThan 0
        $shell = [powershell]::Create()
        try {
            $null = $shell.AddScript(@"
`$ErrorActionPreference = 'Stop'
`$ProgressPreference = 'SilentlyContinue'
# What an example leaves open is as short as it can be: that it runs is shown here, not what it finds.
`$PSDefaultParameterValues = @{
    '*-VM*:RunTime' = '2s'; 'Measure-VMPerformance:Runs' = 2; 'Invoke-VMExperiment:Runs' = 6
    '*-VM*:Interval' = '2s'
}
Import-Module '$module'
Set-Location ([System.IO.Path]::GetTempPath())
"@)
            $null = $shell.Invoke()
            foreach ($block in $blocks) {
                $shell.Commands.Clear()
                try { $shown = $shell.AddScript($block).AddCommand('Out-String').Invoke() }
                catch { throw "$block`n$shown`n$($_.Exception.InnerException ?? $_)" }
            }
        }
        finally { $shell.Dispose() }
    }
}
