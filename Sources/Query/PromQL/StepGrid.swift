/// The instants at which an expression is evaluated: start, start + step, … Nanoseconds. An instant
/// query has one.
struct StepGrid: Hashable, Sendable {
    let startNanos: Int64
    /// Above zero when there is more than one step.
    let stepNanos: Int64
    let count: Int

    init(startNanos: Int64, stepNanos: Int64, count: Int) {
        self.startNanos = startNanos
        self.stepNanos = stepNanos
        self.count = count
    }

    /// One instant.
    init(atNanos nanos: Int64) { self.init(startNanos: nanos, stepNanos: 1, count: 1) }

    /// The distance of the steps; 0 for one instant.
    var resolutionNanos: Int64 { count == 1 && stepNanos == 1 ? 0 : stepNanos }

    @inline(__always)
    func time(_ step: Int) -> Int64 { startNanos &+ Int64(step) &* stepNanos }

    var endNanos: Int64 { time(count - 1) }

    /// Every instant earlier by `offset`; saturates as a whole.
    func moved(byNanos offset: Int64) -> StepGrid {
        let span = endNanos - startNanos
        let (sum, overflow) = startNanos.subtractingReportingOverflow(offset)
        var start = overflow ? (offset > 0 ? .min : .max) : sum
        if start > .max - span { start = .max - span }
        return StepGrid(startNanos: start, stepNanos: stepNanos, count: count)
    }

    /// The steps of a subquery that covers all windows of this grid: multiples of `stepNanos` in
    /// (start − window, end]. Count 0 when there is none, `.max` when it cannot be said.
    func subqueryGrid(windowNanos: Int64, stepNanos: Int64) -> StepGrid {
        let (low, overflow) = startNanos.subtractingReportingOverflow(windowNanos)
        let after = overflow ? .min : low
        var start = stepNanos * (after / stepNanos)
        var isPastAll = false
        if start <= after { (start, isPastAll) = start.addingReportingOverflow(stepNanos) }
        guard !isPastAll, start <= endNanos else {
            return StepGrid(startNanos: endNanos, stepNanos: stepNanos, count: 0)
        }
        let (span, tooLong) = endNanos.subtractingReportingOverflow(start)
        return StepGrid(
            startNanos: start, stepNanos: stepNanos,
            count: tooLong ? .max : Int(span / stepNanos) + 1)
    }

    /// Milliseconds of each step.
    var millis: [Int64] {
        (0..<count).map { step in
            let nanos = time(step)
            let quotient = nanos / 1_000_000
            return nanos < 0 && nanos % 1_000_000 != 0 ? quotient - 1 : quotient
        }
    }

    /// The step as PromQL's `time()` gives it: seconds, exact to the millisecond.
    func seconds(_ step: Int) -> Double { StepGrid.seconds(nanos: time(step)) }

    /// `nanos` as seconds; whole milliseconds are divided as Prometheus divides them.
    static func seconds(nanos: Int64) -> Double {
        nanos % 1_000_000 == 0 ? Double(nanos / 1_000_000) / 1000 : Double(nanos) / 1e9
    }
}
