package import Model

/// What can go wrong with a query, in either language. HTTP maps the cases to status and error
/// type: `parse`, `unsupported` → 400 bad_data; `execution`, `limit` → 422 execution;
/// `timeout` → 503 timeout; `cancelled` → 499 canceled.
package enum QueryError: Error, Hashable, Sendable {
    /// The text is not a query. `position` is where the reader noticed.
    case parse(message: String, position: QueryPosition)
    /// The text is a query of the language, but this construct is not built yet.
    case unsupported(name: String, position: QueryPosition)
    /// The query is well formed and cannot be answered on this data (many-to-many matching …).
    case execution(message: String)
    /// `name`: the configuration key of the limit.
    case limit(name: String, allowed: Int)
    case timeout
    case cancelled

    package init(_ error: QueryLimitError) {
        switch error {
        case .exceeded(let limit, let allowed): self = .limit(name: limit, allowed: allowed)
        case .timeout: self = .timeout
        case .cancelled: self = .cancelled
        }
    }

    /// Wraps what came through an untyped door (a querier or its sink).
    package init(wrapping error: any Error) {
        switch error {
        case let error as QueryError: self = error
        case let error as QueryLimitError: self.init(error)
        default: self = .execution(message: String(describing: error))
        }
    }
}

extension QueryError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .parse(let message, let position):
            switch position.style {
            case .prometheus: "\(position.line):\(position.column): parse error: \(message)"
            case .loki:
                "parse error at line \(position.line), col \(position.column): \(message)"
            }
        case .unsupported(let name, let position):
            switch position.style {
            case .prometheus:
                "\(position.line):\(position.column): \(name) is not supported yet"
            case .loki:
                "parse error at line \(position.line), col \(position.column): "
                    + "\(name) is not supported yet"
            }
        case .execution(let message): message
        case .limit(let name, let allowed):
            "the query passes the limit \(name), which allows \(allowed)"
        case .timeout: "query timed out"
        case .cancelled: "query was canceled"
        }
    }
}

/// A place in the text of a query.
package struct QueryPosition: Hashable, Sendable {
    /// Bytes from the start.
    package let offset: Int
    /// From 1.
    package let line: Int
    /// From 1; in bytes, in Loki's style in characters.
    package let column: Int
    /// Whose way of writing a place is used.
    package let style: Style

    package enum Style: Hashable, Sendable { case prometheus, loki }

    /// `offset` beyond the end is taken for the end. O(offset).
    package init(offset: Int, in text: [UInt8], style: Style = .prometheus) {
        let bounded = min(max(offset, 0), text.count)
        var line = 1
        var lineStart = 0
        for index in 0..<bounded where text[index] == 0x0A {
            line += 1
            lineStart = index + 1
        }
        self.offset = bounded
        self.line = line
        self.style = style
        let isBytes = style == .prometheus
        column = text[lineStart..<bounded].count { isBytes || $0 & 0xC0 != 0x80 } + 1
    }
}
