using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using KaleidoDist.Collectives;
using KaleidoDist.Collectives.Tests;
using KaleidoDist.Contracts;

return args is ["rank"] ? RankProgram.Run(Console.In, Console.Out) : 0;

namespace KaleidoDist.Collectives.Tests
{
    /// <summary>
    /// This test assembly as a rank process: something that can be killed and stopped. It obeys lines of its standard input, <c>form</c>,
    /// <c>loop</c> and <c>sum</c>, answers with one line each, and ends with its input.
    /// </summary>
    internal static class RankProgram
    {
        public static int Run(TextReader orders, TextWriter answers)
        {
            using var listener = DataPlaneListener.Bind(IPAddress.Loopback);
            answers.WriteLine($"endpoint {listener.EndpointAt("127.0.0.1")}");
            ICollective? collective = null;
            while (orders.ReadLine()?.Split(' ') is { } words)
            {
                try
                {
                    switch (words[0])
                    {
                        case "form":
                            collective = Form(words, listener);
                            answers.WriteLine($"formed {collective.Route}");
                            break;
                        case "loop" when collective is null:
                            break; // The group did not form, and the test was told so.
                        case "loop":
                            Loop(collective, int.Parse(words[1], CultureInfo.InvariantCulture), answers);
                            break;
                        default:
                            answers.WriteLine($"sum {Sum(collective!, int.Parse(words[1], CultureInfo.InvariantCulture))}");
                            break;
                    }
                }
                catch (CollectiveException error)
                {
                    collective?.Dispose();
                    collective = null;
                    var peer = error switch
                    {
                        PeerLostException lost => lost.Peer,
                        CollectiveTimeoutException timeout => timeout.Peer,
                        _ => -1,
                    };
                    answers.WriteLine($"fault {error.GetType().Name} {peer} {error.Message}");
                }
            }

            collective?.Dispose();
            return 0;
        }

        /// <summary>The sum every group of 8 virtual ranks gives, as a hash.</summary>
        public static string Hash(ReadOnlySpan<float> values)
            => Convert.ToHexString(SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values)));

        // form GENERATION RANK TIMEOUT-MS FORMATION-TIMEOUT-MS HOST=ENDPOINT...
        private static ICollective Form(string[] words, DataPlaneListener listener)
        {
            var timeout = TimeSpan.FromMilliseconds(int.Parse(words[3], CultureInfo.InvariantCulture));
            var formationTimeout = TimeSpan.FromMilliseconds(int.Parse(words[4], CultureInfo.InvariantCulture));
            var members = words[5..].Select((member, rank) => new RankMember(rank, "worker", member.Split('=')[0], member.Split('=')[1]));
            var membership = new Membership("job", long.Parse(words[1], CultureInfo.InvariantCulture), [.. members], new byte[32]);
            var options = new CollectiveOptions { VirtualRankCount = 8, ArrivalTimeout = timeout, ProgressTimeout = timeout, FormationTimeout = formationTimeout };
            return Collective.Form(membership, int.Parse(words[2], CultureInfo.InvariantCulture), listener, options, CancellationToken.None);
        }

        private static void Loop(ICollective collective, int count, TextWriter answers)
        {
            using var accumulator = Gradients.Accumulate(collective.Tree, Calls.LeavesOf(collective), count);
            using var result = collective.Allocate(count);
            collective.AllReduce(accumulator.Partials, result.Floats);
            answers.WriteLine("looping");
            while (true)
                collective.AllReduce(accumulator.Partials, result.Floats);
        }

        private static string Sum(ICollective collective, int count)
        {
            using var accumulator = new LeafAccumulator(collective, count);
            using var result = collective.Allocate(count);
            Gradients.Refill(accumulator, Calls.LeavesOf(collective), seed: 1);
            collective.AllReduce(accumulator.Partials, result.Floats);
            return Hash(result.Floats.AsSpan());
        }
    }
}
