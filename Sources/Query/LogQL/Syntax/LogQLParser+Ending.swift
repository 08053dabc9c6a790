/// What goes beyond Loki's pipelines: `distinct`, `context`, `patterns`.
extension LogQLParser {
    /// Lines around each that `context` shows at most, on either side.
    static let contextLinesMax = 100

    /// `a, b`
    mutating func distinctNames() throws(QueryError) -> [String] {
        var names: [String] = []
        repeat { names.append(try identifier()) } while accept(symbol: ",")
        return names
    }

    /// Behind a `|`: steps over `context …` or `patterns`, which end a pipeline. A label that has
    /// one of these names is compared with something.
    mutating func ending(of log: inout LogExpression) throws(QueryError) -> Bool {
        let start = token.offset
        guard isWord("context") || isWord("patterns"), !isComparison(peek()) else { return false }
        if accept(word: "patterns") {
            log.ending = .patterns
        } else {
            advance()
            log.ending = try context(at: start)
        }
        if ["|", "|=", "|~", "|>"].contains(where: isSymbol) {
            throw problem("context and patterns must be the last of a pipeline", at: token.offset)
        }
        for case .unwrap in log.stages {
            throw problem("context and patterns are for log queries", at: start)
        }
        for case .distinct in log.stages where log.ending != .patterns {
            throw problem("context cannot follow distinct", at: start)
        }
        return true
    }

    /// `-A 3 -B 2`, in any order; `-C 3` is both.
    private mutating func context(
        at start: Int
    ) throws(QueryError) -> LogExpression.Ending {
        var before: Int?
        var after: Int?
        while accept(symbol: "-") {
            let option = try identifier("A, B or C")
            guard case .number(let text) = token.kind, let count = Int(text) else {
                throw unexpected(expecting: "NUMBER")
            }
            guard count <= LogQLParser.contextLinesMax else {
                throw .limit(name: "query.context_lines_max", allowed: LogQLParser.contextLinesMax)
            }
            switch option {
            case "A": after = count
            case "B": before = count
            case "C": (before, after) = (count, count)
            default: throw problem("context: unknown option -\(option)", at: start)
            }
            advance()
        }
        guard before != nil || after != nil else { throw unexpected(expecting: "-A, -B or -C") }
        return .context(before: before ?? 0, after: after ?? 0)
    }
}
