internal import Encoding
internal import Model
internal import Platform

/// One series on its way into a segment. timestamps: strictly ascending; as many values.
struct SealedSeries {
    var series: IndexedSeries
    var timestamps: TimestampColumn
    var values: [Double]
    var histogramTimestamps: TimestampColumn
    var histograms: [Histogram]

    var isEmpty: Bool { values.isEmpty && histograms.isEmpty }
}

/// Where the bytes of a data file go, for `inspect`.
package struct MetricColumnBytes: Sendable, Equatable {
    package var timestamps = 0
    package var values = 0
    package var histograms = 0
    /// Labels and what is kept of each vector.
    package var directory = 0

    package init() {}
}

/// Writes the data file of a metric segment from front to back: series come in the order of
/// `IndexedSeries`, each once. A pure function of what it is given, byte for byte. Layout in
/// docs/format/metric-segment.md.
struct MetricSegmentWriter {
    /// Timestamp columns whose place is remembered; then all are forgotten, so that memory is
    /// bounded and the bytes depend on the series alone.
    private static let columnsRememberedMax = 16_384

    private var out: SequentialWriter
    private let tier: CodecTier
    let vectorSamples: Int
    private var tenants: [Tenant] = []
    private var tenantNumbers: [Tenant: Int] = [:]
    private var entries: [MetricSeriesEntry] = []
    private var pages: [(offset: Int, byteCount: Int)] = []
    private var columnsByContent: [Hash128: ColumnPlace] = [:]
    private var columnsByIdentity: [ObjectIdentifier: ColumnPlace] = [:]
    private var columnsHeld: [TimestampColumn] = []
    private(set) var bytes = MetricColumnBytes()
    /// All series, for the index file.
    private(set) var index: [IndexedSeries] = []
    private(set) var sampleCount = 0
    private(set) var start = Int64.max
    private(set) var end = Int64.min

    private struct Hash128: Hashable {
        var high: UInt64
        var low: UInt64
    }

    private let level: UInt8
    private let firstIndex: UInt64
    private let lastIndex: UInt64

    /// The entries it holds and its level go into the file: they make its content, and so its
    /// name, its own, and let a lost manifest be put together again.
    init(
        _ file: any DiskFile, tier: CodecTier, level: UInt8, firstIndex: UInt64,
        lastIndex: UInt64
    ) throws(StorageError) {
        out = SequentialWriter(file)
        self.tier = tier
        self.level = level
        self.firstIndex = firstIndex
        self.lastIndex = lastIndex
        vectorSamples =
            tier == .dense ? StorageLimits.denseVectorSamples : StorageLimits.hotVectorSamples
        var header = ByteWriter()
        header.u32(SegmentFormat.metricMagic)
        header.u32(SegmentFormat.metricVersion)
        header.u32(0)
        SegmentFormat.seal(&header, from: 0)
        _ = try out.append(header.bytes)
    }

    mutating func append(_ series: SealedSeries) throws(StorageError) {
        precondition(!series.isEmpty, "BUG: a series without samples in a segment")
        if let last = index.last {
            precondition(last < series.series, "BUG: series of a segment are out of order")
        }
        index.append(series.series)
        if tenants.last != series.series.tenant {
            tenantNumbers[series.series.tenant] = tenants.count
            tenants.append(series.series.tenant)
        }
        var entry = MetricSeriesEntry(tenant: series.series.tenant, labels: series.series.labels)
        if !series.values.isEmpty {
            entry.timeColumn = try write(series.timestamps)
            try writeFloats(series, &entry)
        }
        if !series.histograms.isEmpty {
            entry.histogramTimeColumn = try write(series.histogramTimestamps)
            try writeHistograms(series.histograms, &entry)
        }
        entries.append(entry)
        if entries.count == SegmentFormat.pageSeries { try writePage() }
    }

