namespace KaleidoDist.Contracts;

/// <summary>How the losses of the tasks are weighed against each other.</summary>
public enum LossWeighting
{
    /// <summary>By the weights of the specification, throughout.</summary>
    Fixed,

    /// <summary>
    /// By those times weights that follow the losses of the step before, larger for what is learned worse (FashionBERT, Gao et al., SIGIR 2020).
    /// </summary>
    Adaptive,
}

/// <summary>How words and patches are chosen to be hidden.</summary>
public enum MaskingKind
{
    /// <summary>By the alignments of words and patches, where the data set has them (paper, section 3.4).</summary>
    Aligned,

    /// <summary>At random: alignments are not looked at.</summary>
    Random,
}

/// <summary>What part of a picture is cut into patches.</summary>
public enum BoxKind
{
    /// <summary>The box of the foreground (paper, section 3.2).</summary>
    Foreground,

    /// <summary>All of it.</summary>
    Whole,
}
