internal import ArgumentParser
internal import Foundation
internal import Platform
internal import Server

/// `varve rules`: files of rules and their tests, without a server.
struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Check and test files of recording and alerting rules.",
        subcommands: [RulesCheck.self, RulesTest.self])
}

/// `varve rules check FILE…`
struct RulesCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read files of rules as a server would.",
        discussion: "Exit status: 0 all is well, 1 something is wrong, with file and line.")

    @Argument(help: "Files of rules, in Prometheus' YAML.") var files: [String]

    mutating func run() async throws {
        try await CommandExit.run {
            var isSound = true
            for path in files {
                let (count, result) = RuleTests.check(
                    path: path, text: try RuleFiles.read(path))
                Terminal.warn(result.warnings)
                for failure in result.failures { Terminal.complain(failure) }
                if result.failures.isEmpty {
                    Terminal.print(["\(path): \(count) rules"])
                } else {
                    isSound = false
                }
            }
            return isSound
        }
    }
}

/// `varve rules test FILE…`
struct RulesTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run unit tests of rules, in promtool's format.",
        discussion: "Exit status: 0 all is as expected, 1 something is not, with a comparison.")

    @Argument(help: "Files of tests.") var files: [String]

    @Option(help: "Only tests whose name matches this regular expression.")
    var run: String?

    mutating func run() async throws {
        let pattern = try self.run.map { text in
            do {
                return try NSRegularExpression(pattern: text)
            } catch {
                throw ValidationError("--run is \"\(text)\": no regular expression")
            }
        }
        let tests = RuleTests(
            read: RuleFiles.read, expand: RuleFiles.expand,
            isWanted: { name in
                let whole = NSRange(name.startIndex..., in: name)
                return pattern.map { $0.firstMatch(in: name, range: whole) != nil } ?? true
            })
        try await CommandExit.run {
            var isSound = true
            for path in files {
                let result = await tests.run(path)
                Terminal.warn(result.warnings)
                for failure in result.failures { Terminal.complain(failure) }
                isSound = isSound && result.failures.isEmpty
                let outcome = result.failures.isEmpty ? "passed" : "failed"
                Terminal.print(["\(path): \(result.testCount) tests \(outcome)"])
            }
            return isSound
        }
    }
}

/// Files of rules on the disk.
enum RuleFiles {
    static func read(_ path: String) throws -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw CommandFailure("cannot read \(path): \(error.localizedDescription)")
        }
    }

    /// A path that is no pattern stands for itself.
    static func expand(_ pattern: String) -> [String] {
        PathPattern.isPattern(pattern) ? PathPattern.matches(pattern) : [pattern]
    }
}
