internal import Model

/// Walks a query and lists the pieces that need samples, with the grids at which they are needed.
/// The evaluator derives the same grids and finds the results by `LeafJob.Key`.
struct LeafCollector {
    /// Limit `query.selectors_max`: pieces of one query that need samples.
    static let jobCountMax = 10_000

    let context: PromQLContext
    private(set) var jobs: [LeafJob] = []
    private var subqueryDepth = 0

    init(context: PromQLContext) { self.context = context }

    /// Adds the jobs of `expr` at `grid`. Returns how many stages it takes to have them all.
    @discardableResult
    mutating func collect(_ expr: PromQLExpr, _ grid: StepGrid) throws(QueryError) -> Int {
        if grid.count == 0 { return 0 }
        switch expr {
        case .number, .string, .matrix: return 0
        case .vector: return try add(expr, grid, key: expr.range, fold: nil) ?? 0
        case .parens(let node): return try collect(node.inner, grid)
        case .unary(let node): return try collect(node.operand, grid)
        case .binary(let node):
            return max(try collect(node.left, grid), try collect(node.right, grid))
        case .subquery(let node):
            let reference = context.reference(node.shift, grid).grid
            subqueryDepth += 1
            defer { subqueryDepth -= 1 }
            return try collect(node.inner, try context.subqueryGrid(node, reference))
        case .aggregate(let node):
            // Where there is nothing is known only when all series were seen.
            if AggregationFold.folds(node.operation), !LeafJob.isAbsence(node.operand) {
                let fold = LeafJob.Fold(
                    operation: node.operation, grouping: node.grouping,
                    range: node.operand.range)
                if let stages = try add(node.operand, grid, key: node.range, fold: fold) {
                    return stages
                }
            }
            var stages = try collect(node.operand, grid)
            if let parameter = node.parameter {
                stages = max(stages, try collect(parameter, grid))
            }
            return stages
        case .call(let node): return try collect(node, grid)
        }
    }

    private mutating func collect(
        _ node: PromQLExpr.Call, _ grid: StepGrid
    ) throws(QueryError) -> Int {
        var fold: LeafJob.Fold?
        var piece: PromQLExpr? = .call(node)
        switch node.function.implementation {
        case .absentOverTime: fold = .presence(node.range)
        case .absent:
            fold = .presence(node.range)
            piece = LeafJob.isAbsence(node.arguments[0]) ? nil : node.arguments[0]
        case .info: return try collectInfo(node, grid)
        default: break
        }
        if let piece, let stages = try add(piece, grid, key: node.range, fold: fold) {
            return stages
        }
        var stages = 0
        for argument in node.arguments { stages = max(stages, try collect(argument, grid)) }
        return stages
    }

    /// The series that `info` takes labels from are a leaf of their own, named by the word.
    private mutating func collectInfo(
        _ node: PromQLExpr.Call, _ grid: StepGrid
    ) throws(QueryError) -> Int {
        let stages = try collect(node.arguments[0], grid)
        let job = LeafJob(
            key: .init(range: InfoJoin.leafRange(of: node), grid: grid),
            selector: InfoJoin.selector(of: node), source: .infoTimestamps, fold: nil,
            range: node.range, reference: grid, isAnchored: false,
            lookbackNanos: context.lookbackNanos, stage: 0)
        try append(job)
        return max(stages, 1)
    }

    private mutating func append(_ job: LeafJob) throws(QueryError) {
        if let known = jobs.firstIndex(where: { $0.key == job.key }) {
            jobs[known].isCounted = jobs[known].isCounted || subqueryDepth == 0
            return
        }
        guard jobs.count < LeafCollector.jobCountMax else {
            throw .limit(name: "query.selectors_max", allowed: LeafCollector.jobCountMax)
        }
        jobs.append(job)
        jobs[jobs.count - 1].isCounted = subqueryDepth == 0
    }

    /// Nil when `expr` is no piece that samples go straight into.
    private mutating func add(
        _ expr: PromQLExpr, _ grid: StepGrid, key: Range<Int>, fold: LeafJob.Fold?
    ) throws(QueryError) -> Int? {
        guard let (selector, source, range) = LeafJob.source(of: expr) else { return nil }
        let reference = context.reference(selector.shift, grid)
        var job = LeafJob(
            key: .init(range: key, grid: grid), selector: selector, source: source, fold: fold,
            range: range, reference: reference.grid, isAnchored: reference.isAnchored,
            lookbackNanos: context.lookbackNanos, stage: 0)
        if case .call(let call) = expr.withoutParens {
            job.keepsMetricNames = call.keepsMetricNames
        }
        // Series whose names differ only in what is dropped are an error that a fold cannot see.
        if let fold, job.dropsMetricName, selector.onlyName == nil, !fold.isPresence { return nil }
        if case .window(_, _, let parameters) = source {
            for parameter in parameters {
                job.stage = max(job.stage, try collect(parameter, grid))
            }
        }
        try append(job)
        return job.stage + 1
    }
}

extension LeafJob.Fold {
    /// For `absent`: one group, 1 wherever there is anything.
    static func presence(_ range: Range<Int>) -> LeafJob.Fold {
        LeafJob.Fold(operation: .group, grouping: .all, range: range)
    }

    fileprivate var isPresence: Bool { operation == .group && grouping == .all }
}
