/// What goes in through the `Appender` door: one tenant's samples, increments and log lines, as
/// columns. The router splits it by shard; the encoded form (`WriteBatch+Codec`) is the payload of
/// a log entry.
///
/// Columns refer to `series` and `streams` by index. Order within a batch is order of arrival:
/// where two samples of one series share a timestamp, the later wins.
package struct WriteBatch: Sendable, Equatable {
    package var tenant: Tenant
    /// Who sent it and which of theirs it is; nil when repeating it is harmless or unavoidable.
    package var stamp: BatchStamp?
    /// The series that the columns below name, each once.
    package var series: [SeriesReference] = []
    package var samples = SampleColumns()
    package var histograms: [HistogramSample] = []
    package var increments = IncrementColumns()
    package var histogramIncrements: [HistogramSample] = []
    package var setIncrements: [SetIncrement] = []
    /// The streams that `lines` names, each once.
    package var streams: [SeriesReference] = []
    package var lines = LineColumns()
    package var metadata: [MetricMetadata] = []

    package init(tenant: Tenant, stamp: BatchStamp? = nil) {
        self.tenant = tenant
        self.stamp = stamp
    }

    package var isEmpty: Bool {
        samples.isEmpty && histograms.isEmpty && increments.isEmpty && histogramIncrements.isEmpty
            && setIncrements.isEmpty && lines.isEmpty && metadata.isEmpty
    }
}

/// The number of a batch in the numbers of its source: a shard applies each once and remembers the
/// highest number per source, so numbers of one source must ascend in the order of sending.
package struct BatchStamp: Hashable, Sendable {
    package var source: UInt64
    package var sequence: UInt64

    package init(source: UInt64, sequence: UInt64) {
        self.source = source
        self.sequence = sequence
    }
}

/// A series or stream: its fingerprint, and its labels unless the receiver is known to have them.
package struct SeriesReference: Hashable, Sendable {
    package var id: SeriesID
    package var labels: Labels?

    package init(id: SeriesID, labels: Labels?) {
        self.id = id
        self.labels = labels
    }

    package init(tenant: Tenant, labels: Labels) {
        self.init(id: SeriesID(tenant: tenant, labels: labels), labels: labels)
    }
}

/// Absolute float samples. seriesIndexes: indexes of `WriteBatch.series`; timestamps: ns; values:
/// bit-exact. n of each.
package struct SampleColumns: Sendable, Equatable {
    package var seriesIndexes: [UInt32] = []
    package var timestamps: [Int64] = []
    package var values: [Double] = []

    package init() {}

    package var count: Int { values.count }
    package var isEmpty: Bool { values.isEmpty }

    @inlinable
    package mutating func append(seriesIndex: UInt32, timestamp: Int64, value: Double) {
        seriesIndexes.append(seriesIndex)
        timestamps.append(timestamp)
        values.append(value)
    }

    /// NaNs are compared by their bits.
    package static func == (a: SampleColumns, b: SampleColumns) -> Bool {
        a.seriesIndexes == b.seriesIndexes && a.timestamps == b.timestamps
            && a.values.elementsEqual(b.values) { $0.bitPattern == $1.bitPattern }
    }
}

/// One histogram of one series: absolute in `histograms`, an addition in `histogramIncrements`.
package struct HistogramSample: Sendable, Equatable {
    package var seriesIndex: UInt32
    /// ns
    package var timestamp: Int64
    package var histogram: Histogram

    package init(seriesIndex: UInt32, timestamp: Int64, histogram: Histogram) {
        self.seriesIndex = seriesIndex
        self.timestamp = timestamp
        self.histogram = histogram
    }
}

/// Deltas that the shard adds to its running totals (DESIGN §2, accumulating series). n of each
/// column; timestamps: ns, the end of the interval, at which the new total is written.
package struct IncrementColumns: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
        /// Adds to a cumulative total. At its birth a zero is written one interval earlier.
        case counter = 0
        /// Sets a gauge.
        case gaugeSet = 1
        /// Adds to a gauge, which is 0 before its first value.
        case gaugeAdd = 2
    }

    /// Length of the sender's flush interval, ns.
    package var intervalNanos: Int64 = 10_000_000_000
    package var kinds: [Kind] = []
    package var seriesIndexes: [UInt32] = []
    package var timestamps: [Int64] = []
    package var values: [Double] = []

    package init() {}

    package var count: Int { values.count }
    package var isEmpty: Bool { values.isEmpty }

    @inlinable
    package mutating func append(
        kind: Kind, seriesIndex: UInt32, timestamp: Int64, value: Double
    ) {
        kinds.append(kind)
        seriesIndexes.append(seriesIndex)
        timestamps.append(timestamp)
        values.append(value)
    }
}

