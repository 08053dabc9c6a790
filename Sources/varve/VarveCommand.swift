internal import ArgumentParser

/// The `varve` binary: a server and the tools to read from it.
@main
struct VarveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "varve",
        abstract: "A store for metrics and logs of immutable fleets.",
        version: VarveVersion.text,
        subcommands: [
            ServeCommand.self, QueryCommand.self, LogsCommand.self, InspectCommand.self,
        ])
}

/// The version of this binary.
enum VarveVersion {
    static let text = "0.1.0"
}
