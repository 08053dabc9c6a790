internal import Encoding

// The encoded form of a batch, byte for byte in docs/format/write-batch.md. It is the payload of
// log entries, so decoding trusts nothing.
extension WriteBatch {
    package static let formatVersion: UInt8 = 1
    /// More items than this in one column are refused when decoding.
    package static let itemCountMax = 16 << 20

    /// The bytes of the batch. O(size), one buffer.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: encodedSizeEstimate)
        writer.u8(WriteBatch.formatVersion)
        writer.lengthPrefixed(Array(tenant.name.utf8))
        writer.u64(stamp?.source ?? 0)
        writer.u64(stamp?.sequence ?? 0)
        writer.u8(stamp == nil ? 0 : 1)
        WriteBatch.write(series, to: &writer)
        WriteBatch.write(streams, to: &writer)
        writer.varint(UInt64(samples.count))
        if !samples.isEmpty {
            IndexColumn.write(samples.seriesIndexes, to: &writer)
            TimeColumn.write(samples.timestamps, to: &writer)
            writer.column(samples.values)
        }
        writeIncrements(to: &writer)
        HistogramCodec.write(histograms, to: &writer)
        HistogramCodec.write(histogramIncrements, to: &writer)
        writeSets(to: &writer)
        writeLines(to: &writer)
        writer.varint(UInt64(metadata.count))
        for entry in metadata {
            writer.u8(entry.kind.rawValue)
            writer.lengthPrefixed(Array(entry.metric.utf8))
            writer.lengthPrefixed(Array(entry.help.utf8))
            writer.lengthPrefixed(Array(entry.unit.utf8))
        }
        return writer.bytes
    }

    /// Reads what `encoded` wrote; throws `corruptBatch` or `newerBatch`.
    package init(decoding bytes: [UInt8]) throws(ModelError) {
        var reader = ByteReader(bytes)
        do {
            self = try WriteBatch.read(&reader)
        } catch let error as ModelError {
            throw error
        } catch {
            throw ModelError.corruptBatch(what: "\(error)", offset: reader.offset)
        }
    }

    private var encodedSizeEstimate: Int {
        let references = (series.count + streams.count) * 17
        let labels =
            series.reduce(0) { $0 + ($1.labels?.bytes.count ?? 0) + 2 }
            + streams.reduce(0) { $0 + ($1.labels?.bytes.count ?? 0) + 2 }
        return 128 + references + labels + samples.count * 20 + increments.count * 21
            + lines.bytes.count + lines.metadataBytes.count + lines.count * 20
    }

    private static func read(_ reader: inout ByteReader) throws -> WriteBatch {
        let version = try reader.u8()
        guard version <= formatVersion, version > 0 else {
            throw ModelError.newerBatch(version: version)
        }
        let name = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
        guard let tenant = Tenant(name) else { throw corrupt("tenant", reader) }
        let stamp = BatchStamp(source: try reader.u64(), sequence: try reader.u64())
        let isStamped = try reader.u8()
        var batch = WriteBatch(tenant: tenant, stamp: isStamped == 0 ? nil : stamp)
        batch.series = try readReferences(&reader)
        batch.streams = try readReferences(&reader)
        let sampleCount = try reader.count(limit: itemCountMax)
        if sampleCount > 0 {
            batch.samples.seriesIndexes = try IndexColumn.read(
                &reader, count: sampleCount, bound: batch.series.count)
            batch.samples.timestamps = try TimeColumn.read(&reader, count: sampleCount)
            try reader.column(count: sampleCount, into: &batch.samples.values)
        }
        try batch.readIncrements(&reader)
        batch.histograms = try HistogramCodec.read(&reader, seriesCount: batch.series.count)
        batch.histogramIncrements = try HistogramCodec.read(
            &reader, seriesCount: batch.series.count)
        try batch.readSets(&reader)
        try batch.readLines(&reader)
        for _ in 0..<(try reader.count(limit: itemCountMax)) {
            guard let kind = MetricMetadata.Kind(rawValue: try reader.u8()) else {
                throw corrupt("metadata kind", reader)
            }
            let metric = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
            let help = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
            let unit = String(decoding: try reader.lengthPrefixed(), as: UTF8.self)
            batch.metadata.append(
                MetricMetadata(metric: metric, kind: kind, help: help, unit: unit))
        }
        guard reader.isAtEnd else { throw corrupt("bytes after the end", reader) }
        return batch
    }

    private static func corrupt(_ what: String, _ reader: ByteReader) -> ModelError {
        .corruptBatch(what: what, offset: reader.offset)
    }
}

