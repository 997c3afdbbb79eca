using System.Text.Json;
using Grpc.Core;
using KaleidoDist.Protocol.V1;

namespace KaleidoDist.Cli.Tests;

public sealed class VerbTests
{
    private const string Spec = "name: job\ndata: { train: t.parquet }\ntraining: { epochs: 2 }\ncheckpoint: { uri: runs/x }\n";

    [Fact]
    public async Task SubmitSendsTheSpecificationWithItsOverrides()
    {
        await using var coordinator = await FakeCoordinator.Start();
        var run = await CommandRun.Of(["submit", SpecFile(), "--set", "training.steps=12", "--coordinator", coordinator.Url]);

        Assert.Equal(new CommandRun(0, "job-1\n", ""), run);
        var request = Assert.Single(coordinator.State.Submits);
        var sent = Contracts.JobSpecReader.Read(request.SpecYaml, request.SpecName, request.BaseDirectory).OrThrow();
        Assert.Equal((12L, Path.GetFullPath("t.parquet"), 32), (sent.Training.Steps, sent.Data.Train, request.IdempotencyKey.Length));
    }

    [Fact]
    public async Task SubmitSaysThatAJobWasThereAlready()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Jobs.Add(Jobs.Running());
        var run = await CommandRun.Of(["submit", SpecFile(), "--json", "--coordinator", coordinator.Url]);
        Assert.Equal(new CommandRun(0, "{\"job_id\":\"job-1\",\"created\":false}\n", "Job job-1 was there already and goes on.\n"), run);
    }

    [Fact]
    public async Task SubmitRefusesAWrongSpecificationWithoutAskingAnybody()
    {
        var file = SpecFile("name: job\nsede: 1\n");
        var run = await CommandRun.Of(["submit", file]);
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(
            $"{file}: 'data.train' is missing\n{file}: 'training.epochs' or 'training.steps' is missing\n{file}: 'checkpoint.uri' is missing\n{file}:2: unknown key 'sede'; did you mean 'seed'?\n".Split('\n').Order(),
            run.Error.Split('\n').Order());
    }

    [Fact]
    public async Task WhatTheCoordinatorRefusesIsAnErrorOfUsage()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Refusal = new RpcException(new Status(StatusCode.InvalidArgument, "job.yaml:2: no file matches 't.parquet'"));
        Assert.Equal(new CommandRun(2, "", "job.yaml:2: no file matches 't.parquet'\n"), await CommandRun.Of(["submit", SpecFile(), "--coordinator", coordinator.Url]));
    }

    [Fact]
    public async Task ACoordinatorThatDoesNotAnswerIsNamedWithTheNextAct()
    {
        var url = $"http://127.0.0.1:{await FreePort()}";
        foreach (var verb in new string[][] { ["jobs"], ["workers"], ["status", "x"], ["logs", "x"], ["cancel", "x"], ["stop", "x"], ["drain", "x"], ["submit", SpecFile()] })
        {
            var run = await CommandRun.Of(verb, new() { ["KALEIDO_COORDINATOR"] = url });
            Assert.Equal(
                new CommandRun(1, "", $"No coordinator answers at {url} (Connection refused). Start one with 'kaleido coordinator', or name another with --coordinator URL or KALEIDO_COORDINATOR.\n"),
                run);
        }
    }

    [Theory]
    [InlineData("head:7420", "--coordinator is 'head:7420'; expected a URL, as http://127.0.0.1:7420.\n")]
    [InlineData("not a url", "--coordinator is 'not a url'; expected a URL, as http://127.0.0.1:7420.\n")]
    public async Task AnAddressThatIsNoUrlIsRefused(string url, string error)
        => Assert.Equal(new CommandRun(2, "", error), await CommandRun.Of(["jobs", "--coordinator", url]));

    [Fact]
    public async Task JobsAreListedNewestFirst()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Jobs.AddRange([new JobStatus { JobId = "old-1", Name = "old", State = JobState.Failed, SubmittedAt = Jobs.At(-7500) }, Jobs.Running()]);
        Assert.Equal(
            """
            job               name         state     step      ranks   samples/s   submitted
            quickstart-7f3a   quickstart   running   120/400   2       21.3        5 m 0 s ago
            old-1             old          failed    0         -       -           2 h 5 m ago

            """,
            (await CommandRun.Of(["jobs", "--coordinator", coordinator.Url])).Output);
        Assert.DoesNotContain("old-1", (await CommandRun.Of(["jobs", "--unfinished", "--coordinator", coordinator.Url])).Output, StringComparison.Ordinal);

        var json = JsonDocument.Parse((await CommandRun.Of(["jobs", "--json", "--coordinator", coordinator.Url])).Output).RootElement;
        Assert.Equal(["quickstart-7f3a", "old-1"], json.EnumerateArray().Select(j => j.GetProperty("job_id").GetString()));
    }

    [Fact]
    public async Task NoJobsAndNoWorkersAreSaid()
    {
        await using var coordinator = await FakeCoordinator.Start();
        Assert.Equal(new CommandRun(0, "No jobs. Submit one with 'kaleido submit JOB.yaml'.\n", ""), await CommandRun.Of(["jobs", "--coordinator", coordinator.Url]));
        Assert.Equal(new CommandRun(0, $"No workers. Start one with 'kaleido worker --coordinator {coordinator.Url} --slots N'.\n", ""), await CommandRun.Of(["workers", "--coordinator", coordinator.Url]));
        Assert.Equal("[]\n", (await CommandRun.Of(["jobs", "--json", "--coordinator", coordinator.Url])).Output);
    }

    [Fact]
    public async Task StatusJsonIsOneObjectWithTheDocumentedKeys()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Jobs.Add(Jobs.Running());
        var run = await CommandRun.Of(["status", "quickstart-7f3a", "--json", "--coordinator", coordinator.Url]);
        var json = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(
            "job_id name task state reason revision generation world_size restarts regroups skipped_saves last_regroup submitted_at started_at finished_at step total_steps epoch samples samples_per_second eta_seconds run_directory last_step validation ranks checkpoints events",
            string.Join(' ', json.EnumerateObject().Select(p => p.Name)));
        Assert.Equal("running", json.GetProperty("state").GetString());
        Assert.Equal("2026-03-01T11:55:00.000Z", json.GetProperty("submitted_at").GetString());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("finished_at").ValueKind);
        Assert.Equal(12.345, json.GetProperty("last_step").GetProperty("total_loss").GetDouble());
        Assert.Equal(24_536_678, json.GetProperty("checkpoints")[0].GetProperty("bytes").GetInt64());
        Assert.Equal(4, json.GetProperty("ranks")[1].GetProperty("first_virtual_rank").GetInt32());
        Assert.Equal("KD-W101", json.GetProperty("events")[0].GetProperty("code").GetString());
    }

    [Fact]
    public async Task StatusFindsAJobByNameOrByTheBeginningOfItsId()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Jobs.Add(Jobs.Running());
        foreach (var word in new[] { "quickstart-7f3a", "quickstart", "quickst" })
            Assert.StartsWith("job quickstart-7f3a  run folder /runs/quickstart\n", (await CommandRun.Of(["status", word, "--coordinator", coordinator.Url])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnUnknownJobIsAnErrorWithCandidates()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Jobs.Add(Jobs.Running());
        Assert.Equal(
            new CommandRun(1, "", "No job 'quikstart'. Nearest: quickstart-7f3a (quickstart, running). See all with 'kaleido jobs'.\n"),
            await CommandRun.Of(["status", "quikstart", "--coordinator", coordinator.Url]));
    }

    [Theory]
    [InlineData("stop", StopMode.Checkpoint)]
    [InlineData("cancel", StopMode.Cancel)]
    public async Task StopAndCancelSayWhichOfTheTwoIsMeant(string verb, StopMode mode)
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Jobs.Add(Jobs.Running());
        var run = await CommandRun.Of([verb, "quickstart", "--coordinator", coordinator.Url]);
        Assert.Equal(new CommandRun(0, "quickstart-7f3a running (generation 1, 2 ranks): all 2 ranks train\n", ""), run);
        Assert.Equal([new StopJobRequest { JobId = "quickstart-7f3a", Mode = mode }], coordinator.State.Stops);
    }

    [Fact]
    public async Task LogsAreLinesWithTimeAndRank()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Jobs.Add(Jobs.Running());
        coordinator.State.Logs.AddRange([new LogLine { At = Jobs.At(1), Rank = 0, Text = "one" }, new LogLine { At = Jobs.At(2), Rank = 1, Text = "two\u001b[2J" }]);
        Assert.Equal("12:00:01 rank 0 | one\n12:00:02 rank 1 | two\uFFFD[2J\n", (await CommandRun.Of(["logs", "quickstart", "--coordinator", coordinator.Url])).Output);
        Assert.Equal("12:00:02 rank 1 | two\uFFFD[2J\n", (await CommandRun.Of(["logs", "quickstart", "--rank", "1", "-f", "--tail", "5", "--coordinator", coordinator.Url])).Output);
        Assert.Equal(
            [new ReadLogsRequest { JobId = "quickstart-7f3a", Tail = 1000 }, new ReadLogsRequest { JobId = "quickstart-7f3a", Rank = 1, Follow = true, Tail = 5 }],
            coordinator.State.LogReads);
        Assert.Equal(
            """{"at":"2026-03-01T12:00:01.000Z","job_id":"","generation":0,"rank":0,"text":"one"}""",
            (await CommandRun.Of(["logs", "quickstart", "--rank", "0", "--json", "--coordinator", coordinator.Url])).Output.TrimEnd());
    }

    [Fact]
    public async Task WorkersAreListedWithWhatTheyRun()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Workers.Add(new WorkerStatus
        {
            WorkerId = "w1", Host = "node-1", Slots = 4, SlotsInUse = 2, State = "connected", Version = "0.1.0", ConnectedAt = Jobs.At(-60), LastHeartbeatAt = Jobs.At(-0.2),
            Running = { new RunningRank { JobId = "quickstart-7f3a", Rank = 0, Generation = 1 }, new RunningRank { JobId = "quickstart-7f3a", Rank = 1, Generation = 1 } },
        });
        Assert.Equal(
            """
            worker   host     state       slots in use   heartbeat    running
            w1       node-1   connected   2/4            200 ms ago   quickstart-7f3a rank 0, quickstart-7f3a rank 1

            """,
            (await CommandRun.Of(["workers", "--coordinator", coordinator.Url])).Output);
        var json = JsonDocument.Parse((await CommandRun.Of(["workers", "--json", "--coordinator", coordinator.Url])).Output).RootElement[0];
        Assert.Equal(("w1", 4, 1), (json.GetProperty("worker_id").GetString(), json.GetProperty("slots").GetInt32(), json.GetProperty("running")[1].GetProperty("rank").GetInt32()));
    }

    [Fact]
    public async Task ADrainSaysHowManyRanksLeave()
    {
        await using var coordinator = await FakeCoordinator.Start();
        coordinator.State.Workers.Add(new WorkerStatus { WorkerId = "w1", Running = { new RunningRank(), new RunningRank() } });
        coordinator.State.Workers.Add(new WorkerStatus { WorkerId = "w2" });
        Assert.Equal(new CommandRun(0, "worker w1 is draining: 2 ranks leave at the next step border\n", ""), await CommandRun.Of(["drain", "w1", "--coordinator", coordinator.Url]));
        Assert.Equal("worker w2 is draining: it runs no ranks\n", (await CommandRun.Of(["drain", "w2", "--coordinator", coordinator.Url])).Output);
        Assert.Equal(new CommandRun(1, "", "No worker 'w9' is connected; the workers are: w1.\n"), await CommandRun.Of(["drain", "w9", "--coordinator", coordinator.Url]));
    }

    [Fact]
    public async Task EveryVerbExplainsItselfWithAnExample()
    {
        foreach (var verb in new[] { "submit", "jobs", "status", "logs", "stop", "cancel", "workers", "drain", "plan" })
        {
            var run = await CommandRun.Of([verb, "--help"]);
            Assert.Equal(0, run.ExitCode);
            Assert.Contains($"  kaleido {verb} ", run.Output + " ", StringComparison.Ordinal);
            Assert.Contains("Examples:", run.Output, StringComparison.Ordinal);
        }
    }

    private static string SpecFile(string text = Spec)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("spec").FullName, "job.yaml");
        File.WriteAllText(path, text);
        return path;
    }

    private static async Task<int> FreePort()
    {
        await using var coordinator = await FakeCoordinator.Start();
        return new Uri(coordinator.Url).Port;
    }
}
