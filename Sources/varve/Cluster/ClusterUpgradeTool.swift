internal import ArgumentParser

/// `varve cluster upgrade-check`
struct ClusterUpgradeCheckTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade-check", abstract: "Say which zones may be restarted now.",
        discussion: """
            With --zone and --wait it returns when the nodes of that zone may be stopped together: \
            all replicas elsewhere are there and up to date. Exit status: 0 each may, one at a \
            time; 1 some must not, or not in time; 2 an error.
            """)

    @OptionGroup var server: ServerOptions
    @Option(help: "Only this zone, or this node if it names none.") var zone: String?
    @Flag(help: "Wait until it may.") var wait = false
    @Option(help: "How long at most.") var timeout = "10m"
    @Flag(help: "Print the server's JSON.") var json = false

    mutating func run() async throws {
        try await CommandExit.run {
            // What ended the waiting is said: it may be otherwise again a moment later.
            var found: Check?
            if wait {
                let obstacle = try await server.poll(timeout) {
                    (_) throws(CommandFailure) in
                    let check = try await check()
                    found = check
                    return check.mayAll ? nil : check.lines.joined(separator: "; ")
                }
                if let obstacle {
                    Terminal.complain("not after \(timeout): \(obstacle)")
                    return false
                }
            }
            let last = if let found { found } else { try await check() }
            Terminal.print(
                json
                    ? [try ClusterView.text(of: last.data)]
                    : last.lines.map { SafeText.escaped($0) })
            return last.mayAll
        }
    }

    private typealias Check = (data: Any, lines: [String], mayAll: Bool)

    private func check() async throws(CommandFailure) -> Check {
        let data = try await server.client().cluster(
            "upgrade-check", zone.map { [("zone", $0)] } ?? [])
        var mayAll = true
        var lines: [String] = []
        for place in data as? [ClusterView.Object] ?? [] {
            let obstacles = place["obstacles"] as? [String] ?? []
            mayAll = mayAll && obstacles.isEmpty
            let word = obstacles.isEmpty ? "may be restarted" : "must wait"
            lines.append("\(place["place"] ?? "?"): \(word)")
            lines += obstacles.map { "  \($0)" }
        }
        return (data, lines, mayAll)
    }
}