// Parts of the layout, in its order.
extension WriteBatch {
    private static func write(_ references: [SeriesReference], to writer: inout ByteWriter) {
        writer.varint(UInt64(references.count))
        // What a steady writer sends is fingerprints alone: those go in runs.
        var known: [UInt64] = []
        known.reserveCapacity(2 * references.count)
        for reference in references {
            guard let labels = reference.labels else {
                known.append(reference.id.high)
                known.append(reference.id.low)
                continue
            }
            writer.pairs(known, markedBy: knownMark)
            known.removeAll(keepingCapacity: true)
            writer.u64(reference.id.high)
            writer.u64(reference.id.low)
            // One more than the length, so that 0 can say "known" and 1 the empty set.
            writer.varint(UInt64(labels.bytes.count + 1))
            writer.raw(labels.bytes)
        }
        writer.pairs(known, markedBy: knownMark)
    }

    /// In the place of a length: the labels are not there.
    private static var knownMark: UInt8 { 0 }

    private static func readReferences(_ reader: inout ByteReader) throws -> [SeriesReference] {
        let count = try reader.count(limit: itemCountMax)
        guard count <= reader.remaining / 17 else { throw corrupt("series count", reader) }
        var references: [SeriesReference] = []
        references.reserveCapacity(count)
        var known: [UInt64] = []
        while references.count < count {
            reader.pairs(upTo: count - references.count, markedBy: knownMark, into: &known)
            for index in stride(from: 0, to: known.count, by: 2) {
                references.append(
                    SeriesReference(
                        id: SeriesID(high: known[index], low: known[index + 1]), labels: nil))
            }
            known.removeAll(keepingCapacity: true)
            guard references.count < count else { break }
            let id = SeriesID(high: try reader.u64(), low: try reader.u64())
            let marker = try reader.count(limit: reader.remaining + 1)
            var labels: Labels?
            if marker > 0 {
                guard let checked = Labels(checking: try reader.raw(marker - 1)) else {
                    throw corrupt("labels", reader)
                }
                labels = checked
            }
            references.append(SeriesReference(id: id, labels: labels))
        }
        return references
    }

    private func writeIncrements(to writer: inout ByteWriter) {
        writer.varint(UInt64(increments.count))
        guard !increments.isEmpty else { return }
        writer.u64(UInt64(bitPattern: increments.intervalNanos))
        writer.column(increments.kinds.map(\.rawValue))
        IndexColumn.write(increments.seriesIndexes, to: &writer)
        TimeColumn.write(increments.timestamps, to: &writer)
        writer.column(increments.values)
    }

    private mutating func readIncrements(_ reader: inout ByteReader) throws {
        let count = try reader.count(limit: WriteBatch.itemCountMax)
        guard count > 0 else { return }
        increments.intervalNanos = try reader.i64()
        for raw in try reader.slice(count) {
            guard let kind = IncrementColumns.Kind(rawValue: raw) else {
                throw WriteBatch.corrupt("increment kind", reader)
            }
            increments.kinds.append(kind)
        }
        increments.seriesIndexes = try IndexColumn.read(
            &reader, count: count, bound: series.count)
        increments.timestamps = try TimeColumn.read(&reader, count: count)
        try reader.column(count: count, into: &increments.values)
    }

    private func writeSets(to writer: inout ByteWriter) {
        writer.varint(UInt64(setIncrements.count))
        for set in setIncrements {
            writer.u32(set.seriesIndex)
            writer.u64(UInt64(bitPattern: set.timestamp))
            writer.varint(UInt64(set.members.count))
            writer.column(set.members)
            writer.lengthPrefixed(set.registers)
        }
    }

    private mutating func readSets(_ reader: inout ByteReader) throws {
        for _ in 0..<(try reader.count(limit: WriteBatch.itemCountMax)) {
            let index = try reader.u32()
            guard index < series.count else { throw WriteBatch.corrupt("series index", reader) }
            let timestamp = try reader.i64()
            var members: [UInt64] = []
            let memberCount = try reader.count(limit: WriteBatch.itemCountMax)
            try reader.column(count: memberCount, into: &members)
            let registers = Array(try reader.lengthPrefixed())
            setIncrements.append(
                SetIncrement(
                    seriesIndex: index, timestamp: timestamp, members: members,
                    registers: registers))
        }
    }

