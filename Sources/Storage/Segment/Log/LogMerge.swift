package import Encoding
package import Model

/// Several log segments made into one: compaction. Every line stays, in order of stream, timestamp
/// and arrival (of equal timestamps those of an earlier input come first), but those that are
/// dropped. A pure function of inputs and rules: replicas get the same bytes.
package enum LogMerge {
    /// `inputs`: oldest first. `keepFrom` is asked once per stream: lines before that time are
    /// dropped; nil drops the stream (its tenant or itself was deleted).
    package static func merge(
        _ inputs: [LogSegment], level: LZ4Block.Level = .high,
        keepFrom: (IndexedSeries) -> Timestamp?
    ) throws(StorageError) -> BuiltLogSegment {
        precondition(
            inputs.count <= StorageLimits.compactionInputsMax, "too many segments at once")
        var cursors: [LogCursor] = []
        for input in inputs { cursors.append(try LogCursor(input)) }
        var writer = LogSegmentWriter(level: level)
        while let series = cursors.compactMap(\.series).min() {
            let members = cursors.indices.filter { cursors[$0].series == series }
            guard let cutoff = keepFrom(series)?.nanos else {
                for member in members {
                    while cursors[member].series == series { try cursors[member].advance() }
                }
                continue
            }
            let rawBytes = members.reduce(0) { $0 + cursors[$1].streamBytes }
            var hasBegun = false
            while let member = members.filter({ cursors[$0].series == series }).min(by: {
                cursors[$0].timestamp < cursors[$1].timestamp
            }) {
                if cursors[member].timestamp >= cutoff {
                    if !hasBegun {
                        writer.beginStream(series, rawBytes: rawBytes)
                        hasBegun = true
                    }
                    cursors[member].append(to: &writer)
                }
                try cursors[member].advance()
            }
        }
        return try writer.finish()
    }
}

/// A place among the lines of a segment, in their order: holds one decoded block.
private struct LogCursor {
    private let segment: LogSegment
    private let streams: [IndexedSeries]
    private var block = -1
    private var lines = LineColumns()
    private var row = 0

    init(_ segment: LogSegment) throws(StorageError) {
        self.segment = segment
        streams = try segment.index.series(of: Array(0..<UInt32(segment.index.seriesCount)))
        try openNext()
    }

    /// The stream of the line at hand; nil at the end.
    var series: IndexedSeries? {
        row < lines.count ? streams[Int(lines.streamIndexes[row])] : nil
    }

    var timestamp: Int64 { lines.timestamps[row] }

    /// About the bytes that are left of the stream at hand.
    var streamBytes: Int {
        let stream = lines.streamIndexes[row]
        var end = row
        while end < lines.count, lines.streamIndexes[end] == stream { end += 1 }
        var bytes = lines.lineRange(end - 1).upperBound - lines.lineRange(row).lowerBound
        for later in segment.directory.blocks[(block + 1)...] {
            guard later.firstStream == stream else { break }
            bytes += later.rawBytes
        }
        return bytes
    }

    func append(to writer: inout LogSegmentWriter) {
        writer.append(
            timestamp: timestamp, line: lines.bytes[lines.lineRange(row)],
            metadata: lines.metadataBytes[lines.metadataRange(row)])
    }

    mutating func advance() throws(StorageError) {
        row += 1
        if row == lines.count { try openNext() }
    }

    private mutating func openNext() throws(StorageError) {
        row = 0
        lines = LineColumns()
        while lines.isEmpty, block + 1 < segment.directory.blocks.count {
            block += 1
            lines = try segment.block(block)
        }
    }
}
