internal import ArgumentParser
internal import Foundation
internal import Platform
internal import Query

/// The `varve` binary: a server and the tools to read from it.
@main
struct VarveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "varve",
        abstract: "A store for metrics and logs of immutable fleets.",
        version: VarveVersion.text,
        subcommands: [
            ServeCommand.self, QueryCommand.self, LogsCommand.self, LabelsCommand.self,
            SeriesCommand.self, StatsCommand.self, InspectCommand.self, RulesCommand.self,
            ScrapeCommand.self, ClusterTool.self,
        ])

    /// A wrong command line is one line and exit status 2, as any other error.
    static func main() async {
        TimeZoneFiles.readFiles(by: TimeZoneFolder.bytes)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            let words = message(for: error).split(whereSeparator: \.isNewline)
            Terminal.complain("\(words.joined(separator: " ")); try --help")
            Foundation.exit(2)
        }
    }
}

/// The version of this binary.
enum VarveVersion {
    static let text = "0.1.0"
}
