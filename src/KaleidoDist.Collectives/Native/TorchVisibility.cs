using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("KaleidoDist.Training.Tests")]
