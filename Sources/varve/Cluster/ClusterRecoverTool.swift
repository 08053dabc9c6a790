internal import ArgumentParser
internal import Cluster
internal import Foundation
internal import Platform
internal import Server

/// `varve cluster recover`
struct ClusterRecoverTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Go on with what is left when a majority is lost for good.",
        discussion: """
            Works on the directory of a stopped node and asks before it changes anything. The \
            survivors go on as a cluster of another id; members of the old one are refused, and \
            join with empty directories. With several survivors stop all, write a description of \
            each (--describe), and run it on each with the descriptions of the others (--with): \
            every group goes on with the longest log. Exit status: 0 done, 1 nothing was changed, \
            2 an error.
            """)

    @Option(help: "The data directory of a node that survived.") var data = "./data"
    @Option(help: "The description of another survivor; may be given several times.")
    var with: [String] = []
    @Flag(help: "Only describe what this node has, for --with on the others.") var describe = false
    @Flag(help: "Do it without asking.") var yes = false

    mutating func run() async throws {
        try await CommandExit.run { try recover() }
    }

    private func recover() throws -> Bool {
        guard FileManager.default.fileExists(atPath: data) else {
            throw CommandFailure("there is no directory \(data)")
        }
        let disk = try LocalDisk(root: data)
        try disk.lock()
        let recovery = try ClusterRecovery(
            in: Node.Surroundings(
                disk: disk, time: SystemTime(), timers: SystemTimers(), random: SystemRandom(),
                telemetry: Telemetry(), onNotice: { Terminal.complain($0) },
                onFatal: { Terminal.complain($0) }))
        if describe {
            Terminal.write(Array(recovery.survivor.text.utf8))
            return true
        }
        let survivors = [recovery.survivor] + (try with.map { try description($0) })
        let plan: RecoveryPlan
        if let begun = recovery.begun {
            plan = begun
            Terminal.print(["a recovery was begun here and has not ended: it goes on"])
        } else {
            plan = try RecoveryPlan(survivors)
            Terminal.print(
                plan.report(survivors, time: { TimeText.format($0) })
                    .map { SafeText.escaped($0) })
        }
        guard yes || isAccepted(recovery.survivor.identity.name) else {
            Terminal.print(["nothing was changed"])
            return false
        }
        try recovery.perform(plan)
        Terminal.print([
            "done: start this node again; what else joins comes with an empty directory"
        ])
        return true
    }

    private func description(_ path: String) throws -> Survivor {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw CommandFailure("cannot read \(path): \(error.localizedDescription)")
        }
        do {
            return try Survivor(parsing: text)
        } catch {
            throw CommandFailure("\(path): \(error)")
        }
    }

    private func isAccepted(_ name: String) -> Bool {
        Terminal.print(["type the node's name, \(SafeText.escaped(name)), to go on:"])
        return readLine() == name
    }
}
