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
        case .identifier(let name): name != "or" && isComparison(peek())
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
        let name = try identifier("a label name")
        guard isComparison(token), case .symbol(let operation) = token.kind else {
            throw unexpected(expecting: "a comparison")
        }
        advance()
        let offset = token.offset
        switch token.kind {
        case .string(let value):
            advance()
            guard let operation = Matcher.Operation(rawValue: operation) else {
                throw problem(
                    "\(operation) needs a number, a duration or a size, not a text", at: offset)
            }
            return .string(try matcher(name, operation, value, at: offset))
        case .identifier("ip"):
            guard operation == "=" || operation == "!=" else {
                throw problem("ip() needs = or !=", at: offset)
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
        let text = try string("an address, range or CIDR in quotes")
        guard AddressRange(text) != nil else {
            throw problem(
                "ip: invalid address, range or CIDR \(LogQLText.quoted(text))", at: offset)
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
            throw problem("\(operation) needs a text in quotes", at: offset)
        }
        let isNegative = accept(symbol: "-")
        guard case .number(let text) = token.kind else {
            throw unexpected(expecting: "a text, a number, a duration or a size")
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
            "\(text) is not a number, a duration or a size", at: offset)
    }
}
