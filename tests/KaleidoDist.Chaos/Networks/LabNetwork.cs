using System.Globalization;
using KaleidoDist.TestKit;

namespace KaleidoDist.Chaos;

/// <summary>
/// Hosts on one machine: network namespaces on a bridge, each with an address and a host name of its own. The coordinator and the
/// nemesis stay outside, at the bridge. Where namespaces cannot be made, all hosts are this one, on loopback.
/// </summary>
internal sealed class LabNetwork : IDisposable
{
    private const string Prefix = "kdc";
    private readonly string bridge;
    private readonly string subnet;
    private readonly List<LabHost> hosts = [];

    private LabNetwork(bool isReal)
    {
        IsReal = isReal;
        var id = Environment.ProcessId;
        bridge = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{id}");
        subnet = string.Create(CultureInfo.InvariantCulture, $"10.{64 + id % 64}.{id / 64 % 256}");
    }

    /// <summary>Whether hosts have networks of their own, that can be cut.</summary>
    internal bool IsReal { get; }

    /// <summary>Why there are none, as words; empty when there are.</summary>
    internal static string WhatIsMissing => !Environment.IsPrivilegedProcess ? "this is not root"
        : !Tool.Works("ip", "-V") ? "'ip' is missing (package iproute2)"
        : !Tool.Works("iptables", "--version") ? "'iptables' is missing"
        : !CanMakeNamespace() ? "no network namespace can be made here"
        : "";

    /// <summary>Address that every host reaches the coordinator at.</summary>
    internal string CoordinatorAddress => IsReal ? $"{subnet}.1" : "127.0.0.1";

    /// <summary>The hosts.</summary>
    internal IReadOnlyList<LabHost> Hosts => hosts;

    /// <summary>Makes hosts; removes first what a killed run left behind.</summary>
    internal static LabNetwork Create(int hostCount)
    {
        var network = new LabNetwork(WhatIsMissing.Length == 0);
        try
        {
            if (network.IsReal)
                network.MakeBridge();
            for (var i = 0; i < hostCount; i++)
                network.hosts.Add(network.IsReal ? network.MakeHost(i) : new LabHost("this host", "127.0.0.1", "127.0.0.1", null));
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Removes the namespaces and the bridge.</summary>
    public void Dispose()
    {
        if (IsReal)
            Remove(bridge);
    }

    /// <summary>What is left of this network, as names; empty after <see cref="Dispose"/>.</summary>
    internal IReadOnlyList<string> Remains()
        => IsReal ? [.. Namespaces().Where(name => name.StartsWith($"{bridge}-", StringComparison.Ordinal)), .. Bridges().Where(name => name == bridge)] : [];

    private static bool CanMakeNamespace()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}probe{Environment.ProcessId}");
        return Tool.Works("ip", "netns", "add", name) && Tool.Works("ip", "netns", "delete", name);
    }

    private void MakeBridge()
    {
        foreach (var name in Bridges().Where(IsLeftBehind))
            Remove(name);
        Tool.Run("ip", "link", "add", bridge, "type", "bridge");
        Tool.Run("ip", "address", "add", $"{subnet}.1/24", "dev", bridge);
        Tool.Run("ip", "link", "set", bridge, "up");
    }

    private LabHost MakeHost(int index)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{bridge}-{index + 1}");
        var address = string.Create(CultureInfo.InvariantCulture, $"{subnet}.{index + 11}");
        Tool.Run("ip", "netns", "add", name);
        // Names of interfaces have 15 characters: the outer end is the namespace's name.
        Tool.Run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name);
        Tool.Run("ip", "link", "set", name, "master", bridge, "up");
        Tool.Run("ip", "-n", name, "address", "add", $"{address}/24", "dev", "eth0");
        Tool.Run("ip", "-n", name, "link", "set", "eth0", "up");
        Tool.Run("ip", "-n", name, "link", "set", "lo", "up");
        return new LabHost($"host{index + 1}", address, $"{subnet}.1", name);
    }

    private static void Remove(string bridge)
    {
        foreach (var name in Namespaces().Where(name => name.StartsWith($"{bridge}-", StringComparison.Ordinal)))
            Tool.Works("ip", "netns", "delete", name);
        Tool.Works("ip", "link", "delete", bridge);
    }

    private static bool IsLeftBehind(string bridge)
        => int.TryParse(bridge.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var owner) && !ProcessTable.IsAlive(owner);

    private static IEnumerable<string> Namespaces()
        => Tool.Run("ip", "netns", "list").Split('\n').Select(line => line.Split(' ')[0]).Where(name => name.StartsWith(Prefix, StringComparison.Ordinal));

    private static IEnumerable<string> Bridges()
        => Tool.Run("ip", "-o", "link", "show", "type", "bridge").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(':')[1].Trim()).Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).ToList();
}
