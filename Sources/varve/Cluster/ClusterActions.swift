internal import ArgumentParser
internal import Platform

/// `varve cluster drain`
struct ClusterDrainTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Move everything away from a node.",
        discussion: "Returns at once; `varve cluster status` shows how far it is.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The node's name or id.") var node: String
    @Flag(help: "Take a drain back.") var cancel = false

    mutating func run() async throws {
        try await CommandExit.run {
            _ = try await server.client().cluster(
                "drain", [("node", node), ("cancel", "\(cancel)")], isPost: true)
            return true
        }
    }
}

/// `varve cluster remove`
struct ClusterRemoveTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Make a node leave for good.",
        discussion: "Refused while it lives and has replicas: drain it first, or --force.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The node's name or id.") var node: String
    @Flag(help: "Also while it lives and has replicas.") var force = false

    mutating func run() async throws {
        try await CommandExit.run {
            _ = try await server.client().cluster(
                "remove", [("node", node), ("force", "\(force)")], isPost: true)
            return true
        }
    }
}

/// `varve cluster move`
struct ClusterMoveTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Move a shard's replica from one node to another.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The shard's number, or meta.") var shard: String
    @Option(help: "The node that has it.") var from: String
    @Option(help: "The node that gets it.") var to: String

    mutating func run() async throws {
        try await CommandExit.run {
            _ = try await server.client().cluster(
                "move", [("shard", shard), ("from", from), ("to", to)], isPost: true)
            return true
        }
    }
}

/// `varve cluster feature-level`
struct ClusterFeatureLevelTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feature-level",
        abstract: "Allow what all members can: there is no way back to an older varve.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The level. (default: the highest that all members have)") var level: Int?

    mutating func run() async throws {
        try await CommandExit.run {
            _ = try await server.client().cluster(
                "feature-level", level.map { [("level", "\($0)")] } ?? [], isPost: true)
            return true
        }
    }
}

/// `varve cluster upgrade-check`
struct ClusterUpgradeCheckTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade-check", abstract: "Say which zones may be restarted now.",
        discussion: "Exit status: 0 each may, one at a time; 1 some must not; 2 an error.")

    @OptionGroup var server: ServerOptions
    @Option(help: "Only this zone.") var zone: String?
    @Flag(help: "Print the server's JSON.") var json = false

    mutating func run() async throws {
        try await CommandExit.run {
            let data = try await server.client().cluster(
                "upgrade-check", zone.map { [("zone", $0)] } ?? [])
            let places = data as? [[String: Any]] ?? []
            var mayAll = true
            var lines: [String] = []
            for place in places {
                let obstacles = place["obstacles"] as? [String] ?? []
                mayAll = mayAll && obstacles.isEmpty
                let word = obstacles.isEmpty ? "may be restarted" : "must wait"
                lines.append("\(place["place"] ?? "?"): \(word)")
                lines += obstacles.map { "  \($0)" }
            }
            Terminal.print(
                json ? [try ClusterView.text(of: data)] : lines.map { SafeText.escaped($0) })
            return mayAll
        }
    }
}

/// `varve cluster witness-advice`
struct ClusterWitnessTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness-advice",
        abstract: "Say whose loss stops writes, and what a third place would change.")

    @OptionGroup var server: ServerOptions

    mutating func run() async throws {
        try await CommandExit.run {
            let view = ClusterView(try await server.client().cluster("status"))
            let zones = Set(view.members.compactMap { $0["zone"] as? String }).sorted()
            var lines = ["\(zones.count) zones: \(zones.joined(separator: ", "))"]
            lines += view.texts("warnings")
            guard zones.count == 2 else {
                lines.append(
                    zones.count > 2
                        ? "no witness is needed: with three zones each group has one replica in each"
                        : "a second and a third zone come first")
                Terminal.print(lines.map { SafeText.escaped($0) })
                return zones.count > 2
            }
            let seeds = view.members.compactMap { $0["address"] as? String }
            lines += [
                "Best: nodes that keep data in a third zone. Otherwise a witness there, which "
                    + "votes on who is a member and needs hardly any disk:",
                "  varve serve --witness --zone THIRD --join \(seeds.joined(separator: ","))",
            ]
            Terminal.print(lines.map { SafeText.escaped($0) })
            return false
        }
    }
}
