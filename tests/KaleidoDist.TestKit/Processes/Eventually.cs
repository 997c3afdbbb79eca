namespace KaleidoDist.TestKit;

/// <summary>Waits for what other processes do. Conditions are looked at again and again; the limit is for failures, not for timing.</summary>
public static class Eventually
{
    /// <summary>Longest wait for anything: generous, because test machines are busy.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits until <paramref name="look"/> finds something, and returns it.</summary>
    /// <param name="phase">What is waited for, as words for the time-out's message.</param>
    /// <param name="look">Null for nothing yet; throws when it can never come.</param>
    /// <param name="found">Describes what there is instead, for the message.</param>
    /// <param name="limit">Another limit than <see cref="Limit"/>.</param>
    public static async Task<T> Finds<T>(string phase, Func<T?> look, Func<string> found, TimeSpan? limit = null)
        where T : class
    {
        var begin = TimeProvider.System.GetTimestamp();
        while (true)
        {
            // Looked at after the limit too: a test process that got no time to run must not blame others.
            var isLate = TimeProvider.System.GetElapsedTime(begin) > (limit ?? Limit);
            if (look() is { } value)
                return value;
            if (isLate)
                throw new TimeoutException($"Waited {(limit ?? Limit).TotalSeconds:0.#} s for: {phase}. Found instead: {found()}");
            await Task.Delay(LookAgain);
        }
    }

    /// <summary>Waits until a condition holds.</summary>
    public static Task Holds(string phase, Func<bool> condition, Func<string> found, TimeSpan? limit = null)
        => Finds(phase, () => condition() ? phase : null, found, limit);
}
