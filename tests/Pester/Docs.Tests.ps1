# Every command in the documents runs: blocks of powershell and sh unchanged, on the lab, with few and short runs; and cmdlets and scripts in
# the text exist. A block that cannot run here has the reason in its info string, and is counted.
BeforeDiscovery {
    $root = (Resolve-Path "$PSScriptRoot/../..").Path
    $documents = 'README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'bench/README.md', 'tests/lab/README.md' +
    @(Get-ChildItem "$root/docs/*.md" | ForEach-Object { "docs/$($_.Name)" })

    # The fenced blocks of a document: the language, the rest of the info string, and the text.
    function Get-Block([string] $Document) {
        [regex]::Matches((Get-Content "$root/$Document" -Raw), '(?ms)^```(\w*)([^\n]*)\n(.*?)^```') | ForEach-Object {
            @{ Language = $_.Groups[1].Value; Reason = $_.Groups[2].Value.Trim(); Text = $_.Groups[3].Value.TrimEnd() }
        }
    }

    $all = foreach ($document in $documents) {
        @{ Document = $document; Blocks = @(Get-Block $document) }
    }
    $runnable = $all | Where-Object { $_.Blocks.Where{ $_.Language -eq 'powershell' -and -not $_.Reason } }
}
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $root = (Resolve-Path "$PSScriptRoot/../..").Path
}

Describe 'The blocks of <Document>' -ForEach $all {
    It 'say what they are: commands, or text that nobody runs' {
        foreach ($block in $Blocks) { $block.Language | Should -BeIn powershell, sh, text -Because $block.Text }
    }

    It 'are run, or say why not, naming what runs instead' {
        foreach ($block in $Blocks | Where-Object Language -NE text | Where-Object Reason) {
            $block.Reason | Should -Match '^not-run: .{10,}' -Because $block.Text
        }

        # Shell commands build, install and test: they run this test themselves, so each needs a reason.
        $Blocks.Where{ $_.Language -eq 'sh' -and -not $_.Reason } | Should -BeNullOrEmpty
    }

    It 'name cmdlets and parameters that there are' {
        foreach ($block in $Blocks | Where-Object Language -EQ powershell) {
            $errors = $null
            $tree = [System.Management.Automation.Language.Parser]::ParseInput($block.Text, [ref] $null, [ref] $errors)
            $errors | Should -BeNullOrEmpty -Because $block.Text
            foreach ($command in $tree.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)) {
                $name = $command.GetCommandName()
                if ($name -like './*') { Join-Path $root $name | Should -Exist; continue }
                $known = Get-Command $name -ErrorAction Ignore
                $known | Should -Not -BeNullOrEmpty -Because $name
                foreach ($parameter in $command.CommandElements | Where-Object { $_ -is [System.Management.Automation.Language.CommandParameterAst] }) {
                    { $known.ResolveParameter($parameter.ParameterName) } | Should -Not -Throw -Because "$name -$($parameter.ParameterName)"
                }
            }
        }
    }

    It 'and the lines between them name cmdlets and scripts that there are' {
        $text = Get-Content "$root/$Document" -Raw
        $verbs = (Get-Verb).Verb
        foreach ($name in [regex]::Matches($text, '`([A-Z][a-z]+-[A-Z]\w+)\b').ForEach{ $_.Groups[1].Value } | Sort-Object -Unique) {
            # In an older PowerShell that cmdlet is in a separate module, which may not be installed.
            if ($name.Split('-')[0] -in $verbs -and $name -ne 'Install-PSResource') { Get-Command $name -ErrorAction Ignore | Should -Not -BeNullOrEmpty -Because $name }
        }

        $bootstrap = Get-Content "$root/bootstrap.sh" -Raw
        foreach ($word in [regex]::Matches($text, '\./bootstrap\.sh (\w+)').ForEach{ $_.Groups[1].Value } | Sort-Object -Unique) {
            $bootstrap | Should -Match "(?m)^\s+(\w+ \| )*$word( \| \w+)*\)" -Because "bootstrap.sh $word"
        }

        $bench = Get-Content "$root/bench/run.sh" -Raw
        foreach ($word in [regex]::Matches($text, '\./bootstrap\.sh bench ([a-z]+)').ForEach{ $_.Groups[1].Value } | Sort-Object -Unique) {
            $bench | Should -Match "\b$word\b" -Because "bench $word"
        }

        foreach ($path in [regex]::Matches($text, '`((?:\./)?(?:samples|bench|tests|docs|src|module|tools)/[\w./-]+)`').ForEach{ $_.Groups[1].Value } | Sort-Object -Unique) {
            if ($path -notmatch 'Verb-Noun') { Join-Path $root $path | Should -Exist }
        }

        $folder = Split-Path "$root/$Document"
        foreach ($link in [regex]::Matches($text, '\]\((?!https?:)([\w./-]+)\)').ForEach{ $_.Groups[1].Value } | Sort-Object -Unique) {
            Join-Path $folder $link | Should -Exist -Because "a link of $Document leads there"
        }
    }
}

