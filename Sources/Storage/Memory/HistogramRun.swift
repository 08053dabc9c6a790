internal import Encoding
internal import Model

/// The histograms of one series in memory, in order of arrival: the first whole, later ones as
/// what has changed where that is exact, because an accumulating histogram changes in few buckets.
/// In memory only, so it needs no version.
struct HistogramRun: Sendable {
    private(set) var timestamps: [Int64] = []
    private var writer = ByteWriter()
    private var last: Histogram?

    var count: Int { timestamps.count }
    var byteCount: Int { timestamps.capacity * 8 + writer.bytes.capacity + 256 }

    mutating func append(timestamp: Int64, histogram: Histogram) {
        timestamps.append(timestamp)
        let start = writer.count
        if let last, HistogramRun.writeChange(from: last, to: histogram, &writer) {
            self.last = histogram
            return
        }
        writer.bytes.removeLast(writer.count - start)
        writer.u8(0)
        HistogramCodec.write(histogram, to: &writer)
        last = histogram
    }

    /// The histograms in order of arrival, as many as `timestamps`.
    func decode() -> [Histogram] {
        var reader = ByteReader(writer.bytes)
        var result: [Histogram] = []
        result.reserveCapacity(count)
        do {
            for _ in 0..<count {
                if try reader.u8() == 0 {
                    result.append(try HistogramCodec.read(&reader))
                } else {
                    result.append(try HistogramRun.readChange(result[result.count - 1], &reader))
                }
            }
        } catch {
            preconditionFailure("BUG: a histogram run in memory can not be read: \(error)")
        }
        return result
    }

    /// False, with rubbish written, when the change can not be said exactly.
    private static func writeChange(
        from a: Histogram, to b: Histogram, _ writer: inout ByteWriter
    ) -> Bool {
        guard a.schema == b.schema, a.resetHint == b.resetHint,
            a.zeroThreshold.bitPattern == b.zeroThreshold.bitPattern,
            a.customBounds == b.customBounds
        else { return false }
        writer.u8(1)
        return step(a.zeroCount, b.zeroCount, &writer) && step(a.count, b.count, &writer)
            && step(a.sum, b.sum, &writer) && steps(a.positive, b.positive, &writer)
            && steps(a.negative, b.negative, &writer)
    }

    private static func step(_ a: Double, _ b: Double, _ writer: inout ByteWriter) -> Bool {
        let change = b - a
        CompactNumber.write(change, to: &writer)
        return (a + change).bitPattern == b.bitPattern
    }

    /// Only for buckets that stay or come; one that goes needs a whole histogram.
    private static func steps(
        _ a: Histogram.Buckets, _ b: Histogram.Buckets, _ writer: inout ByteWriter
    ) -> Bool {
        var changes: [(index: Int32, change: Double)] = []
        var place = 0
        for (position, index) in b.indexes.enumerated() {
            let isOld = place < a.indexes.count && a.indexes[place] == index
            let before = isOld ? a.counts[place] : 0
            if isOld { place += 1 }
            let after = b.counts[position]
            if isOld, before.bitPattern == after.bitPattern { continue }
            let change = after - before
            guard (before + change).bitPattern == after.bitPattern else { return false }
            changes.append((index, change))
        }
        guard place == a.indexes.count else { return false }
        writer.varint(UInt64(changes.count))
        for (index, change) in changes {
            writer.zigzag(Int64(index))
            CompactNumber.write(change, to: &writer)
        }
        return true
    }

    private static func readChange(
        _ before: Histogram, _ reader: inout ByteReader
    ) throws(EncodingError) -> Histogram {
        var result = before
        result.zeroCount += try CompactNumber.read(&reader)
        result.count += try CompactNumber.read(&reader)
        result.sum += try CompactNumber.read(&reader)
        try readSteps(&result.positive, &reader)
        try readSteps(&result.negative, &reader)
        return result
    }

    private static func readSteps(
        _ buckets: inout Histogram.Buckets, _ reader: inout ByteReader
    ) throws(EncodingError) {
        var place = 0
        for _ in 0..<(try reader.varint()) {
            let index = Int32(truncatingIfNeeded: try reader.zigzag())
            let change = try CompactNumber.read(&reader)
            while place < buckets.indexes.count, buckets.indexes[place] < index { place += 1 }
            if place < buckets.indexes.count, buckets.indexes[place] == index {
                buckets.counts[place] += change
            } else {
                buckets.indexes.insert(index, at: place)
                buckets.counts.insert(0 + change, at: place)
            }
        }
    }
}
