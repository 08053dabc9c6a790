internal import Encoding
internal import Model

/// The log half of a shard's state in memory: which streams there are, and the lines since the
/// last seal. A function of the log of entries; a value.
struct LogState: Sendable {
    private(set) var catalog = SeriesCatalog()
    private(set) var memtable = LogMemtable()
    /// By slot: seconds of the clock of the last seal that saw lines.
    private var activeSeconds: [UInt32] = []
    private var sealSeconds: UInt32 = 0
    /// Of the shard, as the last entry left them.
    var limits: ShardLimits

    init(limits: ShardLimits) { self.limits = limits }

    var byteCount: Int { catalog.byteCount + memtable.byteCount }

    /// Fingerprints without labels that are not known.
    func unknown(in batch: WriteBatch) -> [SeriesID] {
        batch.streams.filter { $0.labels == nil && catalog.slot(of: $0.id) == nil }.map(\.id)
    }

    /// Applies the lines of a batch of which nothing is unknown.
    mutating func apply(_ batch: WriteBatch, _ rejections: inout RejectionList) {
        guard !batch.streams.isEmpty else { return }
        var streams: [IndexedSeries] = []
        var refusals: [UInt32: (reason: String, labels: Labels)] = [:]
        for reference in batch.streams {
            let (labels, reason) = resolve(reference, batch.tenant)
            if let reason { refusals[UInt32(streams.count)] = (reason, labels) }
            streams.append(
                IndexedSeries(tenant: batch.tenant, id: reference.id, labels: labels))
        }
        guard !refusals.isEmpty else {
            memtable.append(batch.lines, streams: streams)
            return
        }
        var kept = LineColumns()
        for row in 0..<batch.lines.count {
            if let refusal = refusals[batch.lines.streamIndexes[row]] {
                rejections.add(refusal.reason, refusal.labels)
                continue
            }
            kept.append(
                streamIndex: batch.lines.streamIndexes[row],
                timestamp: batch.lines.timestamps[row],
                line: batch.lines.bytes[batch.lines.lineRange(row)],
                metadata: batch.lines.metadataBytes[batch.lines.metadataRange(row)])
        }
        memtable.append(kept, streams: streams)
    }

    /// The labels of a stream of the batch, and why it is refused if it is.
    private mutating func resolve(
        _ reference: SeriesReference, _ tenant: Tenant
    ) -> (labels: Labels, refusedAs: String?) {
        if let slot = catalog.slot(of: reference.id) {
            let known = catalog.labels(of: slot)
            guard let labels = reference.labels else { return (known, nil) }
            let isSame = labels == known && catalog.tenant(of: slot) == tenant
            return (labels, isSame ? nil : "fingerprint_collision")
        }
        guard let labels = reference.labels else {
            preconditionFailure("BUG: a batch with unknown streams is applied")
        }
        guard catalog.count < limits.streamsMax else {
            return (labels, "storage.streams_per_shard_max")
        }
        _ = catalog.append(tenant: tenant, id: reference.id, labels: labels)
        activeSeconds.append(sealSeconds)
        return (labels, nil)
    }

    /// Takes the memtable out and forgets idle streams.
    mutating func seal(at time: Timestamp) -> LogMemtable {
        let frozen = memtable
        memtable = LogMemtable()
        sealSeconds = UInt32(clamping: time.nanos / 1_000_000_000)
        for stream in frozen.allSeries {
            if let slot = catalog.slot(of: stream.id) { activeSeconds[Int(slot)] = sealSeconds }
        }
        let kept = (0..<UInt32(catalog.count)).filter { slot in
            let active = UInt64(activeSeconds[Int(slot)])
            return active + UInt64(limits.idleSeconds) >= UInt64(sealSeconds)
        }
        let idle = catalog.count - kept.count
        if idle >= StorageLimits.evictionSeriesMin,
            idle >= catalog.count / StorageLimits.evictionFractionDenominator
        {
            catalog = catalog.keeping(kept)
            activeSeconds = kept.map { activeSeconds[Int($0)] }
        }
        return frozen
    }

    /// Forgets the lines of a tenant.
    mutating func delete(_ tenant: Tenant) { memtable = memtable.removing(tenant) }

    /// Everything but the memtable, which is empty in a checkpoint.
    func write(to writer: inout ByteWriter) {
        writer.u32(sealSeconds)
        writer.varint(UInt64(catalog.count))
        for slot in 0..<UInt32(catalog.count) {
            writer.lengthPrefixed(Array(catalog.tenant(of: slot).name.utf8))
            writer.lengthPrefixed(catalog.labels(of: slot).bytes)
            writer.u32(activeSeconds[Int(slot)])
        }
    }

    /// Reads what `write` wrote into a state that is empty.
    mutating func read(_ reader: inout ByteReader) throws(EncodingError) {
        sealSeconds = try reader.u32()
        for _ in 0..<(try reader.count(limit: Int(Int32.max))) {
            let name = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
            guard let tenant = Tenant(name) else {
                throw .corrupt(what: "tenant", offset: reader.offset)
            }
            guard let labels = Labels(checking: Array(try reader.lengthPrefixed())) else {
                throw .corrupt(what: "labels", offset: reader.offset)
            }
            let id = SeriesID(tenant: tenant, labels: labels)
            guard catalog.slot(of: id) == nil else {
                throw .corrupt(what: "stream", offset: reader.offset)
            }
            _ = catalog.append(tenant: tenant, id: id, labels: labels)
            activeSeconds.append(try reader.u32())
        }
    }
}

extension LogMemtable {
    /// A copy without the lines of a tenant.
    fileprivate func removing(_ tenant: Tenant) -> LogMemtable {
        var kept = LogMemtable()
        for stream in streams where stream.series.tenant != tenant {
            for chunk in stream.chunks {
                var lines = chunk.lines
                lines.streamIndexes = [UInt32](repeating: 0, count: lines.count)
                kept.append(lines, streams: [stream.series])
            }
        }
        return kept
    }
}
