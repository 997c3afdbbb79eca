using System.Text.Json.Nodes;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli;

/// <summary>
/// One JSON object a line: <c>{"type":"step",...}</c> for each step, <c>{"type":"job",...}</c> for each change that people would be
/// told of, and once at the end; <c>{"type":"note","text":...}</c> for the watching itself. Each has <c>at</c>, the time in UTC.
/// </summary>
internal sealed class JsonTrainingView(TextWriter output, TimeProvider time) : ITrainingView
{
    private JobStatus? shown;
    private JobStatus? newest;

    /// <inheritdoc/>
    public void Show(JobStatus status)
    {
        newest = status;
        if (!ProgressLines.Changes(shown, status).Any())
            return;
        Write("job", StatusJson.Of(status));
        shown = status;
    }

    /// <inheritdoc/>
    public void Show(StepMetrics metrics) => Write("step", StatusJson.Of(metrics));

    /// <inheritdoc/>
    public void ShowNote(string text) => Write("note", new JsonObject { ["text"] = text });

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        if (newest is not null && !newest.Equals(shown))
            Write("job", StatusJson.Of(newest));
        return ValueTask.CompletedTask;
    }

    private void Write(string type, JsonObject content)
    {
        content.Insert(0, "type", type);
        content.Insert(1, "at", time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture));
        output.WriteLine(content.ToJsonString());
        output.Flush();
    }
}