    private func writeLines(to writer: inout ByteWriter) {
        writer.varint(UInt64(lines.count))
        guard !lines.isEmpty else { return }
        IndexColumn.write(lines.streamIndexes, to: &writer)
        TimeColumn.write(lines.timestamps, to: &writer)
        writer.column(lines.lineEnds)
        writer.lengthPrefixed(lines.bytes)
        writer.u8(lines.metadataBytes.isEmpty ? 0 : 1)
        if !lines.metadataBytes.isEmpty {
            writer.column(lines.metadataEnds)
            writer.lengthPrefixed(lines.metadataBytes)
        }
    }

    private mutating func readLines(_ reader: inout ByteReader) throws {
        let count = try reader.count(limit: WriteBatch.itemCountMax)
        guard count > 0 else { return }
        lines.streamIndexes = try IndexColumn.read(&reader, count: count, bound: streams.count)
        lines.timestamps = try TimeColumn.read(&reader, count: count)
        try reader.column(count: count, into: &lines.lineEnds)
        lines.bytes = Array(try reader.lengthPrefixed())
        try WriteBatch.checkEnds(lines.lineEnds, total: lines.bytes.count, reader)
        if try reader.u8() == 0 {
            lines.metadataEnds = [UInt32](repeating: 0, count: count)
        } else {
            try reader.column(count: count, into: &lines.metadataEnds)
            lines.metadataBytes = Array(try reader.lengthPrefixed())
            try WriteBatch.checkEnds(
                lines.metadataEnds, total: lines.metadataBytes.count, reader)
        }
    }

    private static func checkEnds(_ ends: [UInt32], total: Int, _ reader: ByteReader) throws {
        var previous: UInt32 = 0
        for end in ends {
            guard end >= previous else { throw corrupt("line ends do not ascend", reader) }
            previous = end
        }
        guard Int(previous) == total else { throw corrupt("line ends", reader) }
    }
}

/// A column of indexes: most are 0, 1, 2 … (each series once) or all the same (backfill).
private enum IndexColumn {
    static func write(_ indexes: [UInt32], to writer: inout ByteWriter) {
        let first = indexes[0]
        if indexes.allSatisfy({ $0 == first }) {
            writer.u8(1)
            writer.u32(first)
        } else if isCounting(indexes) {
            writer.u8(2)
            writer.u32(first)
        } else {
            writer.u8(0)
            writer.column(indexes)
        }
    }

    static func read(
        _ reader: inout ByteReader, count: Int, bound: Int
    ) throws -> [UInt32] {
        let mode = try reader.u8()
        var indexes: [UInt32] = []
        switch mode {
        case 0:
            try reader.column(count: count, into: &indexes)
            for index in indexes where index >= bound {
                throw ModelError.corruptBatch(what: "index \(index)", offset: reader.offset)
            }
        case 1, 2:
            let first = Int(try reader.u32())
            let last = mode == 1 ? first : first + count - 1
            guard last < bound else {
                throw ModelError.corruptBatch(what: "index \(last)", offset: reader.offset)
            }
            // Bounded by itemCountMax, and the values that follow are longer than this column.
            if mode == 1 {
                indexes = [UInt32](repeating: UInt32(first), count: count)
            } else {
                indexes = (first..<first + count).map { UInt32($0) }
            }
        default:
            throw ModelError.corruptBatch(what: "index mode \(mode)", offset: reader.offset)
        }
        return indexes
    }

    private static func isCounting(_ indexes: [UInt32]) -> Bool {
        var expected = indexes[0]
        for index in indexes {
            if index != expected { return false }
            expected &+= 1
        }
        return true
    }
}

/// A column of timestamps: one for all (a scrape, a flush) or eight bytes each.
private enum TimeColumn {
    static func write(_ timestamps: [Int64], to writer: inout ByteWriter) {
        let first = timestamps[0]
        if timestamps.allSatisfy({ $0 == first }) {
            writer.u8(1)
            writer.u64(UInt64(bitPattern: first))
        } else {
            writer.u8(0)
            writer.column(timestamps)
        }
    }

    static func read(_ reader: inout ByteReader, count: Int) throws -> [Int64] {
        let mode = try reader.u8()
        switch mode {
        case 0:
            var timestamps: [Int64] = []
            try reader.column(count: count, into: &timestamps)
            return timestamps
        case 1: return [Int64](repeating: try reader.i64(), count: count)
        default:
            throw ModelError.corruptBatch(what: "time mode \(mode)", offset: reader.offset)
        }
    }
}
