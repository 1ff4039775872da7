// The measurement that a change follows, as far as the path of changes knows it: it travels on with the result.
namespace KvmTune.Tuning;

/// <summary>What was measured before a change.</summary>
public interface IChangeBaseline
{
    /// <summary>The id of the measurement; null in one that was not made by the measuring loop.</summary>
    Guid? Id { get; }
}
