# The module itself: its exports, its import, and its behaviour if libvirt or other modules are not as usual.
BeforeAll {
    Import-Module "$PSScriptRoot/Lab.psm1" -Force
    Import-KvmTune
    $module = Get-ModulePath
    $lab = "$PSScriptRoot/Lab.psm1"
}

Describe 'The module' {
    It 'exports exactly the cmdlets of its manifest, and nothing else' {
        $loaded = Get-Module KvmTune
        $manifest = Import-PowerShellDataFile $module
        ($loaded.ExportedCmdlets.Keys | Sort-Object) -join ' ' | Should -Be (($manifest.CmdletsToExport | Sort-Object) -join ' ')
        ($loaded.ExportedFunctions.Count + $loaded.ExportedAliases.Count + $loaded.ExportedVariables.Count) | Should -Be 0
    }

    It 'exports every cmdlet that its assembly has' {
        $inAssembly = [KvmTune.Cmdlets.VM.GetVMTopologyCommand].Assembly.GetTypes() |
            ForEach-Object { $_.GetCustomAttributes([System.Management.Automation.CmdletAttribute], $false) } |
            ForEach-Object { "$($_.VerbName)-$($_.NounName)" } | Sort-Object
        $inAssembly -join ' ' | Should -Be (((Import-PowerShellDataFile $module).CmdletsToExport | Sort-Object) -join ' ')
    }

    It 'uses approved verbs only' {
        $approved = (Get-Verb).Verb
        (Get-Command -Module KvmTune).Verb | Sort-Object -Unique | Where-Object { $_ -notin $approved } | Should -BeNullOrEmpty
    }

    It 'has a valid manifest' {
        (Test-ModuleManifest $module -ErrorAction Stop).Name | Should -Be KvmTune
    }

    It '<_> says what it emits, and can be asked -WhatIf if it changes anything' -ForEach @(
        'Clear-VcpuPin', 'Compare-VMPerformance', 'Connect-VMHost', 'Disconnect-VMHost', 'Get-VMHostTopology', 'Get-VMTopology',
        'Invoke-VMTuning', 'Measure-VMPerformance', 'Restart-VMDomain', 'Set-DiskCacheMode', 'Set-VcpuPin', 'Test-VMTuning') {
        $command = Get-Command $_ -Module KvmTune
        $command.OutputType | Should -Not -BeNullOrEmpty
        if ($command.Verb -in 'Set', 'Clear', 'Invoke', 'Restart', 'Measure') { $command.Parameters.Keys | Should -Contain WhatIf }
        else { $command.Parameters.Keys | Should -Not -Contain WhatIf }
    }

    It 'is imported twice with -Force, and works after it' {
        $run = Invoke-Child @"
Import-Module '$module'; Import-Module '$module' -Force; Import-Module '$module' -Force
(Get-VMTopology -ConnectionUri test:///default).VMName
Remove-Module KvmTune
Import-Module '$module'
(Get-VMTopology test -ConnectionUri test:///default).VMName
"@
        $run.Output -join ' ' | Should -Be 'test test'
        $run.ExitCode | Should -Be 0
    }

    It 'loads its packages beside another module''s older ones, and works on its own' {
        # Without its own load context the module would use the assembly that is loaded first, and the engine would not find its types.
        $folder = Join-Path $TestDrive old
        $null = New-Item -ItemType Directory $folder
        $run = Invoke-Child @"
Add-Type 'public class LoadsTheCompiler { }'
foreach (`$name in 'Perfolizer', 'MathNet.Numerics') {
    `$code = [Microsoft.CodeAnalysis.CSharp.SyntaxFactory]::ParseSyntaxTree('[assembly: System.Reflection.AssemblyVersion("0.0.1.0")] public class Old { }')
    `$references = [Microsoft.CodeAnalysis.MetadataReference[]] @([Microsoft.CodeAnalysis.MetadataReference]::CreateFromFile([object].Assembly.Location))
    `$options = [Microsoft.CodeAnalysis.CSharp.CSharpCompilationOptions]::new('DynamicallyLinkedLibrary')
    `$file = [System.IO.File]::Create("$folder/`$name.dll")
    if (-not [Microsoft.CodeAnalysis.CSharp.CSharpCompilation]::Create(`$name, [Microsoft.CodeAnalysis.SyntaxTree[]] `$code, `$references, `$options).Emit(`$file).Success) { throw `$name }
    `$file.Dispose()
    `$null = [System.Reflection.Assembly]::LoadFrom("$folder/`$name.dll")
}
Import-Module '$module'
Import-Module '$lab'
(Compare-VMPerformance (New-Performance @(200..211)) -Baseline (New-Performance @(100..111))).Verdict
[AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { `$_.GetName().Name -eq 'Perfolizer' } |
    ForEach-Object { "`$(`$_.GetName().Version) in `$([System.Runtime.Loader.AssemblyLoadContext]::GetLoadContext(`$_).Name)" } | Sort-Object
"@
        $run.Output[0] | Should -Be 'Improved' -Because $run.Text
        $run.Output[1] | Should -Be '0.0.1.0 in Default' -Because $run.Text
        $run.Output[2] | Should -Match '^0\.3\..* in KvmTune$' -Because $run.Text
    }

    It 'keeps its packages out of PowerShell''s own load context' {
        $run = Invoke-Child @"
Import-Module '$module'
Import-Module '$lab'
(Compare-VMPerformance (New-Performance @(200..211)) -Baseline (New-Performance @(100..111))).Verdict
[System.Runtime.Loader.AssemblyLoadContext]::Default.Assemblies | ForEach-Object { `$_.GetName().Name } | Where-Object { `$_ -match 'Perfolizer|MathNet|KvmTune.Core' }
"@
        $run.Output -join ' ' | Should -Be 'Improved'
    }
}

Describe 'Without libvirt' {
    BeforeAll {
        # An empty file covers the library, in the child's own mount namespace.
        $files = foreach ($folder in '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib', '/lib64', '/lib') {
            Get-ChildItem "$folder/libvirt.so.0" -ErrorAction Ignore | ForEach-Object { (& readlink -f $_.FullName) }
        }
        $library = @($files | Sort-Object -Unique)
        $library | Should -Not -BeNullOrEmpty -Because 'the test hides this machine''s libvirt'
        $mounts = ($library | ForEach-Object { "mount --bind /dev/null '$_'" }) -join ' && '
        $prefix = 'unshare', '-m', 'sh', '-c', "$mounts && exec `"`$@`"", 'sh'
    }

    It 'is imported, and the first use says what to install' {
        $run = Invoke-Child -Prefix $prefix @"
Import-Module '$module' -ErrorAction Stop
'imported'
Get-VMTopology lab1 -ErrorVariable problem 2>`$null
"`$(`$problem[0].FullyQualifiedErrorId) `$(`$problem[0].CategoryInfo.Category)"
"`$(`$problem[0])"
'went on'
"@
        $run.Output | Should -Contain 'imported' -Because $run.Text
        $run.Output[1] | Should -Be 'LibvirtNotInstalled,KvmTune.Cmdlets.VM.GetVMTopologyCommand NotInstalled'
        $run.Output[2] | Should -Match 'apt install libvirt0'
        $run.Output | Should -Contain 'went on'
    }

    It 'every cmdlet that needs libvirt says so, and completion offers nothing' {
        $run = Invoke-Child -Prefix $prefix @"
Import-Module '$module' -ErrorAction Stop
`$commands = { Get-VMTopology }, { Get-VMHostTopology }, { Set-VcpuPin x 0 0 }, { Clear-VcpuPin x },
    { Set-DiskCacheMode x -Disk vda -Cache none }, { Restart-VMDomain x -Confirm:`$false }, { Measure-VMPerformance x -Workload RandomWrite },
    { Connect-VMHost test:///default }
foreach (`$command in `$commands) {
    & `$command -ErrorVariable problem 2>&1 | ForEach-Object { (`$_.FullyQualifiedErrorId -split ',')[0] }
}
(TabExpansion2 'Get-VMTopology l' 16).CompletionMatches.Where{ `$_.ResultType -eq 'ParameterValue' }.Count
"@
        $run.Output -join ' ' | Should -Be "$(@('LibvirtNotInstalled') * 8 -join ' ') 0" -Because $run.Text
    }
}
