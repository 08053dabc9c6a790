internal import Model
internal import Platform
internal import Query
internal import Synchronization

/// Tests rules without a server: series in memory, a clock that is set.
package struct RuleTests: Sendable {
    /// How a file went.
    package struct Result: Sendable {
        package var testCount = 0
        /// One text each, of one or several lines.
        package var failures: [String] = []
        package var warnings: [String] = []
    }

    /// The text of the file at a path.
    let read: @Sendable (String) throws -> String
    /// The paths that a pattern stands for.
    let expand: @Sendable (String) -> [String]
    /// Whether the test of that name is to run.
    let isWanted: @Sendable (String) -> Bool

    package init(
        read: @escaping @Sendable (String) throws -> String,
        expand: @escaping @Sendable (String) -> [String],
        isWanted: @escaping @Sendable (String) -> Bool = { _ in true }
    ) {
        self.read = read
        self.expand = expand
        self.isWanted = isWanted
    }

    /// Runs all tests of the file at `path`; patterns of rules' files are relative to it.
    package func run(_ path: String) async -> Result {
        var result = Result()
        let file: RuleTestFile
        var groups: [RuleGroupDefinition] = []
        do {
            file = try RuleTestFile(path: path, text: try read(path))
            for pattern in file.ruleFiles {
                let paths = expand(FilePath.beside(path, pattern))
                if paths.isEmpty { result.warnings.append("no file matches \(pattern)") }
                for path in paths {
                    groups += try RuleFile(
                        path: path, text: try read(path), intervalNanos: file.intervalNanos
                    ).groups
                }
            }
        } catch let faults as FileFaults {
            result.failures = faults.all.map(\.description)
            return result
        } catch {
            result.failures = ["\(path): \(error)"]
            return result
        }
        groups = RuleTests.ordered(groups, file.groupOrder)
        for test in file.tests where isWanted(test.name) {
            result.testCount += 1
            let run = RuleTestRun(test, file, groups)
            result.failures += await run.failures().map { failure in
                let name = test.name.isEmpty ? "" : "\(test.name): "
                return "\(path):\(failure.line): \(name)\(failure.text)"
            }
        }
        return result
    }

    /// Counts the rules of a file; `failures` are its faults, `warnings` what may not be meant.
    package static func check(path: String, text: String) -> (ruleCount: Int, result: Result) {
        do {
            let file = try RuleFile(path: path, text: text, intervalNanos: 60_000_000_000)
            let count = file.groups.reduce(0) { $0 + $1.rules.count }
            return (count, Result(warnings: file.warnings.map(\.description)))
        } catch {
            return (0, Result(failures: error.all.map(\.description)))
        }
    }

    /// Groups that are named come in that order; the others where the first of these is.
    private static func ordered(
        _ groups: [RuleGroupDefinition], _ names: [String]
    ) -> [RuleGroupDefinition] {
        groups.enumerated().sorted { a, b in
            let ranks = [a, b].map { names.firstIndex(of: $0.element.name) ?? 0 }
            return (ranks[0], a.offset) < (ranks[1], b.offset)
        }.map(\.element)
    }
}

/// A clock that stands until it is set.
final class StillTime: TimeSource {
    private let nanos: Mutex<Int64>

    init(nanos: Int64) { self.nanos = Mutex(nanos) }

    func set(nanos: Int64) { self.nanos.withLock { $0 = nanos } }

    func wallNanos() -> Int64 { nanos.withLock { $0 } }

    func monotonicNanos() -> Int64 { nanos.withLock { $0 } }
}
