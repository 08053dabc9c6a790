internal import Synchronization

/// What one query may cost, charged while it runs, the switch that stops it, and how old what it
/// reads may be. Shared by all
/// parts of the query, on any thread.
package final class QueryBudget: Sendable {
    package struct Limits: Sendable, Hashable {
        package var samplesMax: Int
        package var seriesMax: Int
        /// Of log lines read after index pruning.
        package var bytesMax: Int

        package init(
            samplesMax: Int = 500_000_000, seriesMax: Int = 2_000_000, bytesMax: Int = 64 << 30
        ) {
            self.samplesMax = samplesMax
            self.seriesMax = seriesMax
            self.bytesMax = bytesMax
        }
    }

    package let limits: Limits
    /// What was acknowledged longer ago must be in the answer, and what was acknowledged since may
    /// be missing. 0: everything must be there. A node may then answer without asking a leader.
    package let stalenessNanosMax: Int64
    private let isExpired: @Sendable () -> Bool
    private let isCancelled = Atomic<Bool>(false)
    private let samples = Atomic<Int>(0)
    private let series = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)

    /// `isExpired` is asked at every charge; it compares a clock with the query's deadline.
    package init(
        limits: Limits = Limits(), stalenessNanosMax: Int64 = 0,
        isExpired: @escaping @Sendable () -> Bool = { false }
    ) {
        self.limits = limits
        self.stalenessNanosMax = stalenessNanosMax
        self.isExpired = isExpired
    }

    /// Makes the next charge throw `cancelled`: the client went away.
    package func cancel() { isCancelled.store(true, ordering: .relaxed) }

    package var samplesCharged: Int { samples.load(ordering: .relaxed) }
    package var seriesCharged: Int { series.load(ordering: .relaxed) }
    package var bytesCharged: Int { bytes.load(ordering: .relaxed) }

    /// Throws when it or the task is cancelled, or late. Call at least every few milliseconds of work.
    package func check() throws(QueryLimitError) {
        if isCancelled.load(ordering: .relaxed) || Task.isCancelled { throw .cancelled }
        if isExpired() { throw .timeout }
    }

    package func charge(samples count: Int) throws(QueryLimitError) {
        let total = samples.add(count, ordering: .relaxed).newValue
        if total > limits.samplesMax {
            throw .exceeded(limit: "query.samples_max", allowed: limits.samplesMax)
        }
        try check()
    }

    package func charge(series count: Int) throws(QueryLimitError) {
        let total = series.add(count, ordering: .relaxed).newValue
        if total > limits.seriesMax {
            throw .exceeded(limit: "query.series_max", allowed: limits.seriesMax)
        }
        try check()
    }

    package func charge(bytes count: Int) throws(QueryLimitError) {
        let total = bytes.add(count, ordering: .relaxed).newValue
        if total > limits.bytesMax {
            throw .exceeded(limit: "query.bytes_max", allowed: limits.bytesMax)
        }
        try check()
    }
}

/// Why a query was stopped. HTTP answers 422 to a limit, 503 to a timeout, as Prometheus does.
package enum QueryLimitError: Error, Sendable, Hashable {
    /// `limit`: the configuration key.
    case exceeded(limit: String, allowed: Int)
    case timeout
    case cancelled
}
