internal import Model

/// What the evaluation of a query is told beside its text.
struct PromQLContext {
    /// Of the whole query, for `start()` and `end()`.
    let startNanos: Int64
    let endNanos: Int64
    let lookbackNanos: Int64
    let subqueryStepNanos: Int64
    /// Limit `query.subquery_steps_max`.
    let subqueryStepsMax: Int

    /// Of the whole query; 0 for an instant query.
    let stepNanos: Int64
    /// When it was asked.
    let nowNanos: Int64

    func seconds(_ bound: QueryBound) -> Double {
        switch bound {
        case .start: StepGrid.seconds(nanos: startNanos)
        case .end: StepGrid.seconds(nanos: endNanos)
        case .step: StepGrid.seconds(nanos: stepNanos)
        case .range: StepGrid.seconds(nanos: endNanos &- startNanos)
        }
    }

    /// Where windows end that are asked for at `grid`: moved by `offset`, or one instant when there
    /// is an `@`.
    func reference(
        _ shift: PromQLExpr.TimeShift, _ grid: StepGrid
    ) -> (grid: StepGrid, isAnchored: Bool) {
        let offset = shift.offsetNanos ?? 0
        switch shift.anchor {
        case nil: return (grid.moved(byNanos: offset), false)
        case .start: return (StepGrid(atNanos: startNanos).moved(byNanos: offset), true)
        case .end: return (StepGrid(atNanos: endNanos).moved(byNanos: offset), true)
        case .timestamp(let millis):
            let nanos = Timestamp(millis: millis).nanos
            return (StepGrid(atNanos: nanos).moved(byNanos: offset), true)
        }
    }

    /// The steps of a subquery.
    func subqueryGrid(
        _ node: PromQLExpr.Subquery, _ reference: StepGrid
    ) throws(QueryError) -> StepGrid {
        let grid = reference.subqueryGrid(
            windowNanos: node.windowNanos, stepNanos: node.stepNanos ?? subqueryStepNanos)
        guard grid.count <= subqueryStepsMax else {
            throw .limit(name: "query.subquery_steps_max", allowed: subqueryStepsMax)
        }
        return grid
    }
}

/// A piece of the query that the querier's samples go straight into: a selector with the function
/// around it and, where that folds, the aggregation around that. Samples are dropped as soon as
/// their series has become one row.
struct LeafJob {
    /// Which piece, evaluated where.
    struct Key: Hashable {
        let range: Range<Int>
        let grid: StepGrid
    }

    enum Source {
        /// The newest sample within the lookback, or its time.
        case instant(givesTimestamps: Bool)
        /// The time of the newest sample, and the metric name stays; a histogram is an error.
        case infoTimestamps
        case window(WindowFunction, nanos: Int64, parameters: [PromQLExpr])
        /// How often each value is in the window: a row for each, told apart by the label.
        case valueCounts(label: String, nanos: Int64)
    }

    /// What a row is folded into.
    struct Fold {
        var operation: PromQLExpr.Aggregate.Operation
        var grouping: LabelGrouping
        /// Of the aggregation's operand.
        var range: Range<Int>
    }

    var key: Key
    var selector: PromQLExpr.VectorSelector
    var source: Source
    var fold: Fold?
    /// Of the range selector, for annotations.
    var range: Range<Int>
    /// Where windows end; one step when `isAnchored`.
    var reference: StepGrid
    var isAnchored: Bool
    var lookbackNanos: Int64
    /// Whether it stands in no subquery, so that statistics count what it finds.
    var isCounted = false
    /// How many rounds of fetching have to come before, for the sake of `parameters`.
    var stage: Int

    private var windowNanos: Int64 {
        switch source {
        case .instant, .infoTimestamps: lookbackNanos
        case .window(_, let nanos, _), .valueCounts(_, let nanos): nanos
        }
    }

    /// The window whose samples are counted; nil where a step looks at one sample.
    var countedWindowNanos: Int64? {
        switch source {
        case .instant, .infoTimestamps: nil
        case .window(_, let nanos, _), .valueCounts(_, let nanos): nanos
        }
    }

    /// How far it looks beyond the window, backwards and forwards.
    private var reachNanos: (back: Int64, ahead: Int64) {
        switch (selector.boundary, source) {
        case (.plain, _): (0, 0)
        case (.anchored, _): (lookbackNanos, 0)
        case (.smoothed, .window): (lookbackNanos, lookbackNanos)
        case (.smoothed, _): (0, lookbackNanos)
        }
    }

    /// The samples it needs: start ≤ t < end, nanoseconds.
    var needed: Range<Int64> {
        let reach = reachNanos
        let (start, overflow) = reference.startNanos.subtractingReportingOverflow(windowNanos)
        let (further, overflowToo) = start.subtractingReportingOverflow(reach.back)
        let low = overflow || overflowToo ? Int64.min : further
        let (ahead, isPastAll) = reference.endNanos.addingReportingOverflow(reach.ahead)
        let end = max(isPastAll ? Int64.max : ahead, low)
        return (low == .max ? low : low + 1)..<(end == .max ? end : end + 1)
    }

    /// Whether one step's results stand for all: there is an `@`, no argument changes by step and
    /// the function does not ask for the time of the step.
    func isBroadcastable(_ parameters: [[Double]]) -> Bool {
        if case .window(.predictLinear, _, _) = source { return false }
        return isAnchored && parameters.allSatisfy { $0.count == 1 }
    }

    /// `keep_metric_names`
    var keepsMetricNames = false

    var dropsMetricName: Bool {
        if keepsMetricNames { return false }
        switch source {
        case .instant(let givesTimestamps): return givesTimestamps
        case .infoTimestamps: return false
        case .valueCounts: return true
        case .window(let function, _, _): return !function.keepsMetricName
        }
    }

    static func isAbsence(_ expr: PromQLExpr) -> Bool {
        guard case .call(let call) = expr.withoutParens else { return false }
        switch call.function.implementation {
        case .absent, .absentOverTime: return true
        default: return false
        }
    }

    /// What `expr` is when it is such a piece, without a fold.
    static func source(
        of expr: PromQLExpr
    ) -> (selector: PromQLExpr.VectorSelector, source: Source, range: Range<Int>)? {
        switch expr.withoutParens {
        case .vector(let selector):
            return (selector, .instant(givesTimestamps: false), selector.range)
        case .call(let call):
            switch call.function.implementation {
            case .timestamp:
                guard case .vector(let selector)? = call.arguments.first?.withoutParens,
                    selector.boundary == .plain
                else { return nil }
                return (selector, .instant(givesTimestamps: true), selector.range)
            case .window(let function):
                let parameters = call.windowParameters
                let window = call.arguments.first { $0.type == .matrix }
                guard case .matrix(let node)? = window?.withoutParens else { return nil }
                let source = Source.window(
                    function, nanos: node.windowNanos, parameters: parameters)
                return (node.selector, source, node.range)
            case .countValuesOverTime:
                guard case .matrix(let node) = call.arguments[1].withoutParens,
                    case .string(let label) = call.arguments[0].withoutParens
                else { return nil }
                return (
                    node.selector, .valueCounts(label: label.value, nanos: node.windowNanos),
                    node.range
                )
            case .absentOverTime:
                guard case .matrix(let node)? = call.arguments.first?.withoutParens else {
                    return nil
                }
                let source = Source.window(.present, nanos: node.windowNanos, parameters: [])
                return (node.selector, source, node.range)
            default: return nil
            }
        default: return nil
        }
    }
}
