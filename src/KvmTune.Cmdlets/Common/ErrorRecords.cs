// The one place where the engine's exceptions become PowerShell's error records.
using System.Diagnostics.CodeAnalysis;
using System.Management.Automation;
using KvmTune.Experiments;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Common;

/// <summary>Makes error records.</summary>
internal static class ErrorRecords
{
    /// <summary>The record of an error of the engine or of libvirt. Any other exception is a defect and is not caught.</summary>
    public static bool TryMake(Exception exception, object? target, [NotNullWhen(true)] out ErrorRecord? record)
    {
        record = exception switch
        {
            // The completed runs of an interrupted measurement are not lost: they are the error's target.
            MeasurementInterruptedException { Partial: { } partial } interrupted => Make(interrupted, partial),
            ExperimentInterruptedException { Partial.Count: > 0 } interrupted => Make(interrupted, interrupted.Partial),
            KvmTuneException known => Make(known, target),
            LibvirtException libvirt => Make(LibvirtErrors.Calling(libvirt, "the call"), target),
            LibvirtUnavailableException missing => Make(
                new KvmTuneException("LibvirtNotInstalled", KvmTuneErrorCategory.NotInstalled, missing.Message, missing), target),
            ArgumentException argument => Make(new KvmTuneException("InvalidSetting", KvmTuneErrorCategory.InvalidArgument, Plain(argument), argument), target),
            _ => null,
        };
        return record is not null;
    }

    /// <summary>The message of an exception, without .NET's hint at a method parameter, which is not a parameter of the cmdlet.</summary>
    public static string Plain(ArgumentException exception) => exception.ParamName is { } name
        ? exception.Message.Replace($" (Parameter '{name}')", string.Empty, StringComparison.Ordinal)
        : exception.Message;

    /// <summary>The record of an error of the engine, with the same id and category.</summary>
    public static ErrorRecord Make(KvmTuneException exception, object? target) =>
        new(exception, exception.ErrorId, Enum.Parse<ErrorCategory>(exception.Category.ToString()), target);
}
