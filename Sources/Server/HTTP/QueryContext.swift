package import Model
package import Platform
internal import Query

/// What every reading endpoint needs: the door, the clock, and what a query may cost.
package struct QueryContext: Sendable {
    package struct Limits: Sendable, Hashable {
        /// `query.timeout`
        package var timeoutNanos: Int64 = 120_000_000_000
        /// Points a range query may have per series; Prometheus' own bound.
        package var pointsPerSeriesMax: Int64 = 11_000
        package var budget = QueryBudget.Limits()

        package init() {}

        /// `query.samples_max`
        package var samplesMax: Int {
            get { budget.samplesMax }
            set { budget.samplesMax = newValue }
        }

        /// `query.series_max`
        package var seriesMax: Int {
            get { budget.seriesMax }
            set { budget.seriesMax = newValue }
        }
    }

    package let querier: any Querier
    package let time: any TimeSource
    package var limits: Limits { adjustableLimits.value }
    package let version: String
    private let adjustableLimits: Adjustable<Limits>

    package init(
        querier: any Querier, time: any TimeSource, limits: Adjustable<Limits>, version: String
    ) {
        self.querier = querier
        self.time = time
        adjustableLimits = limits
        self.version = version
    }

    /// The time, as queries may know it.
    var queryClock: QueryClock {
        let time = time
        return QueryClock(
            wallNanos: { time.wallNanos() }, monotonicNanos: { time.monotonicNanos() })
    }

    package func now() -> Timestamp { Timestamp(nanos: time.wallNanos()) }

    /// A budget that ends at the configured timeout.
    func budget() -> QueryBudget {
        let limits = limits
        let deadline = time.monotonicNanos() + limits.timeoutNanos
        let clock = time
        return QueryBudget(limits: limits.budget) { clock.monotonicNanos() > deadline }
    }

    /// A budget that ends at the `timeout` parameter or the configured one, whichever is first;
    /// `max_staleness` says how old what is read may be.
    func budget(for call: HTTPCall) throws(HTTPFailure) -> QueryBudget {
        let limits = limits
        var nanos = limits.timeoutNanos
        if let text = call.parameters["timeout"], !text.isEmpty {
            guard let wanted = TimeText.duration(text), wanted > 0 else {
                throw HTTPFailure.invalid("timeout", "a duration above zero is expected")
            }
            nanos = min(nanos, wanted)
        }
        var staleness: Int64 = 0
        if let text = call.parameters["max_staleness"], !text.isEmpty {
            guard let wanted = TimeText.duration(text), wanted >= 0 else {
                throw HTTPFailure.invalid("max_staleness", "a duration is expected, like 10s")
            }
            staleness = wanted
        }
        let deadline = time.monotonicNanos() + nanos
        let clock = time
        return QueryBudget(limits: limits.budget, stalenessNanosMax: staleness) {
            clock.monotonicNanos() > deadline
        }
    }
}

extension HTTPCall {
    /// The value of a parameter that must be there.
    func required(_ name: String) throws(HTTPFailure) -> String {
        guard let value = parameters[name], !value.isEmpty else {
            throw HTTPFailure.invalid(name, "it is missing")
        }
        return value
    }

    /// A time as Prometheus takes it: RFC 3339 or seconds.
    func time(_ name: String) throws(HTTPFailure) -> Timestamp? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let time = TimeText.parse(text) else {
            throw HTTPFailure.invalid(
                name, "cannot parse \"\(text)\" to a valid timestamp (RFC 3339 or seconds)")
        }
        return time
    }

    /// A count from 0.
    func count(_ name: String) throws(HTTPFailure) -> Int? {
        guard let text = parameters[name], !text.isEmpty else { return nil }
        guard let count = Int(text), count >= 0 else {
            throw HTTPFailure.invalid(name, "\"\(text)\" is not a whole number from 0")
        }
        return count
    }
}
