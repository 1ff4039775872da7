# The common functions of the benches over many VMs: hosts of libvirt's test driver with a given number of domains, and peer programs that
# run one round for each line of input.

# A node file of the test driver; every fourth domain is shut off, the others run.
function New-NodeFile([string] $Folder, [int] $Count) {
    $template = (Get-Content -Raw $PSScriptRoot/data/inventory-domain.xml)
    $file = Join-Path $Folder "node-$Count.xml"
    $writer = [System.IO.StreamWriter]::new($file)
    $writer.WriteLine('<node>')
    $writer.WriteLine('<cpu><mhz>2400</mhz><model>x86_64</model><active>8</active><nodes>1</nodes><sockets>1</sockets><cores>8</cores><threads>1</threads></cpu>')
    foreach ($number in 1..$Count) {
        $domain = $template.Replace('@NAME@', "web$($number.ToString('00000'))").
            Replace('@UUID@', "6b766d74-756e-4c61-8b00-$($number.ToString('x12'))").
            Replace('@MAC@', "52:54:00:$(($number -shr 16).ToString('x2')):$(($number -shr 8 -band 255).ToString('x2')):$(($number -band 255).ToString('x2'))")
        if ($number % 4 -eq 0) {
            $domain = $domain.Replace("<domain type='test'>", "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>").
                Replace('</domain>', '<test:runstate>5</test:runstate></domain>')
        }
        $domainFile = Join-Path $Folder "$Count-$number.xml"
        [System.IO.File]::WriteAllText($domainFile, $domain)
        $writer.WriteLine("<domain file='$domainFile'/>")
    }
    $writer.WriteLine('</node>')
    $writer.Dispose()
    "test://$file"
}

function Start-Peer([string] $Path, [string[]] $Arguments) {
    $start = [System.Diagnostics.ProcessStartInfo]::new($Path)
    foreach ($argument in $Arguments) { $start.ArgumentList.Add($argument) }
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    [System.Diagnostics.Process]::Start($start)
}

# One round of a peer: milliseconds and documents.
function Measure-Peer($Process) {
    $Process.StandardInput.WriteLine()
    $line = $Process.StandardOutput.ReadLine()
    if (-not $line) { throw "A peer ended: $($Process.StandardError.ReadToEnd())" }
    $seconds, $documents, $null = $line.Split(' ')
    [pscustomobject]@{ Ms = [double]::Parse($seconds, [cultureinfo]::InvariantCulture) * 1000; Documents = [int]$documents }
}
