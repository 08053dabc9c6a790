/// A place on a `Disk`: names joined by `/`, relative to the disk's root; the root is empty.
///
/// Invariant: no component is empty, `.` or `..`, and none holds a NUL, so that a path can not
/// leave the root. Names that come from outside are ids and never become paths; who makes a path
/// from an id checks the id first, and `init(_:)` traps on what slips through.
package struct DiskPath: Hashable, Comparable, Sendable {
    /// The components joined by `/`; empty for the root.
    package let string: String

    /// The directory that the disk was opened at.
    package static let root = DiskPath(unchecked: "")

    private init(unchecked string: String) { self.string = string }

    /// Traps unless `string` is well formed.
    package init(_ string: String) {
        precondition(DiskPath.isWellFormed(string), "not a path below the root: \(string)")
        self.string = string
    }

    /// Nil unless `string` is well formed: for names that were found on a disk.
    package init?(checking string: String) {
        guard DiskPath.isWellFormed(string) else { return nil }
        self.string = string
    }

    /// The path of `name` in this directory.
    package static func / (directory: DiskPath, name: String) -> DiskPath {
        directory.string.isEmpty ? DiskPath(name) : DiskPath("\(directory.string)/\(name)")
    }

    /// The last component; empty for the root.
    package var name: String {
        guard let slash = string.utf8.lastIndex(of: UInt8(ascii: "/")) else { return string }
        return String(string[string.utf8.index(after: slash)...])
    }

    /// The directory that holds it; the root is its own parent.
    package var parent: DiskPath {
        guard let slash = string.utf8.lastIndex(of: UInt8(ascii: "/")) else { return .root }
        return DiskPath(unchecked: String(string[..<slash]))
    }

    package static func < (a: DiskPath, b: DiskPath) -> Bool {
        a.string.utf8.lexicographicallyPrecedes(b.string.utf8)
    }

    private static func isWellFormed(_ string: String) -> Bool {
        if string.isEmpty { return true }
        return string.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .allSatisfy { name in
                !name.isEmpty && !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8)
                    && !name.contains(0)
            }
    }
}

extension DiskPath: ExpressibleByStringInterpolation, CustomStringConvertible {
    package init(stringLiteral value: String) { self.init(value) }
    package var description: String { string }
}
