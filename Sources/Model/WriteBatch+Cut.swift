internal import Encoding

// Cutting a batch that is too large for one entry of a log. A function of the batch alone: who
// sends the same batch again gets the same pieces with the same stamps.
extension WriteBatch {
    /// The batch in pieces whose encoded form has at most `bytesMax` bytes, in order; the batch
    /// itself when it fits. One item that is larger is a piece of its own.
    ///
    /// Pieces of a stamped batch get stamps that follow from its own. Pieces with log lines of a
    /// batch without one get a stamp from their content: lines that are sent again because a later
    /// piece failed are not kept twice. Samples need none.
    package func cut(bytesMax: Int) -> [WriteBatch] {
        guard encodedBytesBound > bytesMax else { return [self] }
        var cutter = BatchCutter(self, bytesMax: bytesMax)
        return cutter.run()
    }

    /// No less than the length of the encoded form. O(series).
    package var encodedBytesBound: Int {
        var count = BatchCutter.headerBytes
        for reference in series { count += BatchCutter.bytes(of: reference) }
        for reference in streams { count += BatchCutter.bytes(of: reference) }
        count += samples.count * BatchCutter.sampleBytes
        count += increments.count * BatchCutter.incrementBytes
        for sample in histograms { count += BatchCutter.bytes(of: sample.histogram) }
        for sample in histogramIncrements { count += BatchCutter.bytes(of: sample.histogram) }
        for set in setIncrements { count += BatchCutter.bytes(of: set) }
        count += lines.bytes.count + lines.metadataBytes.count
        count += lines.count * BatchCutter.lineBytes
        for entry in metadata { count += BatchCutter.bytes(of: entry) }
        return count
    }
}

/// Fills one piece after the other with the items of a batch.
private struct BatchCutter {
    /// Version, tenant, stamp and the counts of the columns.
    static let headerBytes = 512
    static let sampleBytes = 20
    static let incrementBytes = 21
    /// Beside its text and metadata.
    static let lineBytes = 20

    private let source: WriteBatch
    private let bytesMax: Int
    private var pieces: [WriteBatch] = []
    private var piece: WriteBatch
    private var byteCount = BatchCutter.headerBytes
    /// Index in the piece by index in the batch; `absent` when it is not there yet.
    private var seriesPlaces: [UInt32]
    private var streamPlaces: [UInt32]
    private static let absent = UInt32.max

    init(_ source: WriteBatch, bytesMax: Int) {
        self.source = source
        self.bytesMax = bytesMax
        piece = WriteBatch(tenant: source.tenant)
        seriesPlaces = Array(repeating: BatchCutter.absent, count: source.series.count)
        streamPlaces = Array(repeating: BatchCutter.absent, count: source.streams.count)
    }

    static func bytes(of reference: SeriesReference) -> Int {
        21 + (reference.labels?.bytes.count ?? 0)
    }

    static func bytes(of histogram: Histogram) -> Int {
        let buckets = histogram.positive.indexes.count + histogram.negative.indexes.count
        return 80 + buckets * 18 + histogram.customBounds.count * 8
    }

    static func bytes(of set: SetIncrement) -> Int {
        32 + set.members.count * 8 + set.registers.count
    }

    static func bytes(of entry: MetricMetadata) -> Int {
        16 + entry.metric.utf8.count + entry.help.utf8.count + entry.unit.utf8.count
    }

    mutating func run() -> [WriteBatch] {
        for i in 0..<source.samples.count {
            let place = series(source.samples.seriesIndexes[i], Self.sampleBytes)
            piece.samples.append(
                seriesIndex: place, timestamp: source.samples.timestamps[i],
                value: source.samples.values[i])
        }
        for sample in source.histograms {
            let place = series(sample.seriesIndex, Self.bytes(of: sample.histogram))
            piece.histograms.append(moved(sample, place))
        }
        for i in 0..<source.increments.count {
            let place = series(source.increments.seriesIndexes[i], Self.incrementBytes)
            piece.increments.intervalNanos = source.increments.intervalNanos
            piece.increments.append(
                kind: source.increments.kinds[i], seriesIndex: place,
                timestamp: source.increments.timestamps[i], value: source.increments.values[i])
        }
        for sample in source.histogramIncrements {
            let place = series(sample.seriesIndex, Self.bytes(of: sample.histogram))
            piece.histogramIncrements.append(moved(sample, place))
        }
        for set in source.setIncrements {
            var moved = set
            moved.seriesIndex = series(set.seriesIndex, Self.bytes(of: set))
            piece.setIncrements.append(moved)
        }
        addLines()
        for entry in source.metadata {
            makeRoom(Self.bytes(of: entry))
            piece.metadata.append(entry)
        }
        close()
        return pieces
    }

    private mutating func addLines() {
        let lines = source.lines
        for i in 0..<lines.count {
            let text = lines.lineRange(i)
            let metadata = lines.metadataRange(i)
            let stream = Int(lines.streamIndexes[i])
            makeRoom(
                text.count + metadata.count + Self.lineBytes
                    + Self.bytes(of: source.streams[stream]))
            if streamPlaces[stream] == Self.absent {
                streamPlaces[stream] = UInt32(piece.streams.count)
                piece.streams.append(source.streams[stream])
            } else {
                byteCount -= Self.bytes(of: source.streams[stream])
            }
            piece.lines.append(
                streamIndex: streamPlaces[stream], timestamp: lines.timestamps[i],
                line: lines.bytes[text], metadata: lines.metadataBytes[metadata])
        }
    }

    /// Room for an item of the series; the series' index in the piece.
    private mutating func series(_ index: UInt32, _ itemBytes: Int) -> UInt32 {
        let reference = source.series[Int(index)]
        makeRoom(itemBytes + Self.bytes(of: reference))
        if seriesPlaces[Int(index)] == Self.absent {
            seriesPlaces[Int(index)] = UInt32(piece.series.count)
            piece.series.append(reference)
        } else {
            byteCount -= Self.bytes(of: reference)
        }
        return seriesPlaces[Int(index)]
    }

    private func moved(_ sample: HistogramSample, _ place: UInt32) -> HistogramSample {
        HistogramSample(
            seriesIndex: place, timestamp: sample.timestamp, histogram: sample.histogram)
    }

    /// Begins a new piece when `count` more bytes do not fit into this one, and counts them.
    private mutating func makeRoom(_ count: Int) {
        if byteCount + count > bytesMax, !piece.isEmpty { close() }
        byteCount += count
    }

    private mutating func close() {
        guard !piece.isEmpty else { return }
        piece.stamp = stamp()
        pieces.append(piece)
        piece = WriteBatch(tenant: source.tenant)
        byteCount = Self.headerBytes
        for index in seriesPlaces.indices { seriesPlaces[index] = Self.absent }
        for index in streamPlaces.indices { streamPlaces[index] = Self.absent }
    }

    /// The first piece keeps the batch's stamp. Each further one counts as of a source of its own,
    /// whose numbers ascend as the batch's do.
    private func stamp() -> BatchStamp? {
        if var stamp = source.stamp {
            guard !pieces.isEmpty else { return stamp }
            var writer = ByteWriter()
            writer.u64(stamp.source)
            writer.u64(UInt64(pieces.count))
            stamp.source = StableHash.hash64(writer.bytes, seed: 0)
            return stamp
        }
        guard !piece.lines.isEmpty else { return nil }
        return BatchStamp(source: StableHash.hash64(piece.encoded(), seed: 0), sequence: 1)
    }
}
