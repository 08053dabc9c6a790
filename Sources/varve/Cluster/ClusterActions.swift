internal import ArgumentParser
internal import Platform

extension ServerOptions {
    /// Asks the cluster to do something; fails with what it says against it.
    func order(_ name: String, _ parameters: [(String, String)]) async throws {
        try await CommandExit.run {
            _ = try await client().cluster(name, parameters, isPost: true)
            return true
        }
    }
}

/// `varve cluster drain`
struct ClusterDrainTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Move everything away from a node.",
        discussion: "Returns at once; `varve cluster status` shows how far it is.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The node's name or id.") var node: String
    @Flag(help: "Take a drain back.") var cancel = false

    mutating func run() async throws {
        try await server.order("drain", [("node", node), ("cancel", "\(cancel)")])
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
        try await server.order("remove", [("node", node), ("force", "\(force)")])
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
        try await server.order("move", [("shard", shard), ("from", from), ("to", to)])
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
        try await server.order("feature-level", level.map { [("level", "\($0)")] } ?? [])
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
