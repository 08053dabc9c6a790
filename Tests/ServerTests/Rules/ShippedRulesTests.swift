import Foundation
import Server
import Testing

/// The rules that are shipped: all of them can be read, and their tests pass.
@Suite struct ShippedRulesTests {
    private static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("queries/rules")

    private static func files(in folder: URL) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted()
            .map { folder.appendingPathComponent($0).path }
    }

    static let rules = files(in: folder)
    static let tests = files(in: folder.appendingPathComponent("tests"))

    static func read(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    @Test func thereAreSome() { #expect(Self.rules.count >= 2 && Self.tests.count >= 2) }

    @Test(arguments: rules)
    func canBeRead(path: String) throws {
        let (count, result) = RuleTests.check(path: path, text: try Self.read(path))
        #expect(count > 0)
        #expect(result.failures.isEmpty && result.warnings.isEmpty, "\(result)")
    }

    @Test(arguments: tests)
    func passTheirTests(path: String) async {
        let result = await RuleTests(read: Self.read, expand: { [$0] }).run(path)
        #expect(result.testCount > 0)
        #expect(result.failures.isEmpty && result.warnings.isEmpty, "\(result)")
    }
}
