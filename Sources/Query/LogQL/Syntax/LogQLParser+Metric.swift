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
                    var side = "right"
                    if case .log = left { side = "left" }
                    throw parser.problem(
                        "unexpected type for \(side) leg of binary operation "
                            + "(\(operation.rawValue)): lines, not numbers", at: start)
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
        case .identifier where isWord("or"): .or
        case .identifier where isWord("and"): .and
        case .identifier where isWord("unless"): .unless
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
                    "bool modifier can only be used on comparison operators", at: token.offset)
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
        for (side, expression) in [("left", binary.left), ("right", binary.right)] {
            if binary.operation.isSet, case .number(let value) = expression {
                throw problem(
                    "unexpected literal for \(side) leg of logical/set binary operation "
                        + "(\(binary.operation.rawValue)): \(LogQLText.number(value))", at: start)
            }
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
            return .metric(.number(try signedNumber()))
        case .identifier(let name): return .metric(try call(of: name.lowercased()))
        default: throw unexpected()
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
            let value = try signedNumber()
            try expect(symbol: ")")
            return .vector(value)
        case "label_replace":
            advance()
            return .labelReplace(try labelReplace())
        case "variants":
            advance()
            return .variants(try variants())
        default:
            throw peek().kind == .symbol("(")
                ? problem(
                    "syntax error: unexpected IDENTIFIER, unknown function \(name)", at: start)
                : unexpected()
        }
    }

    private mutating func variants() throws(QueryError) -> VariantsExpression {
        try expect(symbol: "(")
        var expressions: [MetricExpression] = []
        repeat {
            try countOperator()
            expressions.append(try metric("variants"))
        } while accept(symbol: ",")
        try expect(symbol: ")")
        guard accept(word: "of") else { throw unexpected(expecting: "of") }
        try expect(symbol: "(")
        var lines = RangeAggregation(
            function: .countOverTime, log: LogExpression(matchers: [], stages: []), rangeNanos: 0,
            offsetNanos: 0)
        try logRange(into: &lines)
        guard lines.rangeNanos > 0 else { throw unexpected(expecting: "RANGE, as in [5m]") }
        try expect(symbol: ")")
        return VariantsExpression(expressions: expressions, lines: lines)
    }

    private mutating func labelReplace() throws(QueryError) -> LabelReplacement {
        try expect(symbol: "(")
        let operand = try metric("label_replace")
        try expect(symbol: ",")
        let destination = try string()
        try expect(symbol: ",")
        let replacement = try string()
        try expect(symbol: ",")
        let source = try string()
        try expect(symbol: ",")
        let offset = token.offset
        let pattern = try string()
        try expect(symbol: ")")
        return LabelReplacement(
            operand: operand, destination: destination, replacement: replacement,
            source: source, pattern: pattern,
            expression: try regularExpression(
                "^(?s:\(pattern))$", at: offset, in: "invalid regex in label_replace: "))
    }

    /// An expression that must not be lines.
    private mutating func metric(_ name: String) throws(QueryError) -> MetricExpression {
        let start = token.offset
        guard case .metric(let metric) = try expression(minimumPrecedence: 1) else {
            if isSymbol("[") { throw unexpected() }
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
        let parameter = try count(of: function)
        let operand = try metric(function.rawValue)
        try expect(symbol: ")")
        if grouping == nil { grouping = try self.grouping() }
        if grouping != nil {
            switch function {
            case .sort, .sortDescending:
                throw problem("sort and sort_desc doesn't allow grouping by", at: start)
            case .approximateTopk:
                throw problem(
                    "grouping not allowed for \(function.rawValue) aggregation", at: start)
            default: break
            }
        }
        return VectorAggregation(
            function: function, parameter: parameter, operand: operand, grouping: grouping)
    }

    /// The number that `topk` and its kin begin with, and the comma.
    private mutating func count(
        of function: VectorAggregation.Function
    ) throws(QueryError) -> Int? {
        let offset = token.offset
        let name = function.rawValue
        guard case .number(let text) = token.kind, peek().kind == .symbol(",") else {
            guard function.takesParameter else { return nil }
            let isNumber = isSymbol("-") || isSymbol("+")
            if case .identifier = token.kind, peek().kind == .symbol(",") { throw unexpected() }
            throw problem(
                isNumber
                    ? "invalid parameter (must be greater than 0) \(name)(-"
                    : "parameter required for operation \(name)", at: offset)
        }
        guard function.takesParameter else {
            throw problem("unsupported parameter for operation \(name)(\(text),", at: offset)
        }
        guard let value = Int(text), value <= 1_000_000 else {
            throw problem("invalid parameter \(name)(\(text),", at: offset)
        }
        guard value > 0 else {
            throw problem(
                "invalid parameter (must be greater than 0) \(name)(\(text)", at: offset)
        }
        advance()
        advance()
        return value
    }

    private mutating func rangeAggregation(
        _ function: RangeAggregation.Function, at start: Int
    ) throws(QueryError) -> RangeAggregation {
        try expect(symbol: "(")
        var result = RangeAggregation(
            function: function, log: LogExpression(matchers: [], stages: []), rangeNanos: 0,
            offsetNanos: 0)
        try parameter(of: &result)
        try logRange(into: &result)
        guard result.rangeNanos > 0 else {
            throw unexpected(expecting: "RANGE, as in [5m]")
        }
        try expect(symbol: ")")
        let groupingStart = token.offset
        result.grouping = try grouping()
        let name = function.rawValue
        if result.grouping != nil, !function.allowsGrouping {
            throw problem("grouping not allowed for \(name) aggregation", at: groupingStart)
        }
        if result.unwrap == nil, function.needsUnwrap {
            throw problem("invalid aggregation \(name) without unwrap", at: start)
        }
        if result.unwrap != nil, !function.allowsUnwrap {
            throw problem("invalid aggregation \(name) with unwrap", at: start)
        }
        for case .distinct in result.log.stages {
            throw problem(
                "distinct is for log queries; count_distinct_over_time counts the values of a label",
                at: start)
        }
        if result.log.ending != nil {
            throw problem("context and patterns are for log queries", at: start)
        }
        return result
    }

    /// What stands before the lines: the quantile, or the label whose values are counted.
    private mutating func parameter(
        of result: inout RangeAggregation
    ) throws(QueryError) {
        let start = token.offset
        let name = result.function.rawValue
        if result.function == .countDistinctOverTime {
            result.label = try identifier()
            return try expect(symbol: ",")
        }
        let hasNumber =
            if case .number = token.kind { true } else { isSymbol("-") || isSymbol("+") }
        guard hasNumber else {
            guard result.function == .quantileOverTime else { return }
            throw problem("parameter required for operation \(name)", at: start)
        }
        let value = try signedNumber()
        try expect(symbol: ",")
        guard result.function == .quantileOverTime else {
            throw problem(
                "parameter \(LogQLText.number(value)) not supported for operation \(name)",
                at: start)
        }
        result.parameter = value
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
                throw unexpected(expecting: "{ or (")
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
        guard result.rangeNanos == 0 else { throw unexpected() }
        advance()
        result.rangeNanos = try duration("RANGE, as in [5m]")
        try expect(symbol: "]")
        guard accept(word: "offset") else { return }
        let isNegative = accept(symbol: "-")
        let offset = try duration("DURATION", allowsZero: true)
        result.offsetNanos = isNegative ? -offset : offset
    }
}
