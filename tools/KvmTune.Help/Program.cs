// The build calls this. Errors are printed as a compiler prints its own, so that the build shows the page and the line.
using KvmTune.Help;

try
{
    switch (args)
    {
        case ["help", var source, var target]:
            HelpBuilder.Build(source, target);
            return 0;
        case ["notices", var target, var root, var bundled, .. var packages]:
            File.WriteAllText(target, ThirdPartyNotices.Render(root, packages) + ThirdPartyNotices.Bundled(bundled));
            return 0;
        default:
            Console.Error.WriteLine("KvmTune.Help: use 'help SOURCE TARGET' or 'notices TARGET PACKAGE-ROOT BUNDLED-LICENCES ID/VERSION...'.");
            return 2;
    }
}
catch (HelpException exception)
{
    Console.Error.WriteLine($"{exception.File}({exception.Line}): error HELP001: {exception.Message}");
    return 1;
}
