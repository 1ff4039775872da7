# Export-VMTuningReport through the cmdlet: files, errors and -WhatIf, on the recorded journal of the sample report.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $testHome = $env:KVMTUNE_HOME
    $env:KVMTUNE_HOME = (New-Item (Join-Path $TestDrive home) -ItemType Directory).FullName
    Copy-Item "$PSScriptRoot/../../samples/report/journal.db" $env:KVMTUNE_HOME
}
AfterAll { $env:KVMTUNE_HOME = $testHome }

Describe 'Export-VMTuningReport' {
    It 'writes the history of a VM that no host is asked for' {
        $file = Export-VMTuningReport lab1 -Path "$TestDrive/one.html"
        $file | Should -BeOfType ([System.IO.FileInfo])
        $page = Get-Content $file -Raw
        $page | Should -Match '<h1>lab1</h1>'
        foreach ($entry in Get-VMTuningHistory lab1 | Where-Object Verdict) { $page | Should -Match "<h2>$([regex]::Escape($entry.Title))</h2>" }
    }

    It 'does not write over a file without -Force' {
        Set-Content "$TestDrive/kept.html" mine
        (Invoke-Captured { Export-VMTuningReport lab1 -Path "$TestDrive/kept.html" }).Ids | Should -Be ReportExists
        Get-Content "$TestDrive/kept.html" | Should -Be mine
        $null = Export-VMTuningReport lab1 -Path "$TestDrive/kept.html" -Force
        (Get-Item "$TestDrive/kept.html").Length | Should -BeGreaterThan 100kb
    }

    It 'writes nothing with -WhatIf' {
        Export-VMTuningReport lab1 -Path "$TestDrive/none.html" -WhatIf
        "$TestDrive/none.html" | Should -Not -Exist
    }

    It 'says so where a VM has no history' {
        (Invoke-Captured { Export-VMTuningReport nobody -Path "$TestDrive/nobody.html" }).Ids | Should -Be HistoryEmpty
        "$TestDrive/nobody.html" | Should -Not -Exist
    }

    It 'gives each VM a file in a folder, and one file never two reports' {
        $folder = (New-Item (Join-Path $TestDrive reports) -ItemType Directory).FullName
        (Export-VMTuningReport * -Path $folder).Name | Should -Be lab1.html
        (Invoke-Captured { 'lab1', 'lab1' | Export-VMTuningReport -Path "$TestDrive/twice.html" -Force }).Ids | Should -Be ReportPathTaken
    }

    It 'says what is wrong where it cannot write' {
        (Invoke-Captured { Export-VMTuningReport lab1 -Path "$TestDrive/missing/one.html" }).Ids | Should -Be ReportNotWritten
    }
}
