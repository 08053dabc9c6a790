/// What is wrong with a file of rules, of tests of rules or of scrapes: one line for a person.
package struct FileFault: Error, Sendable, Hashable, CustomStringConvertible {
    package var path: String
    /// From 1; nil for the file as a whole.
    package var line: Int?
    /// In characters, from 1.
    package var column: Int?
    /// The key, as `groups[0].rules[2].expr`; empty for the file as a whole.
    package var key: String
    /// What is wrong, with what is expected.
    package var problem: String

    package var description: String {
        var text = path
        if let line { text += ":\(line)" }
        if let column { text += ":\(column)" }
        return text + (key.isEmpty ? ": \(problem)" : ": \(key): \(problem)")
    }
}

/// All that is wrong with a set of files; never empty when it is thrown.
package struct FileFaults: Error, Sendable, CustomStringConvertible {
    package var all: [FileFault] = []

    package init(_ all: [FileFault] = []) { self.all = all }

    /// The first, and how many more there are.
    package var description: String {
        let first = all.first.map { "\($0)" } ?? "nothing is wrong"
        return all.count > 1 ? "\(first) (and \(all.count - 1) more)" : first
    }
}
