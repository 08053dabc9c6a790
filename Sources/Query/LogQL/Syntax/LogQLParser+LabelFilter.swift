internal import Model

/// Label filters: `level="error" and (status >= 500 or duration > 1s)`.
extension LogQLParser {
    func isComparison(_ token: LogQLToken) -> Bool {
        guard case .symbol(let text) = token.kind else { return false }
        return ["=", "==", "!=", "=~", "!~", "<", "<=", ">", ">="].contains(text)
    }

    mutating func labelFilter() throws(QueryError) -> LabelFilterExpression {
        try nested { parser throws(QueryError) in
            var left = try parser.conjunction()
            while parser.accept(word: "or") {
                try parser.countOperator()
                left = .or(left, try parser.conjunction())
            }
            return left
        }
    }

    /// Conditions joined by `and`, a comma or nothing.
    private mutating func conjunction() throws(QueryError) -> LabelFilterExpression {
        var left = try condition()
        while true {
            let hasWord = accept(word: "and") || accept(symbol: ",")
            guard hasWord || startsCondition else { return left }
            try countOperator()
            left = .and(left, try condition())
        }
    }

    private var startsCondition: Bool {
        switch token.kind {
        case .identifier: !isWord("or") && isComparison(peek())
        case .symbol("("): true
        default: false
        }
    }

    private mutating func condition() throws(QueryError) -> LabelFilterExpression {
        if accept(symbol: "(") {
            let inner = try labelFilter()
            try expect(symbol: ")")
            return inner
        }
        let name = try identifier()
        guard isComparison(token), case .symbol(let operation) = token.kind else {
            throw unexpected()
        }
        advance()
        let offset = token.offset
        switch token.kind {
        case .string(let value):
            guard let operation = Matcher.Operation(rawValue: operation) else {
                throw unexpected(expecting: "BYTES or NUMBER or DURATION")
            }
            advance()
            return .string(try matcher(name, operation, value, at: offset))
        case .identifier("ip"):
            guard operation == "=" || operation == "!=" else {
                throw unexpected(expecting: "BYTES or NUMBER or DURATION")
            }
            return .address(
                name: name, isNegated: operation == "!=", try labelAddress())
        default: return try quantity(name, operation)
        }
    }

    private mutating func labelAddress() throws(QueryError) -> String {
        advance()
        try expect(symbol: "(")
        let offset = token.offset
        let text = try string()
        guard AddressRange(text) != nil else {
            throw problem(
                "ip: invalid pattern (\(text)): neither an address nor a range nor a CIDR",
                at: offset)
        }
        try expect(symbol: ")")
        return text
    }

    private mutating func quantity(
        _ name: String, _ operation: String
    ) throws(QueryError) -> LabelFilterExpression {
        let offset = token.offset
        guard let comparison = LogQLComparison(rawValue: operation == "=" ? "==" : operation)
        else {
            throw unexpected(expecting: "STRING")
        }
        let isNegative = accept(symbol: "-")
        guard case .number(let text) = token.kind else {
            throw unexpected(
                expecting: comparison == .equal || comparison == .notEqual
                    ? "STRING or BYTES or NUMBER or DURATION" : "BYTES or NUMBER or DURATION")
        }
        advance()
        let sign: Double = isNegative ? -1 : 1
        let written = (isNegative ? "-" : "") + text
        let bytes = Array(text.utf8)[...]
        if let value = Double(text) {
            return .quantity(
                name: name, comparison, value: sign * value, unit: .number, text: written)
        }
        if let nanos = LogQLQuantity.durationNanos(bytes) {
            return .quantity(
                name: name, comparison, value: sign * Double(nanos) / 1e9, unit: .duration,
                text: written)
        }
        if let size = LogQLQuantity.byteCount(bytes) {
            return .quantity(
                name: name, comparison, value: sign * size, unit: .bytes, text: written)
        }
        throw problem(
            "syntax error: \(text) is not a NUMBER, a DURATION or BYTES", at: offset)
    }
}