Describe 'What is not run' -ForEach @{ Reasons = @($all.Blocks.Reason | Where-Object { $_ }) } {
    It 'is no more than this' {
        $Reasons | Should -HaveCount 3
    }
}

Describe 'The commands of <Document>' -Tag Lab, Alone, All -ForEach $runnable {
    BeforeAll {
        $guests = 'lab1', 'lab2'
        $marks = @{}
        Restore-Guest $guests
        foreach ($guest in $guests) { $marks[$guest] = Get-GuestMark $guest }

        # A document may connect to other hosts: this ssh runs the remote command on this machine instead.
        $tools = New-Item -ItemType Directory -Force "$TestDrive/tools"
        Set-Content "$tools/ssh" @'
#!/bin/bash
for word; do [ "$word" = powershell ] && exec pwsh -sshs -NoLogo; done
while [ $# -gt 0 ]; do
    case $1 in
        --) shift; break ;;
        -e | -p | -l | -i | -o | -F) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
shift
exec sh -c "$*"
'@
        & chmod +x "$tools/ssh"
    }
    AfterAll {
        foreach ($guest in $guests) { if ((Get-GuestMark $guest) -ne $marks[$guest]) { Reset-Guest $guest } }
        Restore-Guest $guests
    }

    It 'run as they stand, with few and short runs' {
        $number = 0
        $script = foreach ($block in $Blocks | Where-Object { $_.Language -eq 'powershell' -and -not $_.Reason }) { $number++; "'== block $number'"; $block.Text }
        $work = New-Item -ItemType Directory -Force "$TestDrive/work"
        foreach ($name in 'out', 'samples') { $null = New-Item -ItemType SymbolicLink -Path "$work/$name" -Target "$root/$name" -Force }
        $defaults = @(
            "'Measure-VMPerformance:Runs' = 2", "'Measure-VMPerformance:RunTime' = '2s'", "'Invoke-VMExperiment:Design' = 'Sequential'"
            "'Invoke-VMExperiment:Runs' = 5", "'Invoke-VMExperiment:RunTime' = '2s'", "'Experiment-*.ps1:RunTime' = 2", "'Experiment-DiskCacheMode.ps1:Runs' = 2"
            "'Experiment-DiskCacheMode.ps1:Design' = 'Sequential'"
        ) -join '; '
        # Set outside the child: libvirt also runs ssh, and does not see variables that .NET sets.
        $run = Invoke-Child -Prefix 'env', "PATH=${tools}:$env:PATH" @"
`$env:LIBVIRT_DEFAULT_URI = '$(Get-LabUri)'
`$env:PSModulePath = '$root/out' + ':' + `$env:PSModulePath
`$ErrorActionPreference = 'Stop'
`$ProgressPreference = 'SilentlyContinue'
`$PSDefaultParameterValues = @{ $defaults }
Import-Module '$(Get-ModulePath)'
Set-Location '$work'
$($script -join "`n")
'== all'
"@
        $run.ExitCode | Should -Be 0 -Because $run.Text
        $run.Output.Where{ $_ }[-1] | Should -Be '== all' -Because $run.Text
    }
}
