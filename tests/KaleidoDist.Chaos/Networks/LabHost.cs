using System.Globalization;
using KaleidoDist.TestKit;

namespace KaleidoDist.Chaos;

/// <summary>A host of the lab: what runs on it has its address and host name. Its packets can be dropped or answered with resets.</summary>
internal sealed class LabHost
{
    private const string Chain = "CHAOS";
    private readonly string coordinator;
    private readonly string? networkNamespace;

    /// <summary>A host.</summary>
    /// <param name="name">Host name of what runs on it.</param>
    /// <param name="address">Its address.</param>
    /// <param name="coordinator">Address of the coordinator.</param>
    /// <param name="networkNamespace">Its network namespace; null for this machine itself.</param>
    internal LabHost(string name, string address, string coordinator, string? networkNamespace)
    {
        (Name, Address, this.coordinator, this.networkNamespace) = (name, address, coordinator, networkNamespace);
        if (networkNamespace is null)
            return;
        foreach (var direction in new[] { "INPUT", "OUTPUT" })
        {
            Filter("-N", ChainOf(direction));
            Filter("-A", direction, direction == "INPUT" ? "-i" : "-o", "eth0", "-j", ChainOf(direction));
        }
    }

    /// <summary>Host name.</summary>
    internal string Name { get; }

    /// <summary>Address of its ranks.</summary>
    internal string Address { get; }

    /// <summary>Whether faults of the network are in force.</summary>
    internal bool IsDisturbed { get; private set; }

    /// <summary>Runs a command on this host. The process is the command's own: nothing stays around it.</summary>
    internal ProcessSurroundings Surroundings(IReadOnlyDictionary<string, string> environment) => new()
    {
        Environment = environment,
        Wrapper = networkNamespace is null
            ? []
            : ["ip", "netns", "exec", networkNamespace, "unshare", "--uts", "sh", "-c", "hostname \"$0\" && exec \"$@\"", Name],
    };

    /// <summary>Drops what comes from and goes to the other workers.</summary>
    internal void CutPeers() => Disturb([("INPUT", ["-j", "DROP"]), ("OUTPUT", ["-j", "DROP"])], sparesCoordinator: true);

    /// <summary>Drops what goes to the other workers.</summary>
    internal void CutOneWay() => Disturb([("OUTPUT", ["-j", "DROP"])], sparesCoordinator: true);

    /// <summary>Answers what comes from and goes to the other workers with a reset.</summary>
    internal void Reset() => Disturb(
        [("INPUT", ["-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"]), ("OUTPUT", ["-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"])],
        sparesCoordinator: true);

    /// <summary>Drops what comes from and goes to the coordinator.</summary>
    internal void CutCoordinator() => Disturb([("INPUT", ["-s", coordinator, "-j", "DROP"]), ("OUTPUT", ["-d", coordinator, "-j", "DROP"])], sparesCoordinator: false);

    /// <summary>Packets that the faults in force took.</summary>
    internal long TakenPackets() => new[] { "INPUT", "OUTPUT" }.Sum(direction =>
        Filter("-L", ChainOf(direction), "-nvx").Split('\n').Skip(2)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length > 2 && fields[2] is "DROP" or "REJECT")
            .Sum(fields => long.Parse(fields[0], CultureInfo.InvariantCulture)));

    /// <summary>Ends the faults in force.</summary>
    internal void Heal()
    {
        foreach (var direction in new[] { "INPUT", "OUTPUT" })
            Filter("-F", ChainOf(direction));
        IsDisturbed = false;
    }

    private static string ChainOf(string direction) => $"{Chain}-{direction}";

    private void Disturb(IReadOnlyList<(string Direction, string[] Rule)> rules, bool sparesCoordinator)
    {
        IsDisturbed = true;
        foreach (var (direction, rule) in rules)
        {
            if (sparesCoordinator)
                Filter("-A", ChainOf(direction), direction == "INPUT" ? "-s" : "-d", coordinator, "-j", "ACCEPT");
            Filter(["-A", ChainOf(direction), .. rule]);
        }
    }

    private string Filter(params IEnumerable<string> arguments)
        => Tool.Run("ip", ["netns", "exec", networkNamespace ?? throw new InvalidOperationException("This host has no network of its own."), "iptables", "-w", .. arguments]);
}