/// Members seen of a statsd set in one interval, unioned by the shard over batches with the same
/// series and timestamp.
package struct SetIncrement: Sendable, Equatable {
    package var seriesIndex: UInt32
    /// ns, the end of the interval
    package var timestamp: Int64
    /// Stable 64-bit hashes of the members, ascending, each once; empty when `registers` is not.
    package var members: [UInt64]
    /// HyperLogLog registers (2^12 of them) once the members passed the exact bound, else empty.
    package var registers: [UInt8]

    package init(
        seriesIndex: UInt32, timestamp: Int64, members: [UInt64], registers: [UInt8] = []
    ) {
        self.seriesIndex = seriesIndex
        self.timestamp = timestamp
        self.members = members
        self.registers = registers
    }
}

/// Log lines. streamIndexes: indexes of `WriteBatch.streams`; timestamps: ns; line i is
/// bytes[lineEnds[i−1]..<lineEnds[i]]; its structured metadata the same way in `metadataBytes`,
/// in the encoding of `Labels` but in order of arrival. n of each index column.
package struct LineColumns: Sendable, Equatable {
    package var streamIndexes: [UInt32] = []
    package var timestamps: [Int64] = []
    package var lineEnds: [UInt32] = []
    package var bytes: [UInt8] = []
    package var metadataEnds: [UInt32] = []
    package var metadataBytes: [UInt8] = []

    package init() {}

    package var count: Int { timestamps.count }
    package var isEmpty: Bool { timestamps.isEmpty }

    /// `metadata`: canonical or at least well-formed label bytes, empty for none.
    @inlinable
    package mutating func append(
        streamIndex: UInt32, timestamp: Int64, line: ArraySlice<UInt8>,
        metadata: ArraySlice<UInt8> = []
    ) {
        streamIndexes.append(streamIndex)
        timestamps.append(timestamp)
        bytes.append(contentsOf: line)
        lineEnds.append(UInt32(truncatingIfNeeded: bytes.count))
        metadataBytes.append(contentsOf: metadata)
        metadataEnds.append(UInt32(truncatingIfNeeded: metadataBytes.count))
    }

    /// Makes room for so many more lines.
    package mutating func reserve(lineCount: Int, textBytes: Int, metadataBytes count: Int) {
        streamIndexes.reserveCapacity(streamIndexes.count + lineCount)
        timestamps.reserveCapacity(timestamps.count + lineCount)
        lineEnds.reserveCapacity(lineEnds.count + lineCount)
        metadataEnds.reserveCapacity(metadataEnds.count + lineCount)
        bytes.reserveCapacity(bytes.count + textBytes)
        metadataBytes.reserveCapacity(metadataBytes.count + count)
    }

    /// Appends lines of `source`, all as of stream `streamIndex`: text by one copy.
    package mutating func append(
        _ rows: Range<Int>, of source: LineColumns, streamIndex: UInt32
    ) {
        if rows.count == 1 {
            // Where neighbours are of other streams: no copies of ranges for one of each.
            let row = rows.lowerBound
            return append(
                streamIndex: streamIndex, timestamp: source.timestamps[row],
                line: source.bytes[source.lineRange(row)],
                metadata: source.metadataBytes[source.metadataRange(row)])
        }
        streamIndexes.append(contentsOf: repeatElement(streamIndex, count: rows.count))
        guard !rows.isEmpty else { return }
        timestamps.append(contentsOf: source.timestamps[rows])
        let text = source.textRange(rows)
        let textShift = UInt32(truncatingIfNeeded: bytes.count - text.lowerBound)
        lineEnds.append(contentsOf: source.lineEnds[rows].lazy.map { $0 &+ textShift })
        bytes.append(contentsOf: source.bytes[text])
        let first = source.metadataRange(rows.lowerBound).lowerBound
        let metadata = first..<source.metadataRange(rows.upperBound - 1).upperBound
        let shift = UInt32(truncatingIfNeeded: metadataBytes.count - metadata.lowerBound)
        metadataEnds.append(contentsOf: source.metadataEnds[rows].lazy.map { $0 &+ shift })
        metadataBytes.append(contentsOf: source.metadataBytes[metadata])
    }

    /// The bytes of some lines, at least one.
    package func textRange(_ rows: Range<Int>) -> Range<Int> {
        lineRange(rows.lowerBound).lowerBound..<lineRange(rows.upperBound - 1).upperBound
    }

    /// The bytes of line `index`, a range of `bytes`.
    @inlinable
    package func lineRange(_ index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(lineEnds[index - 1]))..<Int(lineEnds[index])
    }

    /// The structured metadata of line `index`, a range of `metadataBytes`.
    @inlinable
    package func metadataRange(_ index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(metadataEnds[index - 1]))..<Int(metadataEnds[index])
    }
}

/// What is known of a metric beside its samples, for `/api/v1/metadata`.
package struct MetricMetadata: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case unknown = 0
        case counter = 1
        case gauge = 2
        case histogram = 3
        case gaugeHistogram = 4
        case summary = 5
        case info = 6
        case stateSet = 7
    }

    package var metric: String
    package var kind: Kind
    package var help: String
    package var unit: String

    package init(metric: String, kind: Kind, help: String = "", unit: String = "") {
        self.metric = metric
        self.kind = kind
        self.help = help
        self.unit = unit
    }
}
