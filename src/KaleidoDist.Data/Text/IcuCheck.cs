using System.Text;
using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Refuses to tokenize where text cannot be decomposed. Without ICU, <see cref="string.Normalize(NormalizationForm)"/> returns its
/// input: accents would stay on their letters and turn words into [UNK], silently and differently from machine to machine.
/// </summary>
public static class IcuCheck
{
    /// <summary>Throws unless this process decomposes text (Unicode form D).</summary>
    /// <exception cref="KaleidoException">ICU is missing, or globalization is invariant.</exception>
    public static void Verify() => Verify(text => text.Normalize(NormalizationForm.FormD));

    internal static void Verify(Func<string, string> decompose)
    {
        const string composed = "\u00e9", decomposed = "e\u0301";
        string found;
        try
        {
            found = decompose(composed);
        }
        catch (PlatformNotSupportedException)
        {
            found = composed;
        }

        if (!string.Equals(found, decomposed, StringComparison.Ordinal))
            throw new KaleidoException(
                "Unicode normalisation leaves 'é' as it is; expected 'e' and a combining accent, which the tokenizer needs. "
                + "Install ICU (Debian, Ubuntu: apt-get install libicu-dev) and unset DOTNET_SYSTEM_GLOBALIZATION_INVARIANT.");
    }
}
