// The measurement before a change, as far as the tuning code needs it: the result carries it on.
namespace KvmTune.Tuning;

/// <summary>A measurement before a change.</summary>
public interface IChangeBaseline
{
    /// <summary>The id of the measurement; null if the measuring loop did not make it.</summary>
    Guid? Id { get; }
}
