import Foundation
import Testing

@Suite struct LogScriptTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Scripts")

    static let scripts: [String] = {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (names ?? []).filter { $0.hasSuffix(".logtest") }.sorted()
    }()

    @Test func scriptsAreThere() { #expect(LogScriptTests.scripts.count >= 5) }

    @Test(arguments: scripts, [false, true])
    func scriptBehavesAsWritten(_ name: String, isSpread: Bool) async throws {
        let file = LogScriptTests.folder.appendingPathComponent(name)
        var script = LogScript(
            try String(contentsOf: file, encoding: .utf8), isSpread: isSpread)
        for failure in await script.run() {
            Issue.record("\(name)\(isSpread ? " spread" : ""), \(failure)")
        }
    }
}
