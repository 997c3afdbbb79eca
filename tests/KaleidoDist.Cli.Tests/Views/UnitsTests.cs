namespace KaleidoDist.Cli.Tests;

public sealed class UnitsTests
{
    [Theory]
    [InlineData(0, "0 ms")]
    [InlineData(0.34, "340 ms")]
    [InlineData(0.9996, "1.0 s")]
    [InlineData(9.94, "9.9 s")]
    [InlineData(9.96, "10 s")]
    [InlineData(59.4, "59 s")]
    [InlineData(59.6, "1 m 0 s")]
    [InlineData(200, "3 m 20 s")]
    [InlineData(3599.7, "1 h 0 m")]
    [InlineData(3900, "1 h 5 m")]
    [InlineData(86_399.9, "1 d 0 h")]
    [InlineData(183_600, "2 d 3 h")]
    [InlineData(-1, "-")]
    public void ATimeIsItsTwoLargestUnits(double seconds, string expected) => Assert.Equal(expected, Units.Duration(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(0, "-")]
    [InlineData(double.NaN, "-")]
    [InlineData(double.PositiveInfinity, "-")]
    [InlineData(1e300, "-")]
    [InlineData(421, "7 m 1 s")]
    public void SecondsThatAreNotATimeAreUnknown(double seconds, string expected) => Assert.Equal(expected, Units.Duration(seconds));

    [Theory]
    [InlineData(0.712, "71.2 %")]
    [InlineData(0, "0.0 %")]
    [InlineData(1, "100.0 %")]
    [InlineData(1 / 30_522.0, "0.0033 %")]
    [InlineData(double.NaN, "-")]
    public void AShareIsAPercentage(double share, string expected) => Assert.Equal(expected, Units.Percent(share));

    [Theory]
    [InlineData(10.3245, "10.32")]
    [InlineData(0.15834, "0.1583")]
    [InlineData(9_999, "9999")]
    [InlineData(29_732.6, "29,733")]
    [InlineData(4.2e-5, "4.2e-05")]
    [InlineData(1e12, "1e+12")]
    [InlineData(double.NaN, "not finite")]
    public void ALossHasFourSignificantDigits(double loss, string expected) => Assert.Equal(expected, Units.Number(loss));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1.0 KiB")]
    [InlineData(24_536_678, "23.4 MiB")]
    [InlineData(long.MaxValue, "8388608.0 TiB")]
    public void ASizeIsInBinaryUnits(long bytes, string expected) => Assert.Equal(expected, Units.Bytes(bytes));

    [Fact]
    public void ALearningRateIsScientific() => Assert.Equal("4.50e-04", Units.Scientific(4.5e-4));

    [Fact]
    public void TextCannotDriveTheTerminal() => Assert.Equal("a\uFFFD[31mb\tc", Units.Printable("a\u001b[31mb\tc"));
}
