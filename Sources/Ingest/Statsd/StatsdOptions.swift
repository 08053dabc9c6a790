package import Model

/// How one statsd listener reads what it gets. The defaults are etsy's meaning with DogStatsD's
/// extensions; a DogStatsD listener sets `gaugeSign = .absolute`.
package struct StatsdOptions: Sendable {
    /// What a sign before a gauge's value means.
    package enum GaugeSign: String, Sendable, CaseIterable {
        /// `+5` and `-5` change the gauge (etsy, Telegraf, statsd_exporter).
        case delta
        /// `-5` is the value −5 (DogStatsD).
        case absolute
    }

    /// What becomes of a type other than c, g, ms, h, d and s.
    package enum UnknownTypes: String, Sendable, CaseIterable {
        /// The value is refused and counted.
        case strict
        /// It is a counter, as in etsy's statsd.
        case compat
    }

    /// How metric and label names become names of series.
    package enum Names: String, Sendable, CaseIterable {
        /// Each character outside of `[a-zA-Z0-9_:]` (labels: without `:`) becomes `_`, and a
        /// name that starts with a digit gets a `_` in front: PromQL needs no quoting.
        case underscore
        /// Names stay as they are, dots and all.
        case verbatim
    }

    package var tenant = Tenant.standard
    package var gaugeSign = GaugeSign.delta
    package var unknownTypes = UnknownTypes.strict
    package var names = Names.underscore
    /// Length of a flush interval, ns; flushes are aligned to multiples of it.
    package var intervalNanos: Int64 = 10_000_000_000
    package var limits = StatsdLimits()
    /// Turns parts of names into labels; nil leaves names alone.
    package var mapping: StatsdMapping?

    package init() {}
}

/// Every bound of the statsd way in, each with the reason (`StatsdReason`) by which refusals are
/// counted.
package struct StatsdLimits: Sendable, Hashable {
    /// Bytes of a metric name without its tags (`name_too_long`).
    package var nameBytesMax = 1024
    /// Labels of a series beside its name (`too_many_tags`).
    package var tagCountMax = IngestLimits().labelCountMax
    /// Bytes of a label's name (`tag_too_long`).
    package var tagNameBytesMax = IngestLimits().labelNameBytesMax
    /// Bytes of a label's value (`tag_too_long`).
    package var tagValueBytesMax = IngestLimits().labelValueBytesMax
    /// Bytes of a line on a stream (`line_too_long`); datagrams are bounded by UDP itself.
    package var lineBytesMax = 65_535
    /// Series of one aggregator (`series_limit`).
    package var seriesMax = 1_000_000
    /// New series of one aggregator; the budget of an interval is this times its length
    /// (`new_series_rate`).
    package var newSeriesPerSecond = 50_000
    /// Samples with a time of their own in one interval (`timestamped_limit`).
    package var timestampedMax = 100_000
    /// Events and service checks in one interval (`log_line_limit`).
    package var logLineMax = 20_000
    /// Members that a set counts exactly; above it is a HyperLogLog of 1.6 % error.
    package var setMembersExactMax = 4096
    /// Buckets of either sign that a timer keeps in one interval; above, its resolution is halved.
    package var histogramBucketsMax = 1024
    /// Intervals without a value after which a series is dropped from memory.
    package var idleIntervals = 30
    /// Series of one batch.
    package var batchSeriesMax = 10_000
    /// Bytes of the cache of raw keys; it starts over when it passes them.
    package var keyCacheBytesMax = 256 << 20
    /// Batches that wait for delivery; beyond, intervals are merged in memory instead.
    package var pendingBatchesMax = 256

    package init() {}
}
