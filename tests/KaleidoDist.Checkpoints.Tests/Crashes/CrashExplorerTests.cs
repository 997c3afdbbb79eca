using Xunit.Abstractions;

namespace KaleidoDist.Checkpoints.Tests;

/// <summary>Power cuts at every moment of three saves with retention, with every combination of what had not reached the disk.</summary>
public sealed class CrashExplorerTests(ITestOutputHelper output)
{
    private const int MaxStates = 200_000;

    /// <summary>Enough to find what is broken; all states of these would be hundreds of thousands.</summary>
    private const int MaxStatesOfBroken = 1_000;

    [Fact]
    public void NoPowerCutLosesAnAcknowledgedCheckpointOrLeavesABrokenOneAndEveryRecoveryCanSave()
    {
        var findings = CrashExplorer.Explore(inner => new ProtocolVariant(inner), MaxStates, saveAgain: true);

        output.WriteLine(findings.ToString());
        Assert.True(findings.IsSound, findings.ToString());
        Assert.InRange(findings.LargestVolatileCount, 1, CrashExplorer.MaxVolatile);
        Assert.InRange(findings.StateCount, 150, MaxStates - 1);
    }

    [Fact]
    public void WithoutSyncOfFilesAcknowledgedCheckpointsAreLost()
        => Assert.NotEqual(0, Broken(inner => new WithoutFileSync(inner, manifestsOnly: false)).LostCount);

    [Fact]
    public void WithoutSyncOfManifestsAcknowledgedCheckpointsAreLost()
        => Assert.NotEqual(0, Broken(inner => new WithoutFileSync(inner, manifestsOnly: true)).LostCount);

    [Fact]
    public void WithoutSyncOfDirectoriesAcknowledgedCheckpointsAreLost()
        => Assert.NotEqual(0, Broken(inner => new WithoutDirectorySync(inner)).LostCount);

    [Fact]
    public void WhenTheLogIsSyncedAfterTheAcknowledgementCheckpointsAreLost()
        => Assert.NotEqual(0, Broken(inner => new AcknowledgesEarly(inner)).LostCount);

    [Fact]
    public void AManifestBeforeItsDataIsSeenBroken()
        => Assert.NotEqual(0, Broken(inner => new ManifestBeforeData(inner)).BrokenCount);

    [Fact]
    public void AManifestWrittenInPlaceIsSeenBroken()
        => Assert.NotEqual(0, Broken(inner => new ManifestInPlace(inner)).BrokenCount);

    [Fact]
    public void DataRemovedBeforeTheirManifestAreSeenMissing()
        => Assert.NotEqual(0, Broken(inner => new DataRemovedFirst(inner)).BrokenCount);

    private CrashFindings Broken(Func<IStorage, ProtocolVariant> protocol)
    {
        var findings = CrashExplorer.Explore(protocol, MaxStatesOfBroken, saveAgain: false);
        output.WriteLine(findings.ToString());
        Assert.Equal(0, findings.WrongCount);
        return findings;
    }
}
