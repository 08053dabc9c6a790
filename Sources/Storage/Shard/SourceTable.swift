internal import Encoding
internal import Model
internal import Platform

/// The last sequence applied of each source: what makes a repeated batch harmless.
///
/// Holds at most `StorageLimits.sourcesMax`; when full the quarter that was heard of longest ago,
/// by log index, is forgotten. A function of the log, so that replicas agree on what is a repeat.
struct SourceTable: Sendable {
    private struct Last: Sendable {
        var sequence: UInt64
        var index: UInt64
    }

    private var lasts: [UInt64: Last] = [:]

    var count: Int { lasts.count }

    func isRepeat(_ stamp: BatchStamp) -> Bool {
        guard let last = lasts[stamp.source] else { return false }
        return stamp.sequence <= last.sequence && !Mutant.isOn(.appliesRepeats)
    }

    mutating func note(_ stamp: BatchStamp, index: UInt64) {
        if lasts.count >= StorageLimits.sourcesMax, lasts[stamp.source] == nil { forgetOldest() }
        lasts[stamp.source] = Last(sequence: stamp.sequence, index: index)
    }

    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(lasts.count))
        for source in lasts.keys.sorted() {
            guard let last = lasts[source] else { continue }
            writer.u64(source)
            writer.varint(last.sequence)
            writer.varint(last.index)
        }
    }

    static func read(_ reader: inout ByteReader) throws(EncodingError) -> SourceTable {
        var table = SourceTable()
        for _ in 0..<(try reader.count(limit: StorageLimits.sourcesMax)) {
            let source = try reader.u64()
            table.lasts[source] = Last(
                sequence: try reader.varint(), index: try reader.varint())
        }
        return table
    }

    private mutating func forgetOldest() {
        // An entry notes one source, so indexes are distinct and the order is total.
        let byAge = lasts.sorted { $0.value.index < $1.value.index }
        for (source, _) in byAge.prefix(max(1, byAge.count / 4)) { lasts[source] = nil }
    }
}
