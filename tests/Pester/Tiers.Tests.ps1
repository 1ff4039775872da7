# The commands that every run of the tests must cover on a real guest, and that no test is excluded by its tags. Needs no guest.
BeforeDiscovery {
    $cmdlets = (Import-PowerShellDataFile "$PSScriptRoot/../../out/KvmTune/KvmTune.psd1").CmdletsToExport
}
BeforeAll {
    # Every block and test with tags, except those of the Debian package, which run separately: its file, its tags, and the commands that run
    # in it.
    $tagged = foreach ($file in Get-ChildItem $PSScriptRoot -Filter *.Tests.ps1 | Where-Object Name -ne DebianPackage.Tests.ps1) {
        $tree = [System.Management.Automation.Language.Parser]::ParseFile($file.FullName, [ref] $null, [ref] $null)
        $isCommand = { $args[0] -is [System.Management.Automation.Language.CommandAst] }
        foreach ($command in $tree.FindAll($isCommand, $true) | Where-Object { $_.GetCommandName() -in 'Describe', 'Context', 'It' }) {
            $elements = $command.CommandElements
            for ($i = 0; $i -lt $elements.Count; $i++) {
                if ($elements[$i] -is [System.Management.Automation.Language.CommandParameterAst] -and $elements[$i].ParameterName -eq 'Tag') {
                    [pscustomobject]@{
                        Where = "$($file.Name): $($elements[1].Extent.Text)"
                        Tags = @($elements[$i + 1].Extent.Text -split ',\s*')
                        Words = @($elements[-1].Extent.Text -split '\W+' | Sort-Object -Unique)
                        Runs = @($elements[-1].FindAll($isCommand, $true) | ForEach-Object { $_.GetCommandName() } | Sort-Object -Unique)
                    }
                }
            }
        }
    }
}

Describe 'The tests of every run' {
    It 'run <_> on the lab' -ForEach $cmdlets {
        $name = $_
        $tagged | Where-Object { 'Lab' -in $_.Tags -and 'All' -notin $_.Tags -and $name -in $_.Runs } |
            Should -Not -BeNullOrEmpty -Because ("tests/Pester has no test of $name on a real guest: write one in tests/Pester/$($name -replace '^\w+-').Tests.ps1, or in the file of its area, " +
                'tagged Lab and with its guest, and not All. Then: ./bootstrap.sh test')
    }
}

Describe 'What is tagged' {
    It 'says which guest it uses, so that it is run, once, and beside nothing that uses the same' {
        foreach ($block in $tagged) {
            $block.Tags | Should -BeIn Lab, lab1, lab2, Alone, All -Because $block.Where
            $block.Tags | Should -Contain Lab -Because $block.Where
            @($block.Tags | Where-Object { $_ -in 'lab1', 'lab2', 'Alone' }) | Should -HaveCount 1 -Because $block.Where
        }
    }

    It 'names no guest but its own' {
        foreach ($block in $tagged | Where-Object { 'Alone' -notin $_.Tags }) {
            $other = if ('lab1' -in $block.Tags) { 'lab2' } else { 'lab1' }
            $block.Words | Should -Not -Contain $other -Because $block.Where
        }
    }
}
