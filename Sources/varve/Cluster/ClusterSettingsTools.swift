internal import ArgumentParser

/// `varve cluster settings`
struct ClusterSettingsTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Show the settings that are the cluster's.")

    @OptionGroup var server: ServerOptions
    @Flag(help: "Print the server's JSON.") var json = false

    mutating func run() async throws {
        try await CommandExit.run {
            let data = try await server.client().cluster("settings")
            guard !json else {
                Terminal.print([try ClusterView.text(of: data)])
                return true
            }
            var table = TextTable([
                ("NAME", .left), ("VALUE", .right), ("DEFAULT", .right), ("WHAT", .left),
            ])
            for setting in data as? [ClusterView.Object] ?? [] {
                table.add(
                    ["name", "value", "default", "summary"].map { "\(setting[$0] ?? "?")" })
            }
            Terminal.print(table.lines.map { SafeText.escaped($0) })
            return true
        }
    }
}

/// `varve cluster set`
struct ClusterSetTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change a setting of the cluster, on all nodes, at once.",
        discussion: "`varve cluster settings` shows names and values.")

    @OptionGroup var server: ServerOptions
    @Argument(help: "The setting's name.") var name: String
    @Argument(help: "The new value.") var value: String

    mutating func run() async throws {
        try await server.order("settings", [("name", name), ("value", value)])
    }
}
