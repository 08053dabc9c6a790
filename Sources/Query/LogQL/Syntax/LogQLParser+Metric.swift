internal import Model

/// Metric queries: operators, aggregations, functions over ranges.
extension LogQLParser {
    /// Operators of at least `minimumPrecedence`, by precedence climbing.
    mutating func expression(
        minimumPrecedence: Int
    ) throws(QueryError) -> LogQLExpression {
        try nested { parser throws(QueryError) in
            var left = try parser.primary()
            while let operation = parser.binaryOperation,
                operation.precedence >= minimumPrecedence
            {
                let start = parser.token.offset
                try parser.countOperator()
                parser.advance()
                var binary = try parser.modifiers(of: operation)
                // Only ^ associates to the right.
                let next = operation == .power ? operation.precedence : operation.precedence + 1
                let right = try parser.expression(minimumPrecedence: next)
                guard case .metric(let leftMetric) = left, case .metric(let rightMetric) = right
                else {
                    throw parser.problem(
                        "operator \(operation.rawValue) needs numbers on both sides, not lines",
                        at: start)
                }
                binary.left = leftMetric
                binary.right = rightMetric
                left = .metric(try parser.checked(binary, at: start))
            }
            return left
        }
    }

    private var binaryOperation: BinaryExpression.Operation? {
        switch token.kind {
        case .symbol(let text): BinaryExpression.Operation(rawValue: text)
        case .identifier(let text) where text == "or" || text == "and" || text == "unless":
            BinaryExpression.Operation(rawValue: text)
        default: nil
        }
    }

    /// `bool`, `on`, `ignoring`, `group_left`, `group_right` behind an operator.
    private mutating func modifiers(
        of operation: BinaryExpression.Operation
    ) throws(QueryError) -> BinaryExpression {
        var binary = BinaryExpression(
            operation: operation, returnsBool: false, matching: nil, cardinality: .oneToOne,
            left: .number(0), right: .number(0))
        if isWord("bool") {
            guard operation.comparison != nil else {
                throw problem(
                    "bool is for comparisons, not for \(operation.rawValue)", at: token.offset)
            }
            advance()
            binary.returnsBool = true
        }
        guard isWord("on") || isWord("ignoring") else { return binary }
        let isIgnoring = isWord("ignoring")
        advance()
        binary.matching = LabelGrouping(names: try nameList(), isWithout: isIgnoring)
        guard isWord("group_left") || isWord("group_right") else { return binary }
        let isLeft = isWord("group_left")
        if operation.isSet {
            throw problem(
                "no grouping allowed for set operation \(operation.rawValue)", at: token.offset)
        }
        advance()
        let included = isSymbol("(") ? try nameList() : []
        binary.cardinality = isLeft ? .manyToOne(included) : .oneToMany(included)
        return binary
    }

    private func checked(
        _ binary: BinaryExpression, at start: Int
    ) throws(QueryError) -> MetricExpression {
        var literalCount = 0
        if case .number = binary.left { literalCount += 1 }
        if case .number = binary.right { literalCount += 1 }
        if binary.operation.isSet, literalCount > 0 {
            throw problem(
                "unexpected literal for a side of set operation \(binary.operation.rawValue)",
                at: start)
        }
        return .binary(binary)
    }

    private mutating func primary() throws(QueryError) -> LogQLExpression {
        switch token.kind {
        case .symbol("{"): return .log(try logExpression())
        case .symbol("("):
            advance()
            let inner = try expression(minimumPrecedence: 1)
            try expect(symbol: ")")
            // A pipeline may go on behind parentheses: ({…} |= "a") |= "b".
            guard case .log(var log) = inner else { return inner }
            try stages(into: &log)
            return .log(log)
        case .number, .symbol("-"), .symbol("+"):
            return .metric(.number(try signedNumber("a number")))
        case .identifier(let name): return .metric(try call(of: name))
        default: throw unexpected(expecting: "a selector, a function or a number")
        }
    }

    private mutating func call(of name: String) throws(QueryError) -> MetricExpression {
        let start = token.offset
        if let function = RangeAggregation.Function(rawValue: name) {
            advance()
            return .range(try rangeAggregation(function, at: start))
        }
        if let function = VectorAggregation.Function(rawValue: name) {
            advance()
            return .aggregation(try vectorAggregation(function, at: start))
        }
        switch name {
        case "vector":
            advance()
            try expect(symbol: "(")
            let value = try signedNumber("a number")
            try expect(symbol: ")")
            return .vector(value)
        case "label_replace":
            advance()
            return .labelReplace(try labelReplace())
        case "variants":
            throw unsupported("variants", at: start)
        default:
            throw peek().kind == .symbol("(")
                ? problem("unknown function \(name)", at: start)
                : unexpected(expecting: "a selector, a function or a number")
        }
    }

