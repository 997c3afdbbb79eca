using System.Threading.Channels;
using Microsoft.Data.Sqlite;
using KaleidoDist.Contracts;

namespace KaleidoDist.Coordinator;

/// <summary>
/// Versioned JSON rows in one SQLite file. All writes go through one thread that commits what is queued as one transaction (group commit):
/// a write is acknowledged after its fsync, and 64 concurrent writers share one. WAL with synchronous=FULL.
/// </summary>
internal sealed class StateDatabase : IAsyncDisposable
{
    /// <summary>Version of the tables, kept in <c>user_version</c>.</summary>
    private const long TableVersion = 1;
    private const int MaxQueued = 10_000;
    private const int MaxBatch = 256;
    private const string FileName = "coordinator.db";

    private readonly StateLock folder;
    private readonly TimeProvider time;
    private readonly SqliteConnection writing;
    private readonly SqliteConnection reading;
    private readonly Lock readGate = new();
    private readonly Channel<StateWrite> queue = Channel.CreateBounded<StateWrite>(new BoundedChannelOptions(MaxQueued) { SingleReader = true });
    private readonly TaskCompletionSource writerEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Takes the folder and opens or creates its database.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <param name="time">Clock of the <c>modified</c> column.</param>
    /// <exception cref="KaleidoException">Another coordinator has the folder, it cannot be written, or a newer version wrote it.</exception>
    public StateDatabase(string stateDirectory, TimeProvider time)
    {
        this.time = time;
        folder = StateLock.Take(stateDirectory);
        var path = Path.Combine(stateDirectory, FileName);
        try
        {
            writing = Open(path);
            Prepare(path);
            reading = Open(path);
        }
        catch (SqliteException error)
        {
            writing?.Dispose();
            folder.Dispose();
            throw new KaleidoException($"The coordinator's state '{path}' cannot be opened: {error.Message} Restore it from a copy, or name another state folder.", ExitCode.Failed, error);
        }
        catch (KaleidoException)
        {
            writing?.Dispose();
            folder.Dispose();
            throw;
        }

        new Thread(WriteLoop) { IsBackground = true, Name = "state writer" }.Start();
    }

    /// <summary>Reads one row: its version and JSON; null when there is none. Never sees a write that is not durable.</summary>
    public (long Version, string Data)? Read(string kind, string id)
    {
        lock (readGate)
        {
            using var command = reading.CreateCommand();
            command.CommandText = "SELECT version, data FROM grain_state WHERE kind = $kind AND id = $id";
            command.Parameters.AddWithValue("$kind", kind);
            command.Parameters.AddWithValue("$id", id);
            using var rows = command.ExecuteReader();
            return rows.Read() ? (rows.GetInt64(0), rows.GetString(1)) : null;
        }
    }

    /// <summary>Writes or deletes one row if its version is the expected one; ends when that is durable.</summary>
    /// <returns>False when the version was another; nothing is changed then.</returns>
    public async Task<bool> WriteAsync(StateWrite write, CancellationToken cancellation)
    {
        try
        {
            await queue.Writer.WriteAsync(write, cancellation).ConfigureAwait(false);
        }
        catch (ChannelClosedException error)
        {
            throw new ObjectDisposedException("The coordinator's state is closed.", error);
        }

        return await write.Done.ConfigureAwait(false);
    }

    /// <summary>Writes what is queued, then closes the file and gives the folder back.</summary>
    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await writerEnded.Task.ConfigureAwait(false);
        reading.Dispose();
        writing.Dispose();
        folder.Dispose();
    }

    private static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString);
        connection.Open();
        Execute(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000;");
        return connection;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private void Prepare(string path)
    {
        using var command = writing.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var found = (long)command.ExecuteScalar()!;
        if (found > TableVersion)
            throw new KaleidoException($"The coordinator's state '{path}' has version {found}; this program reads up to {TableVersion}. Use the newer kaleido that wrote it, or name another state folder.");
        Execute(
            writing,
            $"""
            CREATE TABLE IF NOT EXISTS grain_state (
                kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, modified TEXT NOT NULL, data TEXT NOT NULL,
                PRIMARY KEY (kind, id)) WITHOUT ROWID;
            PRAGMA user_version = {TableVersion};
            """);
    }

    private void WriteLoop()
    {
        var batch = new List<StateWrite>(MaxBatch);
        while (queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            batch.Clear();
            while (batch.Count < MaxBatch && queue.Reader.TryRead(out var write))
                batch.Add(write);
            try
            {
                Commit(batch);
            }
            catch (Exception error)
            {
                // Rolled back as a whole: every writer of the batch learns it and rereads its row.
                foreach (var write in batch)
                    write.Fail(error);
                continue;
            }

            foreach (var write in batch)
                write.Complete();
        }

        writerEnded.SetResult();
    }

    private void Commit(List<StateWrite> batch)
    {
        using var transaction = writing.BeginTransaction();
        foreach (var write in batch)
        {
            using var command = writing.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = write switch
            {
                { Data: null } => "DELETE FROM grain_state WHERE kind = $kind AND id = $id AND version = $expected",
                { Expected: 0 } => "INSERT INTO grain_state (kind, id, version, modified, data) VALUES ($kind, $id, 1, $modified, $data) ON CONFLICT DO NOTHING",
                _ => "UPDATE grain_state SET version = version + 1, modified = $modified, data = $data WHERE kind = $kind AND id = $id AND version = $expected",
            };
            command.Parameters.AddWithValue("$kind", write.Kind);
            command.Parameters.AddWithValue("$id", write.Id);
            command.Parameters.AddWithValue("$expected", write.Expected);
            command.Parameters.AddWithValue("$modified", time.GetUtcNow().ToString("O"));
            command.Parameters.AddWithValue("$data", (object?)write.Data ?? DBNull.Value);
            write.Applied = command.ExecuteNonQuery() == 1;
        }

        transaction.Commit();
    }
}
