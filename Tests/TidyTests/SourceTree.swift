import Foundation
import Testing

/// The files of the project as text, read once.
struct SourceFile: Sendable, CustomTestStringConvertible {
    /// From the project's root, `/`-separated.
    var path: String
    var text: String
    var lines: [Substring]

    var room: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    var isTest: Bool { path.hasPrefix("Tests/") }
    var testDescription: String { path }
}

enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let swift: [SourceFile] = files(below: ["Sources", "Tests"], suffix: ".swift")
    static let sources: [SourceFile] = swift.filter { !$0.isTest }
    static let documents: [SourceFile] =
        files(below: ["docs"], suffix: ".md")
        + ["README.md", "CHANGELOG.md"].compactMap { read($0) }

    static func read(_ path: String) -> SourceFile? {
        let url = root.appendingPathComponent(path)
        guard let data = FileManager.default.contents(atPath: url.path) else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        return SourceFile(
            path: path, text: text,
            lines: text.split(separator: "\n", omittingEmptySubsequences: false))
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    private static func files(below folders: [String], suffix: String) -> [SourceFile] {
        folders.flatMap { folder -> [SourceFile] in
            let base = root.appendingPathComponent(folder)
            let found = FileManager.default.enumerator(atPath: base.path)
            let names = (found?.allObjects as? [String]) ?? []
            return names.filter { $0.hasSuffix(suffix) }.sorted().compactMap {
                read("\(folder)/\($0)")
            }
        }
    }
}