    private mutating func labelReplace() throws(QueryError) -> LabelReplacement {
        try expect(symbol: "(")
        let operand = try metric("label_replace")
        try expect(symbol: ",")
        let destination = try string("the destination label in quotes")
        try expect(symbol: ",")
        let replacement = try string("the replacement in quotes")
        try expect(symbol: ",")
        let source = try string("the source label in quotes")
        try expect(symbol: ",")
        let offset = token.offset
        let pattern = try string("the regular expression in quotes")
        try expect(symbol: ")")
        return LabelReplacement(
            operand: operand, destination: destination, replacement: replacement,
            source: source, pattern: pattern,
            expression: try regularExpression("^(?s:\(pattern))$", at: offset))
    }

    /// An expression that must not be lines.
    private mutating func metric(_ name: String) throws(QueryError) -> MetricExpression {
        let start = token.offset
        guard case .metric(let metric) = try expression(minimumPrecedence: 1) else {
            throw problem(
                "\(name) needs numbers, not lines: wrap them, as in count_over_time(… [5m])",
                at: start)
        }
        return metric
    }

    private mutating func grouping() throws(QueryError) -> LabelGrouping? {
        guard isWord("by") || isWord("without") else { return nil }
        let isWithout = isWord("without")
        advance()
        return LabelGrouping(names: try nameList(), isWithout: isWithout)
    }

    private mutating func vectorAggregation(
        _ function: VectorAggregation.Function, at start: Int
    ) throws(QueryError) -> VectorAggregation {
        var grouping = try grouping()
        try expect(symbol: "(")
        var parameter: Int?
        if function.takesParameter {
            let offset = token.offset
            let value = try signedNumber("how many, as in \(function.rawValue)(5, …)")
            guard value >= 1, value <= 1e6, value == value.rounded() else {
                throw problem(
                    "invalid parameter \(LogQLText.number(value)) for \(function.rawValue)",
                    at: offset)
            }
            parameter = Int(value)
            try expect(symbol: ",")
        }
        let operand = try metric(function.rawValue)
        try expect(symbol: ")")
        if grouping == nil { grouping = try self.grouping() }
        if grouping != nil, function == .sort || function == .sortDescending {
            throw problem("\(function.rawValue) takes no grouping", at: start)
        }
        return VectorAggregation(
            function: function, parameter: parameter, operand: operand, grouping: grouping)
    }

    private mutating func rangeAggregation(
        _ function: RangeAggregation.Function, at start: Int
    ) throws(QueryError) -> RangeAggregation {
        try expect(symbol: "(")
        var parameter: Double?
        if function == .quantileOverTime {
            parameter = try signedNumber("the quantile")
            try expect(symbol: ",")
        }
        var result = RangeAggregation(
            function: function, parameter: parameter,
            log: LogExpression(matchers: [], stages: []), rangeNanos: 0, offsetNanos: 0)
        try logRange(into: &result)
        guard result.rangeNanos > 0 else {
            throw unexpected(expecting: "a range, as in [5m]")
        }
        try expect(symbol: ")")
        let groupingStart = token.offset
        result.grouping = try grouping()
        let name = function.rawValue
        if result.grouping != nil, !function.allowsGrouping {
            throw problem("grouping not allowed for \(name)", at: groupingStart)
        }
        if result.unwrap == nil, function.needsUnwrap {
            throw problem("invalid aggregation \(name) without unwrap", at: start)
        }
        if result.unwrap != nil, !function.allowsUnwrap {
            throw problem("invalid aggregation \(name) with unwrap", at: start)
        }
        return result
    }

    /// Selector, pipeline and range; the range may stand before or behind the pipeline, and
    /// parentheses around what is before the range.
    private mutating func logRange(
        into result: inout RangeAggregation
    ) throws(QueryError) {
        if accept(symbol: "(") {
            result = try nested { [result] parser throws(QueryError) in
                var inner = result
                try parser.logRange(into: &inner)
                try parser.expect(symbol: ")")
                return inner
            }
        } else {
            guard isSymbol("{") else {
                throw unexpected(expecting: "a log selector, as in {app=\"api\"}")
            }
            result.log.matchers = try selector()
        }
        try range(into: &result)
        try stages(into: &result.log)
        try range(into: &result)
    }

    private mutating func range(
        into result: inout RangeAggregation
    ) throws(QueryError) {
        guard isSymbol("[") else { return }
        guard result.rangeNanos == 0 else {
            throw problem("a second range", at: token.offset)
        }
        advance()
        result.rangeNanos = try duration("a range")
        try expect(symbol: "]")
        guard accept(word: "offset") else { return }
        let isNegative = accept(symbol: "-")
        let offset = try duration("an offset", allowsZero: true)
        result.offsetNanos = isNegative ? -offset : offset
    }
}
