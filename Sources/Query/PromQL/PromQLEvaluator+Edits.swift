internal import Model

/// Functions of MetricsQL over labels and whole vectors.
extension PromQLEvaluator {
    func edit(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> StepMatrix {
        let arguments = node.arguments
        switch node.function.implementation {
        case .labelEdit(let edit):
            return try edit.apply(
                to: vector(arguments[0], grid), arguments.dropFirst().map(string))
        case .labelValue:
            return try unnamed(
                VectorEdit.labelValue(vector(arguments[0], grid), string(arguments[1])))
        case .graphiteGroup:
            let places = try arguments.dropFirst().map { argument in
                try scalar(argument, grid).first.flatMap { Int(exactly: $0) } ?? -1
            }
            return try VectorEdit.graphiteGroup(vector(arguments[0], grid), places)
        case .dropCommonLabels: return try VectorEdit.droppingCommonLabels(union(node, grid))
        case .limitOffset:
            let (count, offset) = (try scalar(arguments[0], grid), try scalar(arguments[1], grid))
            return VectorEdit.limit(
                try vector(arguments[2], grid), count: count.first ?? 0,
                offset: offset.first ?? 0)
        case .bitmap(let operation):
            let mask = try scalar(arguments[1], grid)
            return try mapFloats(vector(arguments[0], grid)) { operation.apply($0, mask[$1]) }
        default: return try union(node, grid)
        }
    }

    private func union(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> StepMatrix {
        VectorEdit.union(try node.arguments.map { try vector($0, grid) })
    }
}
