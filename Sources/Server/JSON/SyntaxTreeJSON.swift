internal import Model
package import Query

/// The syntax tree of a PromQL expression as `/api/v1/parse_query` gives it: Prometheus' JSON, keys
/// in alphabetical order as Go writes them.
///
///     aggregation     expr grouping op param without
///     binaryExpr      bool lhs matching op rhs; matching is null unless both sides are vectors
///     call            args func
///     matrixSelector  anchored matchers name offset range smoothed startOrEnd timestamp
///     numberLiteral   val
///     parenExpr       expr
///     stringLiteral   val
///     subquery        alignEvalTime expr offset range startOrEnd step timestamp
///     unaryExpr       expr op
///     vectorSelector  anchored matchers name offset smoothed startOrEnd timestamp
///
/// Times are milliseconds. A duration that is more than a literal counts 0, as there; so does a
/// window that is not written, which only MetricsQL has. What else only MetricsQL has is beside this:
/// `keepMetricNames` (true, of a call or binaryExpr), `limit` (of an aggregation) and `orMatchers`
/// (of selectors: a list for each further alternative) are there only where they are written. WITH
/// templates and macros are shown as what they stand for.
///
/// Source: Prometheus, web/api/v1/translate_ast.go.
package enum SyntaxTreeJSON {
    /// O(size of the tree).
    package static func write(_ expr: PromQLExpr, to json: inout JSONWriter) {
        switch expr {
        case .number(let node):
            json.raw("{\"type\":\"numberLiteral\",\"val\":\"\(NumberText.format(node.value))\"}")
        case .string(let node):
            json.raw("{\"type\":\"stringLiteral\",\"val\":")
            json.string(node.value)
            json.raw("}")
        case .parens(let node):
            json.raw("{\"expr\":")
            write(node.inner, to: &json)
            json.raw(",\"type\":\"parenExpr\"}")
        case .unary(let node):
            json.raw("{\"expr\":")
            write(node.operand, to: &json)
            json.raw(",\"op\":\"\(node.isNegation ? "-" : "+")\",\"type\":\"unaryExpr\"}")
        case .vector(let node):
            json.raw("{")
            write(node, window: nil, to: &json)
            json.raw(",\"type\":\"vectorSelector\"}")
        case .matrix(let node):
            json.raw("{")
            write(node.selector, window: (node.windowNanos, node.window), to: &json)
            json.raw(",\"type\":\"matrixSelector\"}")
        case .subquery(let node): write(node, to: &json)
        case .call(let node): write(node, to: &json)
        case .aggregate(let node): write(node, to: &json)
        case .binary(let node): write(node, to: &json)
        }
    }

    // MARK: Selectors

    private static func write(
        _ node: PromQLExpr.VectorSelector, window: (nanos: Int64, expr: DurationExpr?)?,
        to json: inout JSONWriter
    ) {
        json.raw("\"anchored\":\(node.boundary == .anchored),\"matchers\":")
        write(node.matchers, to: &json)
        json.raw(",\"name\":")
        json.string(node.name)
        json.raw(",\"offset\":\(millis(node.shift.offsetNanos, node.shift.offset))")
        if !node.others.isEmpty {
            json.raw(",\"orMatchers\":")
            list(node.others, to: &json) { write($0, to: &$1) }
        }
        if let window { json.raw(",\"range\":\(millis(window.nanos, window.expr))") }
        json.raw(",\"smoothed\":\(node.boundary == .smoothed)")
        json.raw(",\"startOrEnd\":\(startOrEnd(node.shift))")
        json.raw(",\"timestamp\":\(timestamp(node.shift))")
    }

    private static func write(_ matchers: [Matcher], to json: inout JSONWriter) {
        list(matchers, to: &json) { matcher, json in
            json.raw("{\"name\":")
            json.string(matcher.name)
            json.raw(",\"type\":\"\(matcher.operation.rawValue)\",\"value\":")
            json.string(matcher.value)
            json.raw("}")
        }
    }

    private static func write(_ node: PromQLExpr.Subquery, to json: inout JSONWriter) {
        json.raw("{\"alignEvalTime\":false,\"expr\":")
        write(node.inner, to: &json)
        json.raw(",\"offset\":\(millis(node.shift.offsetNanos, node.shift.offset))")
        json.raw(",\"range\":\(millis(node.windowNanos, node.window))")
        json.raw(",\"startOrEnd\":\(startOrEnd(node.shift))")
        json.raw(",\"step\":\(millis(node.stepNanos, node.step))")
        json.raw(",\"timestamp\":\(timestamp(node.shift)),\"type\":\"subquery\"}")
    }

    /// 0 for what is not written, or more than a literal.
    private static func millis(_ nanos: Int64?, _ expr: DurationExpr?) -> Int64 {
        expr == nil ? (nanos ?? 0) / 1_000_000 : 0
    }

    private static func startOrEnd(_ shift: PromQLExpr.TimeShift) -> String {
        switch shift.anchor {
        case .start: "\"start\""
        case .end: "\"end\""
        case .timestamp, nil: "null"
        }
    }

    private static func timestamp(_ shift: PromQLExpr.TimeShift) -> String {
        if case .timestamp(let millis) = shift.anchor { String(millis) } else { "null" }
    }

    // MARK: Calls and operators

    private static func write(_ node: PromQLExpr.Call, to json: inout JSONWriter) {
        json.raw("{\"args\":")
        list(node.arguments, to: &json) { write($0, to: &$1) }
        json.raw(",\"func\":{\"argTypes\":")
        list(node.function.parameters, to: &json) { $1.raw("\"\(name(of: $0))\"") }
        json.raw(",\"name\":\"\(node.function.name)\"")
        json.raw(",\"returnType\":\"\(name(of: node.function.result))\"")
        json.raw(",\"variadic\":\(node.function.variadic)}")
        if node.keepsMetricNames { json.raw(",\"keepMetricNames\":true") }
        json.raw(",\"type\":\"call\"}")
    }

    private static func name(of type: PromQLExpr.ValueType) -> String {
        switch type {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "vector"
        case .matrix: "matrix"
        }
    }

    private static func write(_ node: PromQLExpr.Aggregate, to json: inout JSONWriter) {
        json.raw("{\"expr\":")
        write(node.operand, to: &json)
        json.raw(",\"grouping\":")
        json.array(node.grouping.names)
        if let limit = node.limit { json.raw(",\"limit\":\(limit)") }
        json.raw(",\"op\":\"\(node.operation.rawValue)\",\"param\":")
        if let parameter = node.parameter {
            write(parameter, to: &json)
        } else {
            json.raw("null")
        }
        json.raw(",\"type\":\"aggregation\",\"without\":\(node.grouping.isWithout)}")
    }

    private static func write(_ node: PromQLExpr.Binary, to json: inout JSONWriter) {
        json.raw("{\"bool\":\(node.returnsBool)")
        if node.keepsMetricNames { json.raw(",\"keepMetricNames\":true") }
        json.raw(",\"lhs\":")
        write(node.left, to: &json)
        json.raw(",\"matching\":")
        if node.left.type == .vector, node.right.type == .vector {
            write(node.matching, isSet: node.operation.isSetOperator, to: &json)
        } else {
            json.raw("null")
        }
        json.raw(",\"op\":\"\(node.operation.rawValue)\",\"rhs\":")
        write(node.right, to: &json)
        json.raw(",\"type\":\"binaryExpr\"}")
    }

    private static func write(
        _ matching: PromQLExpr.VectorMatching, isSet: Bool, to json: inout JSONWriter
    ) {
        let cardinality =
            switch matching.cardinality {
            case .oneToOne: isSet ? "many-to-many" : "one-to-one"
            case .manyToOne: "many-to-one"
            case .oneToMany: "one-to-many"
            }
        json.raw("{\"card\":\"\(cardinality)\",\"fillValues\":{\"lhs\":")
        number(matching.fillLeft, to: &json)
        json.raw(",\"rhs\":")
        number(matching.fillRight, to: &json)
        json.raw("},\"include\":")
        json.array(matching.include)
        json.raw(",\"labels\":")
        json.array(matching.labels)
        json.raw(",\"on\":\(matching.isOn)}")
    }

    /// A number that JSON does not have is a string.
    private static func number(_ value: Double?, to json: inout JSONWriter) {
        switch value {
        case nil: json.raw("null")
        case let value? where value.isFinite: json.raw(NumberText.format(value))
        case let value?: json.quoted(value)
        }
    }

    private static func list<Element>(
        _ elements: [Element], to json: inout JSONWriter,
        _ body: (Element, inout JSONWriter) -> Void
    ) {
        json.raw("[")
        for (index, element) in elements.enumerated() {
            if index > 0 { json.comma() }
            body(element, &json)
        }
        json.raw("]")
    }
}
