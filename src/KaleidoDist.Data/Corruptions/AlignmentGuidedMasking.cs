using KaleidoDist.Contracts;

namespace KaleidoDist.Data;

/// <summary>
/// Alignment-guided masking (paper, section 3.4): chooses the words and the patches to hide. One 3x3, two 4x4 and three 5x5 patches are
/// hidden, always; of the text up to min(M, max(1, round(0.15 * tokens))) tokens, [CLS] and [SEP] counted but never hidden. Never are a
/// word and a patch aligned with it both hidden: one must be told from the other.
/// <list type="number">
/// <item>Each aligned pair, in random order, flips a coin for the side to hide; if that side is full, the other is tried.</item>
/// <item>Levels short of patches are filled at random, unaligned patches first. Where only partners of hidden words are left, those
/// words are shown again: the tasks need their patches.</item>
/// <item>The rest of the token budget is filled with random whole words that fit, unaligned ones first. Where not one word fits, single
/// pieces are hidden.</item>
/// </list>
/// These rules never contradict one another, because the text gives way: a word can be hidden exactly when every level has its one, two
/// or three patches outside the word's own (at most 8, 14 and 22 are aligned with it), and a text all of whose words are aligned with
/// hidden patches hides fewer tokens than its budget, even none. Without alignments this is random masking. Holds its result and working
/// memory: one instance per thread.
/// </summary>
public sealed class AlignmentGuidedMasking
{
    private const double TokenShare = 0.15;

    // More than one alignment per word and level is no alignment; files are not to be trusted with quadratic work.
    private const int MaxPairCount = 256;

    private readonly int maxMaskedTokens;
    private readonly TaskWeights tasks;
    private readonly bool[] hiddenTokens;
    private readonly bool[] hiddenPatches;
    private readonly int[] patchesLeft;
    private readonly PatchLayout layout;
    private readonly PretrainTask[] hidingTasks;
    private readonly List<Pair> pairs = new(MaxPairCount);
    private readonly List<int> order = [];
    private int tokensLeft;

    /// <summary>Allocates for texts of a model; what only a task that is off would hide stays visible.</summary>
    public AlignmentGuidedMasking(int textLength, int maxMaskedTokens, TaskWeights? tasks = null, PatchLayout? layout = null)
    {
        this.layout = layout ?? PatchLayout.Kaleido;
        // From the coarsest level to the finest.
        hidingTasks = [.. new[] { PretrainTask.Camouflage, PretrainTask.Grey, PretrainTask.Blank }.Where(this.layout.Has)];
        hiddenPatches = new bool[this.layout.PatchCount];
        patchesLeft = new int[this.layout.Levels.Length + 1];
        hiddenTokens = new bool[textLength];
        this.maxMaskedTokens = maxMaskedTokens;
        this.tasks = tasks ?? TaskWeights.All;
    }

    /// <summary>[T] whether a text position is hidden, after <see cref="Choose"/>.</summary>
    public ReadOnlySpan<bool> HiddenTokens => hiddenTokens;

    /// <summary>[P] whether a patch is hidden, after <see cref="Choose"/>.</summary>
    public ReadOnlySpan<bool> HiddenPatches => hiddenPatches;

    /// <summary>Tokens that may be hidden in a text of <paramref name="tokenCount"/> tokens, [CLS] and [SEP] included.</summary>
    public static int TokenBudget(int tokenCount, int maxMaskedTokens)
        => Math.Min(maxMaskedTokens, Math.Max(1, (int)Math.Round(TokenShare * tokenCount, MidpointRounding.AwayFromZero)));

    /// <summary>Chooses what to hide.</summary>
    /// <param name="random">The sample's numbers of <see cref="CorruptionStream.Masking"/>.</param>
    /// <param name="wordStart">For each token of the text, from [CLS] to [SEP], whether it begins a word.</param>
    /// <param name="alignments">Aligned pairs of this text and picture; those outside either are ignored.</param>
    public void Choose(ref KeyedRandom random, ReadOnlySpan<bool> wordStart, IReadOnlyList<Alignment> alignments)
    {
        Array.Clear(hiddenTokens);
        Array.Clear(hiddenPatches);
        foreach (var task in hidingTasks)
            patchesLeft[layout.LevelNumber(task)] = tasks.IsOn(task) ? layout.Corrupted(task) : 0;
        tokensLeft = tasks.IsOn(PretrainTask.Mlm) ? TokenBudget(wordStart.Length, maxMaskedTokens) : 0;
        ReadPairs(wordStart, alignments);

        HideFromPairs(ref random);
        foreach (var task in hidingTasks)
            FillPatches(ref random, layout.LevelNumber(task));
        FillWords(ref random, wordStart);
    }

