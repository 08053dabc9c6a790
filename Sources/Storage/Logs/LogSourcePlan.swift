internal import Model
internal import Platform

extension LogSourcePlan {
    /// Of which nothing is selected yet.
    init(_ source: LogSource) {
        switch source.lines {
        case .memtable: self.init(name: "memory")
        case .segment(let segment):
            self.init(name: segment.path.name, blockCount: segment.directory.blocks.count)
        }
    }
}

extension TokenCondition: CustomStringConvertible {
    /// `"payment" and ("failed" or "fail…")`: dots where a word may go on.
    var description: String {
        switch self {
        case .anything: "nothing"
        case .word(let needle): needle.description
        case .all(let parts): parts.map(\.nested).joined(separator: " and ")
        case .either(let parts): parts.map(\.nested).joined(separator: " or ")
        }
    }

    private var nested: String {
        switch self {
        case .anything, .word: description
        case .all, .either: "(\(description))"
        }
    }
}

extension TokenNeedle: CustomStringConvertible {
    var description: String {
        let word = String(decoding: text, as: UTF8.self)
        return "\"\(isWholeAtStart ? "" : "…")\(word)\(isWholeAtEnd ? "" : "…")\""
    }
}
