internal import Foundation

/// Files that people or programs write for a server to read: small, whole, anywhere on the disk.
package enum TextFile {
    /// Why a file could not be read, with its path.
    package struct Problem: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// All of the file at `path`, which must be UTF-8.
    package static func read(_ path: String) throws(Problem) -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw Problem(description: "cannot read \(path): \(error.localizedDescription)")
        }
    }

    /// The paths that `pattern` stands for; one that is no pattern stands for itself.
    package static func expand(_ pattern: String) -> [String] {
        PathPattern.isPattern(pattern) ? PathPattern.matches(pattern) : [pattern]
    }
}
