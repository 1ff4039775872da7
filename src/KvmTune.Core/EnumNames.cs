// Enums are shown by name by PowerShell's ConvertTo-Json too, which asks Newtonsoft.Json. Only PowerShell has that package: the module
// does not ship it, and compiles against it for these two names.
global using EnumName = Newtonsoft.Json.Converters.StringEnumConverter;
global using JsonText = Newtonsoft.Json.JsonConverterAttribute;
