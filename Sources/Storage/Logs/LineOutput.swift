internal import Encoding
internal import Model

/// Collects lines into batches and hands them to the sink.
struct LineOutput {
    private let request: LineRequest
    private let sources: [LogSource]
    private var batch = LineData(streams: [], lines: LineColumns())
    /// source << 32 | ordinal → place in the batch's streams.
    private var places: [UInt64: UInt32] = [:]
    private var placeOfID: [SeriesID: UInt32] = [:]
    private var known: [UInt64: SeriesReference] = [:]
    /// The key and the place found last: most lines are of the same stream as the one before.
    private var recent: (key: UInt64, place: UInt32)?
    private var emitted = 0

    init(request: LineRequest, sources: [LogSource]) {
        self.request = request
        self.sources = sources
    }

    /// False when no more lines are wanted.
    mutating func append(
        _ lines: LineColumns, _ row: Int, source: Int, _ sink: (LineData) throws -> Bool
    ) throws -> Bool {
        let stream = try place(of: lines.streamIndexes[row], source)
        batch.lines.append(
            streamIndex: stream, timestamp: lines.timestamps[row],
            line: lines.bytes[lines.lineRange(row)],
            metadata: lines.metadataBytes[lines.metadataRange(row)])
        emitted += 1
        let isLast = request.limit.map { emitted >= $0 } ?? false
        if isLast || batch.lines.count >= StorageLimits.linesPerBatch
            || batch.lines.bytes.count >= StorageLimits.lineBytesPerBatch
        {
            return try flush(sink) && !isLast
        }
        return true
    }

    /// Hands over what is collected; false when the sink wants no more.
    mutating func flush(_ sink: (LineData) throws -> Bool) throws -> Bool {
        guard !batch.lines.isEmpty else { return true }
        try request.budget.charge(samples: batch.lines.count)
        defer {
            batch = LineData(streams: [], lines: LineColumns())
            places.removeAll(keepingCapacity: true)
            placeOfID.removeAll(keepingCapacity: true)
            recent = nil
        }
        return try sink(batch)
    }

    private mutating func place(of ordinal: UInt32, _ source: Int) throws -> UInt32 {
        let key = UInt64(source) << 32 | UInt64(ordinal)
        if let recent, recent.key == key { return recent.place }
        if let place = places[key] {
            recent = (key, place)
            return place
        }
        let reference = try reference(ordinal, source, key)
        // A stream that two sources hold is one stream of the answer.
        let next = UInt32(batch.streams.count)
        let place = placeOfID[reference.id] ?? next
        if place == next {
            batch.streams.append(reference)
            placeOfID[reference.id] = next
        }
        places[key] = place
        return place
    }

    private mutating func reference(
        _ ordinal: UInt32, _ source: Int, _ key: UInt64
    ) throws -> SeriesReference {
        if let reference = known[key] { return reference }
        let series: IndexedSeries
        switch sources[source].lines {
        case .memtable(let table): series = table.streams[Int(ordinal)].series
        case .segment(let segment): series = try segment.index.series(of: [ordinal])[0]
        }
        let reference = SeriesReference(id: series.id, labels: series.labels)
        known[key] = reference
        return reference
    }
}
