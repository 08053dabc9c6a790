internal import ArgumentParser
internal import Foundation
internal import Platform
internal import Server

/// `varve cluster`: how the cluster is, and what an operator does with it.
struct ClusterTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Look at the cluster and change it.",
        discussion: "Any member can be asked. Exit status: 0 yes, 1 no, 2 an error.",
        subcommands: [
            ClusterStatusTool.self, ClusterWaitTool.self, ClusterDrainTool.self,
            ClusterRemoveTool.self, ClusterMoveTool.self, ClusterUpgradeCheckTool.self,
            ClusterFeatureLevelTool.self, ClusterCertTool.self, ClusterRecoverTool.self,
            ClusterWitnessTool.self, ClusterSettingsTool.self, ClusterSetTool.self,
        ], defaultSubcommand: ClusterStatusTool.self)
}

/// `varve cluster status`
struct ClusterStatusTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Members, shards, what is going on and what is risky.",
        discussion: "Exit status: 0 healthy, 1 not, 2 an error.")

    @OptionGroup var server: ServerOptions
    @Flag(help: "Print the server's JSON.") var json = false
    @Flag(help: "Print every shard, also those that are as they should be.") var shards = false

    mutating func run() async throws {
        try await CommandExit.run {
            let data = try await server.client().cluster("status")
            let view = ClusterView(data)
            if json {
                Terminal.print([try ClusterView.text(of: data)])
            } else {
                Terminal.print(view.lines(allShards: shards).map { SafeText.escaped($0) })
            }
            return view.isHealthy
        }
    }
}

/// `varve cluster wait healthy`
struct ClusterWaitTool: AsyncParsableCommand {
    enum Goal: String, ExpressibleByArgument, CaseIterable { case healthy }

    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until all that is wanted is there.",
        discussion: "Exit status: 0 it came true, 1 it did not in time, 2 an error.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "healthy") var goal: Goal
    @Option(help: "How long at most.") var timeout = "10m"
    @Option(help: "So many members must be there, too.") var members = 1

    mutating func run() async throws {
        try await CommandExit.run {
            let last = try await server.poll(timeout) { (server) throws(CommandFailure) in
                let view = ClusterView(try await server.client().cluster("status"))
                let isDone = view.isHealthy && view.members.count >= members
                return isDone ? nil : view.trouble(wantedMembers: members)
            }
            guard let last else { return true }
            Terminal.complain("not healthy after \(timeout): \(last)")
            return false
        }
    }
}

extension ServerOptions {
    private static let pollNanos: Int64 = 250_000_000

    /// Asks again and again until nothing is in the way any more; what still was after `timeout`.
    /// A server that does not answer is in the way, one that says no for good is an error.
    func poll(
        _ timeout: String, _ ask: (ServerOptions) async throws(CommandFailure) -> String?
    ) async throws -> String? {
        guard let nanos = TimeText.duration(timeout), nanos > 0 else {
            throw CommandFailure("--timeout is \"\(timeout)\": a duration like 10m is allowed")
        }
        let time = SystemTime()
        let end = time.monotonicNanos() + nanos
        var last = ""
        for await _ in SystemTimers().ticks(every: Self.pollNanos, name: "poll") {
            do throws(CommandFailure) {
                guard let obstacle = try await ask(self) else { return nil }
                last = obstacle
            } catch {
                if error.isFinal { throw error }
                last = "\(error)"
            }
            if time.monotonicNanos() >= end { break }
        }
        return last
    }
}
