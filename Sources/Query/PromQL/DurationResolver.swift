/// Puts numbers in the place of durations that speak of the query they stand in.
struct DurationResolver {
    private let surroundings: DurationExpr.Surroundings
    private let text: [UInt8]

    /// `text`: the query's, for places in errors.
    init(_ context: PromQLContext, text: [UInt8]) {
        surroundings = .init(
            stepSeconds: StepGrid.seconds(nanos: context.stepNanos),
            rangeSeconds: StepGrid.seconds(nanos: context.endNanos &- context.startNanos),
            implicitSeconds: StepGrid.seconds(
                nanos: max(context.stepNanos, context.lookbackNanos)))
        self.text = text
    }

    /// `expr` with every duration known. Errors: `parse`. O(size of the tree).
    func resolve(_ expr: PromQLExpr) throws(QueryError) -> PromQLExpr {
        switch expr {
        case .number, .string: return expr
        case .vector(var node):
            try resolve(&node.shift, at: node.range)
            return .vector(node)
        case .matrix(var node):
            try resolve(&node.selector.shift, at: node.range)
            try resolve(&node.windowNanos, node.window, at: node.range)
            return .matrix(node)
        case .subquery(var node):
            node.inner = try resolve(node.inner)
            try resolve(&node.shift, at: node.range)
            try resolve(&node.windowNanos, node.window, at: node.range)
            if var nanos = node.stepNanos {
                try resolve(&nanos, node.step, at: node.range)
                node.stepNanos = nanos
            }
            return .subquery(node)
        case .call(var node):
            node.arguments = try resolved(node.arguments)
            return .call(node)
        case .aggregate(var node):
            node.operand = try resolve(node.operand)
            if let parameter = node.parameter { node.parameter = try resolve(parameter) }
            return .aggregate(node)
        case .unary(var node):
            node.operand = try resolve(node.operand)
            return .unary(node)
        case .binary(var node):
            node.left = try resolve(node.left)
            node.right = try resolve(node.right)
            return .binary(node)
        case .parens(var node):
            node.inner = try resolve(node.inner)
            return .parens(node)
        }
    }

    private func resolved(_ list: [PromQLExpr]) throws(QueryError) -> [PromQLExpr] {
        var result: [PromQLExpr] = []
        for expr in list { result.append(try resolve(expr)) }
        return result
    }

    private func resolve(
        _ shift: inout PromQLExpr.TimeShift, at range: Range<Int>
    ) throws(QueryError) {
        guard let offset = shift.offset, !offset.isConstant else { return }
        shift.offsetNanos = try nanos(offset, at: range)
    }

    private func resolve(
        _ nanos: inout Int64, _ expr: DurationExpr?, at range: Range<Int>
    ) throws(QueryError) {
        guard let expr, !expr.isConstant else { return }
        nanos = try self.nanos(expr, at: range)
        guard nanos > 0 else {
            throw failure("duration must be greater than 0", at: range)
        }
    }

    private func nanos(
        _ expr: DurationExpr, at range: Range<Int>
    ) throws(QueryError) -> Int64 {
        do { return try expr.nanos(in: surroundings) } catch {
            throw failure(error.sentence, at: range)
        }
    }

    private func failure(_ message: String, at range: Range<Int>) -> QueryError {
        .parse(
            message: message, position: QueryPosition(offset: range.lowerBound, in: text))
    }
}
