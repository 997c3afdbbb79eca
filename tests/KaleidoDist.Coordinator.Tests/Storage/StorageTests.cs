using System.Diagnostics.CodeAnalysis;
using KaleidoDist.Contracts;
using Microsoft.Data.Sqlite;
using Orleans.Runtime;
using Orleans.Storage;

namespace KaleidoDist.Coordinator.Tests;

public sealed class StorageTests : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kaleido-state-").FullName;
    private StateDatabase database;

    public StorageTests() => database = new StateDatabase(folder, TimeProvider.System);

    private SqliteGrainStorage Storage => new(database);

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task ARowIsReadBackAsWritten()
    {
        var written = new Cell { State = { Value = 7 } };
        await Storage.WriteStateAsync("cell", Id("a"), written);
        var read = new Cell();
        await Storage.ReadStateAsync("cell", Id("a"), read);
        Assert.Equal((7, "1", true), (read.State.Value, read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task AMissingRowIsAFreshState()
    {
        var read = new Cell { State = { Value = 7 } };
        await Storage.ReadStateAsync("cell", Id("none"), read);
        Assert.Equal((0, null, false), (read.State.Value, read.ETag, read.RecordExists));
    }

    [Fact]
    public async Task OnlyOneOfTwoFirstWritesCounts()
    {
        await Storage.WriteStateAsync("cell", Id("a"), new Cell { State = { Value = 1 } });
        await Assert.ThrowsAsync<InconsistentStateException>(() => Storage.WriteStateAsync("cell", Id("a"), new Cell { State = { Value = 2 } }));
        Assert.Equal(1, await Read("a"));
    }

    [Fact]
    public async Task AStaleWriteIsRefusedAndChangesNothing()
    {
        var first = new Cell();
        await Storage.WriteStateAsync("cell", Id("a"), first);
        var second = new Cell();
        await Storage.ReadStateAsync("cell", Id("a"), second);
        second.State.Value = 2;
        await Storage.WriteStateAsync("cell", Id("a"), second);
        first.State.Value = 3;
        var error = await Assert.ThrowsAsync<InconsistentStateException>(() => Storage.WriteStateAsync("cell", Id("a"), first));
        Assert.Equal(("2", "1"), (error.StoredEtag, error.CurrentEtag));
        Assert.Equal(2, await Read("a"));
    }

    [Fact]
    public async Task AClearedRowCanBeWrittenAnew()
    {
        var cell = new Cell { State = { Value = 1 } };
        await Storage.WriteStateAsync("cell", Id("a"), cell);
        await Storage.ClearStateAsync("cell", Id("a"), cell);
        Assert.Equal((0, null, false), (cell.State.Value, cell.ETag, cell.RecordExists));
        await Storage.WriteStateAsync("cell", Id("a"), cell);
        Assert.Equal("1", cell.ETag);
    }

    [Fact]
    public async Task SixtyFourConcurrentWritersLoseNothing()
    {
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            var cell = new Cell();
            for (var round = 1; round <= 10; round++)
            {
                cell.State.Value = i * 100 + round;
                await Storage.WriteStateAsync("cell", Id($"g{i}"), cell);
            }

            Assert.Equal("10", cell.ETag);
        }));
        await Reopen();
        for (var i = 0; i < 64; i++)
            Assert.Equal(i * 100 + 10, await Read($"g{i}"));
    }

    [Fact]
    public async Task AConflictInABatchDoesNotHarmItsNeighbours()
    {
        await Storage.WriteStateAsync("cell", Id("a"), new Cell());
        var results = await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            try
            {
                await Storage.WriteStateAsync("cell", Id(i == 25 ? "a" : $"n{i}"), new Cell { State = { Value = i } });
                return true;
            }
            catch (InconsistentStateException)
            {
                return false;
            }
        }));
        Assert.Equal([25], Enumerable.Range(0, 50).Where(i => !results[i]));
    }

    [Fact]
    public void TwoCoordinatorsCannotShareAFolder()
    {
        var error = Assert.Throws<KaleidoException>(() => new StateDatabase(folder, TimeProvider.System));
        Assert.Equal(ExitCode.Usage, error.ExitCode);
        Assert.Contains("in use by another coordinator", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AFolderThatWasGivenBackCanBeTakenAgain()
    {
        await Storage.WriteStateAsync("cell", Id("a"), new Cell { State = { Value = 5 } });
        await Reopen();
        Assert.Equal(5, await Read("a"));
    }

    [Fact]
    public async Task StateOfANewerVersionIsRefused()
    {
        await database.DisposeAsync();
        using (var connection = new SqliteConnection($"Data Source={Path.Combine(folder, "coordinator.db")};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }

        Assert.Contains("has version 99; this program reads up to 1", Assert.Throws<KaleidoException>(() => new StateDatabase(folder, TimeProvider.System)).Message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
        database = new StateDatabase(folder, TimeProvider.System);
    }

    [Fact]
    public void ARowOfANewerSchemaIsRefusedAndAnAddedMemberIsNot()
    {
        Assert.Throws<KaleidoException>(() => StateJson.Read<CellState>("""{"schema":3,"state":{"value":1}}"""));
        Assert.Equal(3, StateJson.Read<CellState>("""{"schema":1,"state":{"value":3,"later":true}}""").Value);
    }

    [Fact]
    public void AFolderThatCannotBeMadeIsNamed()
    {
        var file = Path.Combine(folder, "file");
        File.WriteAllText(file, "");
        var error = Assert.Throws<KaleidoException>(() => new StateDatabase(Path.Combine(file, "below"), TimeProvider.System));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    private static GrainId Id(string key) => GrainId.Create("cell", key);

    private async Task<int> Read(string key)
    {
        var cell = new Cell();
        await Storage.ReadStateAsync("cell", Id(key), cell);
        return cell.State.Value;
    }

    private async Task Reopen()
    {
        await database.DisposeAsync();
        database = new StateDatabase(folder, TimeProvider.System);
    }

    private sealed class CellState
    {
        public int Value { get; set; }
    }

    private sealed class Cell : IGrainState<CellState>
    {
        [AllowNull]
        public CellState State { get; set; } = new();

        [AllowNull]
        public string ETag { get; set; } = null!;

        public bool RecordExists { get; set; }
    }
}
