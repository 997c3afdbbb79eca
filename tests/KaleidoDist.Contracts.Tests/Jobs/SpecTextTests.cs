namespace KaleidoDist.Contracts.Tests;

public sealed class SpecTextTests
{
    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "abc", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("trian", "train", 1)]
    [InlineData("ca", "abc", 3)]
    public void DistanceCountsSingleEditsAndSwapsOfNeighbours(string a, string b, int distance)
    {
        Assert.Equal(distance, SpecText.EditDistance(a, b));
        Assert.Equal(distance, SpecText.EditDistance(b, a));
    }

    [Theory]
    [InlineData("stepz", "; did you mean 'steps'?")]
    [InlineData("x", "")]
    [InlineData("completely-different", "")]
    [InlineData("epoch", "; did you mean 'epochs'?")]
    public void ASuggestionIsMadeOnlyForANearWord(string word, string suggestion)
        => Assert.Equal(suggestion, SpecText.Suggestion(word, ["steps", "epochs", "max"]));

    [Fact]
    public void ALongTextIsCutAndItsControlCharactersAreSpaces()
        => Assert.Equal($"a b{new string('x', 77)}...", SpecText.OneLine($"a\u001bb{new string('x', 100)}"));
}