    // A pair covers the whole words that its pieces belong to. Alignments name kaleido patches: to other patches they say nothing.
    private void ReadPairs(ReadOnlySpan<bool> wordStart, IReadOnlyList<Alignment> alignments)
    {
        pairs.Clear();
        if (layout.Kind != PatchLayoutKind.Kaleido)
            return;
        var sep = wordStart.Length - 1;
        foreach (var alignment in alignments)
        {
            if (alignment is not { Level: >= 3 and <= PatchLevels.Count, Patch: >= 0, WordStart: >= 0 }
                || alignment.Patch >= PatchLevels.Size(alignment.Level)
                || alignment.WordStart >= alignment.WordEnd || 1 + alignment.WordEnd > sep)
                continue;
            var start = 1 + alignment.WordStart;
            while (!wordStart[start])
                start--;
            pairs.Add(new Pair(start, EndOfWord(wordStart, alignment.WordEnd), alignment.Level, PatchLevels.Offset(alignment.Level) + alignment.Patch));
            if (pairs.Count == MaxPairCount)
                return;
        }
    }

    private void HideFromPairs(ref KeyedRandom random)
    {
        Shuffle(ref random, pairs);
        foreach (var pair in pairs)
        {
            if (random.Next(2) == 0)
                _ = TryHideWord(pair.Start, pair.End) || TryHidePatch(pair.Level, pair.Patch);
            else
                _ = TryHidePatch(pair.Level, pair.Patch) || TryHideWord(pair.Start, pair.End);
        }
    }

    private void FillPatches(ref KeyedRandom random, int level)
    {
        order.Clear();
        order.AddRange(Enumerable.Range(layout.Levels[level - 1].Offset, layout.Levels[level - 1].Count));
        Shuffle(ref random, order);
        foreach (var patch in order)
        {
            if (!IsAligned(patch))
                TryHidePatch(level, patch);
        }

        foreach (var patch in order)
            TryHidePatch(level, patch);
        foreach (var patch in order)
        {
            if (patchesLeft[level] > 0 && !hiddenPatches[patch])
            {
                ShowPartners(patch);
                TryHidePatch(level, patch);
            }
        }
    }

    private void FillWords(ref KeyedRandom random, ReadOnlySpan<bool> wordStart)
    {
        order.Clear();
        for (var position = 1; position < wordStart.Length - 1; position++)
        {
            if (wordStart[position])
                order.Add(position);
        }

        Shuffle(ref random, order);
        foreach (var start in order)
        {
            if (!IsAligned(start, EndOfWord(wordStart, start)))
                TryHideWord(start, EndOfWord(wordStart, start));
        }

        foreach (var start in order)
            TryHideWord(start, EndOfWord(wordStart, start));
        if (!hiddenTokens.AsSpan().Contains(true))
            FillPieces(ref random, wordStart.Length);
    }

    private void FillPieces(ref KeyedRandom random, int tokenCount)
    {
        order.Clear();
        order.AddRange(Enumerable.Range(1, tokenCount - 2));
        Shuffle(ref random, order);
        foreach (var position in order)
            TryHideWord(position, position + 1);
    }

    private bool TryHideWord(int start, int end)
    {
        var tokens = hiddenTokens.AsSpan(start, end - start);
        if (tokens.Length > tokensLeft || tokens.Contains(true))
            return false;
        foreach (var pair in pairs)
        {
            if (pair.Overlaps(start, end) && hiddenPatches[pair.Patch])
                return false;
        }

        tokens.Fill(true);
        tokensLeft -= tokens.Length;
        return true;
    }

    private bool TryHidePatch(int level, int patch)
    {
        if (patchesLeft[level] == 0 || hiddenPatches[patch])
            return false;
        foreach (var pair in pairs)
        {
            if (pair.Patch == patch && hiddenTokens.AsSpan(pair.Start, pair.End - pair.Start).Contains(true))
                return false;
        }

        hiddenPatches[patch] = true;
        patchesLeft[level]--;
        return true;
    }

    private void ShowPartners(int patch)
    {
        foreach (var pair in pairs)
        {
            if (pair.Patch != patch)
                continue;
            var tokens = hiddenTokens.AsSpan(pair.Start, pair.End - pair.Start);
            tokensLeft += tokens.Count(true);
            tokens.Clear();
        }
    }

    private bool IsAligned(int patch)
    {
        foreach (var pair in pairs)
        {
            if (pair.Patch == patch)
                return true;
        }

        return false;
    }

    private bool IsAligned(int start, int end)
    {
        foreach (var pair in pairs)
        {
            if (pair.Overlaps(start, end))
                return true;
        }

        return false;
    }

    // One past the last piece of the word that the token belongs to.
    private static int EndOfWord(ReadOnlySpan<bool> wordStart, int token)
    {
        var end = token + 1;
        while (end < wordStart.Length - 1 && !wordStart[end])
            end++;
        return end;
    }

    private static void Shuffle<T>(ref KeyedRandom random, List<T> list) => random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(list));

    /// <param name="Start">Text position of the first token.</param>
    /// <param name="End">One past the last.</param>
    /// <param name="Level">Patch level.</param>
    /// <param name="Patch">Patch among the 55.</param>
    private readonly record struct Pair(int Start, int End, int Level, int Patch)
    {
        public bool Overlaps(int start, int end) => Start < end && start < End;
    }
}
