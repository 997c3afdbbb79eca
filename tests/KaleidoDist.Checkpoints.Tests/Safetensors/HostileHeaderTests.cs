using System.Buffers.Binary;
using System.Text;

namespace KaleidoDist.Checkpoints.Tests;

public sealed class HostileHeaderTests
{
    private const string Good = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}}""";

    /// <summary>Header, bytes of data after it, and the words the refusal must have.</summary>
    public static TheoryData<string, int, string> Hostile => new()
    {
        { "", 0, "does not start" },
        { " " + Good, 12, "does not start" },
        { "[]", 0, "does not start" },
        { "{", 0, "not JSON" },
        { "{}{}", 0, "not JSON" },
        { "{} x", 0, "not JSON" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, "not JSON" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "twice" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "twice" },
        { """{"__metadata__":{"k":"1","k":"2"}}""", 0, "twice" },
        { """{"__metadata__":{},"__metadata__":{}}""", 0, "twice" },
        { """{"__metadata__":{"k":1}}""", 0, "a string in __metadata__" },
        { """{"__metadata__":{"k":{"deep":"x"}}}""", 0, "a string in __metadata__" },
        { """{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "twice or is not allowed" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1}}""", 8, "twice or is not allowed" },
        { """{"a":{"dtype":"F32","shape":[2]}}""", 8, "lacks" },
        { """{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "lacks" },
        { """{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "lacks" },
        { """{"a":[]}""", 0, "an object for tensor" },
        { """{"a":null}""", 0, "an object for tensor" },
        { """{"a":{"dtype":"F8_E5M2","shape":[8],"data_offsets":[0,8]}}""", 8, "not supported" },
        { """{"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}""", 8, "not supported" },
        { """{"a":{"dtype":1,"shape":[2],"data_offsets":[0,8]}}""", 8, "a string for the dtype" },
        { """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "whole numbers" },
        { """{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "whole numbers" },
        { """{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", 8, "whole numbers" },
        { """{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}""", 8, "whole numbers" },
        { """{"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}}""", 8, "whole numbers" },
        { """{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", 8, "more than 16" },
        { """{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"a":{"dtype":"F32","shape":[3037000500,3037000500],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "ends before" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "takes 8 bytes" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}""", 8, "takes 4 bytes" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "more than 2" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "lacks" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "hole" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "hole" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "hole" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}""", 20, "hole" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[0],"data_offsets":[5,5]}}""", 8, "hole" },
        { """{"a":{"dtype":"F32","shape":[0],"data_offsets":[99,99]}}""", 0, "hole" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[0],"data_offsets":[1,1]},"c":{"dtype":"F32","shape":[0],"data_offsets":[1,1]}}""", 8, "hole" },
        { """{"a":{"dtype":"F32","shape":[0,9223372036854775807,9223372036854775807],"data_offsets":[1,1]}}""", 0, "hole" },
        { """{"a":{"dtype":"F32","shape":[9223372036854775807,2,0],"data_offsets":[0,0]}}""", 0, "overflows" },
        { """{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]},"b":{"dtype":"U8","shape":[1],"data_offsets":[9223372036854775807,9223372036854775808]}}""", 8, "whole numbers" },
        { """{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}""", 8, "after the header" },
        { """{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}""", 8, "whole numbers" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"a":{"b":{"c":{"d":{}}}}}}""", 8, "a string in __metadata__" },
        { Good, 11, "after the header" },
        { Good, 13, "after the header" },
        { "{}", 1, "after the header" },
        { """{"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "empty" },
        { """{"a\u0000b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "control" },
        { """{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "not JSON" },
        { """{"a":{"dtype":"F32","shape":[[[[2]]]],"data_offsets":[0,8]}}""", 8, "whole numbers" },
        { """{"a":{"dtype":{"a":{"a":{"a":{}}}}}}""", 0, "a string for the dtype" },
        { "{/**/}", 0, "not JSON" },
        { """{"a":{"dtype":"F32","shape":[2,],"data_offsets":[0,8]}}""", 8, "not JSON" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void AHeaderThatBreaksARuleIsRefusedWithTheRule(string header, int dataBytes, string words)
    {
        var utf8 = Encoding.UTF8.GetBytes(header);
        var error = Assert.Throws<InvalidDataException>(() => SafetensorsHeaderParser.Parse(utf8, 8 + utf8.Length + dataBytes));
        Assert.Contains(words, error.Message);
    }

    [Theory]
    [InlineData(Good, 12)]
    [InlineData(Good + "    ", 12)]
    [InlineData("{}", 0)]
    [InlineData("""{"__metadata__":{"k":"v"}}""", 0)]
    [InlineData("""{"z":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"shape":[3,0],"data_offsets":[0,0],"dtype":"I64"}}""", 8)]
    public void AHeaderThatKeepsTheRulesIsRead(string header, int dataBytes)
    {
        var utf8 = Encoding.UTF8.GetBytes(header);
        var parsed = SafetensorsHeaderParser.Parse(utf8, 8 + utf8.Length + dataBytes);
        Assert.Equal((8 + utf8.Length, dataBytes), (parsed.DataStart, parsed.DataBytes));
    }

    [Fact]
    public void InvalidUtf8IsRefused()
    {
        byte[] header = [.. "{\""u8, 0xC3, 0x28, .. "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"u8];
        Assert.Throws<InvalidDataException>(() => SafetensorsHeaderParser.Parse(header, 8 + header.Length));
    }

    [Theory]
    [InlineData(ulong.MaxValue, "claims 18446744073709551615 bytes")]
    [InlineData((ulong)long.MaxValue, "at most 16777216")]
    [InlineData(SafetensorsHeader.DefaultMaxHeaderBytes + 1UL, "at most 16777216")]
    [InlineData(100UL, "but the file has 20")]
    [InlineData(13UL, "but the file has 20")]
    public void AHeaderLengthThatCannotBeIsRefusedBeforeMemoryIsTaken(ulong length, string words)
    {
        using var folder = new TemporaryFolder();
        var file = new byte[20];
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);
        File.WriteAllBytes(folder["f"], file);
        Assert.Contains(words, Assert.Throws<InvalidDataException>(() => SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["f"])!)).Message);
    }

    [Fact]
    public void EveryTruncationOfAFileIsRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] whole = [.. BitConverter.GetBytes((ulong)Good.Length), .. Encoding.UTF8.GetBytes(Good), .. new byte[12]];
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(folder["f"], whole[..length]);
            Assert.Throws<InvalidDataException>(() => SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["f"])!));
        }

        File.WriteAllBytes(folder["f"], whole);
        SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["f"])!).Dispose();
    }

    [Theory]
    [InlineData("504B030414000808", "KD-A111 it is a zip archive, as torch.save writes around a pickle: loading a pickle can run any code, so none is ever read")]
    [InlineData("80028A0A6CFC9C46F9206AA850192E", "KD-A111 it is a pickle: loading a pickle can run any code, so none is ever read")]
    [InlineData("80049526000000000000008C", "KD-A111 it is a pickle: ")]
    [InlineData("8006950000000000", "its header claims")]
    public void APickleIsRefusedByItsContentAndSaysWhatToDo(string start, string words)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["innocent.safetensors"], [.. Convert.FromHexString(start), .. new byte[64]]);
        var error = Assert.Throws<InvalidDataException>(() => SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["innocent.safetensors"])!));
        Assert.StartsWith(words, error.Message);
    }

    [Fact]
    public void AHeaderLengthThatBeginsLikeAPickleIsStillRead()
    {
        using var folder = new TemporaryFolder();
        var header = Encoding.UTF8.GetBytes(Good.PadRight(0x0280));
        File.WriteAllBytes(folder["f"], [.. BitConverter.GetBytes(0x0280UL), .. header, .. new byte[12]]);
        using var reader = SafetensorsReader.Open(PosixStorage.Instance.OpenRead(folder["f"])!);
        Assert.Equal(2, reader.Header.Entries.Count);
    }
}
