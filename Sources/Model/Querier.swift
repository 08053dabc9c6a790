/// The door out: data goes up as batches of columns. Cluster implements it, Query consumes it.
///
/// All calls are cancellable through `QueryBudget`; sinks run on the caller's executor, one at a
/// time. Nothing is silent: what could not be read is in the `Completeness`.
package protocol Querier: Sendable {
    /// The samples of every selected series in the request's range, in batches; each series once.
    /// Order of series is by labels (`Labels.<`) within one batch, not across batches.
    func selectSeries(
        _ request: SeriesRequest, _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness

    /// The selected lines. With `order` forward or backward, batches come in global order of
    /// (timestamp, stream arrival); `any` is fastest. The sink returns false to stop.
    func selectLines(
        _ request: LineRequest, _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness

    /// As `selectSeries`, where series that are elsewhere may be reduced there by `plan` (see
    /// `Reducer`): each part of a partial result goes to `merge`, once, in any order; the sink gets
    /// the rest.
    func selectSeries(
        _ request: SeriesRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
        _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness

    /// As `selectLines` with order `any`, where lines that are elsewhere may be reduced there.
    func selectLines(
        _ request: LineRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
        _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness

    /// Label names in use, ascending.
    func labelNames(_ request: LabelRequest) async throws -> LabelAnswer<String>

    /// Values of the label, ascending.
    func labelValues(
        _ name: String, _ request: LabelRequest
    ) async throws -> LabelAnswer<String>

    /// Label sets with data in the range, ascending.
    func labelSets(_ request: LabelRequest) async throws -> LabelAnswer<Labels>

    /// What is known of metrics, by name ascending.
    func metadata(tenant: Tenant, metric: String?) async throws -> [MetricMetadata]

    /// Follows what is written from now on: called for every committed batch with lines of the
    /// tenant, on an internal thread, in order per shard; must not block. `onGap`: called when
    /// lines were written that do not come this way, about when that began at the earliest: a
    /// query finds them. Ends when the returned subscription is released.
    func follow(
        tenant: Tenant, onGap: @escaping @Sendable (Timestamp) -> Void,
        _ body: @escaping @Sendable (WriteBatch) -> Void
    ) -> any FollowSubscription
}

/// Who has everything at hand gives nothing away.
extension Querier {
    package func selectSeries(
        _ request: SeriesRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
        _ sink: ([SeriesData]) throws -> Void
    ) async throws -> Completeness { try await selectSeries(request, sink) }

    package func selectLines(
        _ request: LineRequest, reducing plan: [UInt8], merge: ([UInt8]) throws -> Void,
        _ sink: (LineData) throws -> Bool
    ) async throws -> Completeness { try await selectLines(request, sink) }
}

/// Keeps a `Querier.follow` alive; cancelled on release.
package protocol FollowSubscription: AnyObject, Sendable {
    /// Returns when what is not given, nor told as a gap, is found by a query that is made after it;
    /// also when others who are to give it do not begin within some seconds, which is then a gap.
    func ready() async

    func cancel()
}

/// Metrics or logs.
package enum SignalKind: UInt8, Sendable, Hashable {
    case metrics = 0
    case logs = 1
}

/// Which series, and what is to be done with them.
package struct SeriesRequest: Sendable {
    package var tenant: Tenant
    package var selector: Selector
    /// Samples with start ≤ timestamp < end.
    package var start: Timestamp
    package var end: Timestamp
    package var budget: QueryBudget

    package init(
        tenant: Tenant, selector: Selector, start: Timestamp, end: Timestamp, budget: QueryBudget
    ) {
        self.tenant = tenant
        self.selector = selector
        self.start = start
        self.end = end
        self.budget = budget
    }
}

/// A timestamp column that many series share. nanos: strictly ascending. Compare by identity to
/// reuse what was computed for another series.
package final class TimestampColumn: Sendable {
    package let nanos: [Int64]

    package init(_ nanos: [Int64]) { self.nanos = nanos }

    package static let empty = TimestampColumn([])
}

/// One series' samples in a range. A series may hold floats and histograms, never both at one
/// timestamp.
package struct SeriesData: Sendable {
    package var id: SeriesID
    package var labels: Labels
    /// Of `values`, as many.
    package var timestamps: TimestampColumn
    package var values: [Double]
    /// Known: no value is lower than the one before, and none is NaN. False says nothing.
    package var isRising = false
    /// Of `histograms`, as many.
    package var histogramTimestamps: TimestampColumn
    package var histograms: [Histogram]

    package init(
        id: SeriesID, labels: Labels, timestamps: TimestampColumn, values: [Double],
        histogramTimestamps: TimestampColumn = .empty, histograms: [Histogram] = []
    ) {
        self.id = id
        self.labels = labels
        self.timestamps = timestamps
        self.values = values
        self.histogramTimestamps = histogramTimestamps
        self.histograms = histograms
    }
}

/// Which log lines. `filters` are those at the head of the pipeline, applied before anything that
/// changes the line; the storage prunes and filters by them exactly.
package struct LineRequest: Sendable {
    package enum Order: Sendable, Hashable { case forward, backward, any }

    package var tenant: Tenant
    package var selector: Selector
    /// Lines with start ≤ timestamp < end.
    package var start: Timestamp
    package var end: Timestamp
    package var filters: [LineFilter]
    package var order: Order
    /// Stop after so many lines (those that are first in `order`); nil for all.
    package var limit: Int?
    package var budget: QueryBudget

    package init(
        tenant: Tenant, selector: Selector, start: Timestamp, end: Timestamp,
        filters: [LineFilter] = [], order: Order = .any, limit: Int? = nil, budget: QueryBudget
    ) {
        self.tenant = tenant
        self.selector = selector
        self.start = start
        self.end = end
        self.filters = filters
        self.order = order
        self.limit = limit
        self.budget = budget
    }
}

/// A condition on a line: `alternatives` are joined by or; `negated` turns the whole around.
package struct LineFilter: Sendable, Hashable {
    package enum Pattern: Sendable {
        /// The line holds these bytes.
        case contains([UInt8])
        /// The same without regard to ASCII case; given in lower case.
        case containsFolded([UInt8])
        /// The expression matches somewhere in the line.
        case matches(RegularExpression)
    }

    package var alternatives: [Pattern]
    package var negated: Bool

    package init(_ alternatives: [Pattern], negated: Bool = false) {
        self.alternatives = alternatives
        self.negated = negated
    }
}

extension LineFilter.Pattern: Hashable {
    package static func == (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.contains(let x), .contains(let y)): x == y
        case (.containsFolded(let x), .containsFolded(let y)): x == y
        case (.matches(let x), .matches(let y)): x.pattern == y.pattern
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .contains(let bytes): hasher.combine(bytes)
        case .containsFolded(let bytes): hasher.combine(bytes)
        case .matches(let expression): hasher.combine(expression.pattern)
        }
    }
}

/// Lines on their way up. `lines.streamIndexes` refer to `streams`, whose labels are all present.
package struct LineData: Sendable {
    package var streams: [SeriesReference]
    package var lines: LineColumns

    package init(streams: [SeriesReference], lines: LineColumns) {
        self.streams = streams
        self.lines = lines
    }
}

/// Which label names, values or sets.
package struct LabelRequest: Sendable {
    package var tenant: Tenant
    package var signal: SignalKind
    package var selector: Selector
    /// Series with data in start ≤ t < end.
    package var start: Timestamp
    package var end: Timestamp
    /// At most so many results; nil for all within the budget.
    package var limit: Int?
    package var budget: QueryBudget

    package init(
        tenant: Tenant, signal: SignalKind, selector: Selector = .everything,
        start: Timestamp = .distantPast, end: Timestamp = .distantFuture, limit: Int? = nil,
        budget: QueryBudget
    ) {
        self.tenant = tenant
        self.signal = signal
        self.selector = selector
        self.start = start
        self.end = end
        self.limit = limit
        self.budget = budget
    }
}

/// Label names, values or sets, ascending, and what is missing among them.
package struct LabelAnswer<Value: Sendable>: Sendable {
    package var values: [Value]
    package var completeness: Completeness

    package init(_ values: [Value], _ completeness: Completeness = Completeness()) {
        self.values = values
        self.completeness = completeness
    }
}

/// What an answer lacks. Empty: it is complete.
package struct Completeness: Sendable, Equatable {
    /// One sentence each, for a person: which segment, shard or node could not be read and why.
    package var missing: [String]

    package init(missing: [String] = []) { self.missing = missing }

    package var isComplete: Bool { missing.isEmpty }

    package mutating func merge(_ other: Completeness) {
        for sentence in other.missing where !missing.contains(sentence) {
            missing.append(sentence)
        }
    }
}
