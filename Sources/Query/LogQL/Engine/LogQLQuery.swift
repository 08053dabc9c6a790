/// A LogQL query that has been read: whether it is about lines or numbers, and its canonical text.
package struct LogQLQuery: Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable { case lines, metric }

    let expression: LogQLExpression

    /// Throws `parse`, `unsupported` or `limit`.
    package init(_ text: String) throws(QueryError) {
        expression = try LogQLParser.expression(of: text)
    }

    init(_ expression: LogQLExpression) { self.expression = expression }

    package var kind: Kind {
        switch expression {
        case .log: .lines
        case .metric: .metric
        }
    }

    /// Whether lines of the answer depend on each other (`distinct`, `context`, `patterns`): then
    /// it is asked for at once, and not page by page.
    package var isWhole: Bool {
        guard case .log(let log) = expression else { return false }
        for case .distinct in log.stages { return true }
        return log.ending != nil
    }

    /// The canonical text: reads back as the same query.
    package var description: String { LogQLPrinter.text(of: expression) }
}