    /// Ends the file. Returns its length and the hash that names it.
    mutating func finish() throws(StorageError) -> (byteCount: Int, hash: String) {
        if !entries.isEmpty { try writePage() }
        var footer = ByteWriter()
        footer.varint(UInt64(vectorSamples))
        footer.u8(level)
        footer.varint(firstIndex)
        footer.varint(lastIndex)
        footer.varint(UInt64(index.count))
        footer.varint(UInt64(sampleCount))
        footer.i64(start)
        footer.i64(end)
        for part in [bytes.timestamps, bytes.values, bytes.histograms, bytes.directory] {
            footer.varint(UInt64(part))
        }
        footer.varint(UInt64(tenants.count))
        for tenant in tenants { footer.lengthPrefixed(Array(tenant.name.utf8)) }
        footer.varint(UInt64(pages.count))
        var previous = 0
        for page in pages {
            footer.varint(UInt64(page.offset - previous))
            footer.varint(UInt64(page.byteCount))
            previous = page.offset
        }
        SegmentFormat.seal(&footer, from: 0)
        let offset = try out.append(footer.bytes)
        var trailer = ByteWriter()
        trailer.u64(UInt64(offset))
        trailer.u64(UInt64(footer.count))
        trailer.u32(0)
        trailer.u32(SegmentFormat.metricVersion)
        trailer.u32(SegmentFormat.metricMagic)
        SegmentFormat.seal(&trailer, from: 0)
        _ = try out.append(trailer.bytes)
        return try out.finish()
    }

    private mutating func writeFloats(
        _ series: SealedSeries, _ entry: inout MetricSeriesEntry
    ) throws(StorageError) {
        let values = series.values
        precondition(
            values.count == series.timestamps.nanos.count, "BUG: columns of unequal length")
        note(series.timestamps.nanos)
        var place = 0
        while place < values.count {
            let end = min(values.count, place + vectorSamples)
            var block = ByteWriter()
            ValueCodec.encode(values[place..<end], tier: tier, into: &block)
            SegmentFormat.seal(&block, from: 0)
            entry.floats.append(
                FloatVectorPlace(
                    offset: try out.append(block.bytes), byteCount: block.count,
                    sampleCount: end - place, stats: VectorStats(values[place..<end])))
            bytes.values += block.count
            place = end
        }
    }

    private mutating func writeHistograms(
        _ histograms: [Histogram], _ entry: inout MetricSeriesEntry
    ) throws(StorageError) {
        var place = 0
        while place < histograms.count {
            let end = place + HistogramVector.runLength(histograms, from: place)
            var block = ByteWriter()
            HistogramVector.write(histograms[place..<end], tier: tier, to: &block)
            SegmentFormat.seal(&block, from: 0)
            entry.histograms.append(
                HistogramVectorPlace(
                    offset: try out.append(block.bytes), byteCount: block.count,
                    sampleCount: end - place))
            bytes.histograms += block.count
            place = end
        }
    }

    /// The place of the column in this file; writes it unless it is there.
    private mutating func write(_ column: TimestampColumn) throws(StorageError) -> ColumnPlace {
        if let known = columnsByIdentity[ObjectIdentifier(column)] { return known }
        // What identities are forgotten never shows in the bytes; what contents are, does.
        let isFull = columnsByContent.count == MetricSegmentWriter.columnsRememberedMax
        if isFull { columnsByContent.removeAll() }
        if isFull || columnsHeld.count == MetricSegmentWriter.columnsRememberedMax {
            columnsHeld.removeAll()
            columnsByIdentity.removeAll()
        }
        let block = TimeColumnBlock.encode(
            column.nanos, vectorSamples: vectorSamples, tier: tier)
        let (high, low) = StableHash.hash128(block, seed: UInt64(block.count))
        let hash = Hash128(high: high, low: low)
        let place: ColumnPlace
        if let known = columnsByContent[hash] {
            place = known
        } else {
            place = ColumnPlace(offset: try out.append(block), byteCount: block.count)
            columnsByContent[hash] = place
            bytes.timestamps += block.count
        }
        // Held, so that its address is not given to another column meanwhile.
        columnsHeld.append(column)
        columnsByIdentity[ObjectIdentifier(column)] = place
        note(column.nanos)
        return place
    }

    private mutating func note(_ nanos: [Int64]) {
        guard let first = nanos.first, let last = nanos.last else { return }
        start = min(start, first)
        end = max(end, last)
    }

    private mutating func writePage() throws(StorageError) {
        for entry in entries {
            sampleCount += entry.floats.reduce(0) { $0 + $1.sampleCount }
            sampleCount += entry.histograms.reduce(0) { $0 + $1.sampleCount }
        }
        let body = MetricPage.encode(
            entries, tenantNumbers: tenantNumbers, vectorSamples: vectorSamples)
        var page = ByteWriter()
        page.varint(UInt64(body.count))
        page.raw(LZ4Block.compress(body, level: .high))
        SegmentFormat.seal(&page, from: 0)
        pages.append((offset: try out.append(page.bytes), byteCount: page.count))
        bytes.directory += page.count
        entries.removeAll(keepingCapacity: true)
    }
}
