// How P/Invoke works in this assembly: every signature is blittable, so the runtime's own marshalling is off.
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
[assembly: SuppressMessage(
    "Naming",
    "CA1711",
    Justification = "Flag sets are named as libvirt names them.",
    Scope = "namespaceanddescendants",
    Target = "~N:KvmTune.Libvirt")]
