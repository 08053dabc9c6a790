internal import Encoding
internal import Model

/// A timestamp column as a block of a metric segment, shared by all series that have it.
///
///     varint n │ per vector: zigzag first − first before, varint bytes │ vectors │ crc32c
enum TimeColumnBlock {
    static func encode(_ nanos: [Int64], vectorSamples: Int, tier: CodecTier) -> [UInt8] {
        var head = ByteWriter()
        var body = ByteWriter()
        head.varint(UInt64(nanos.count))
        var previous: Int64 = 0
        var start = 0
        while start < nanos.count {
            let end = min(nanos.count, start + vectorSamples)
            let before = body.count
            IntegerCodec.encode(nanos[start..<end], tier: tier, into: &body)
            head.zigzag(nanos[start] &- previous)
            head.varint(UInt64(body.count - before))
            previous = nanos[start]
            start = end
        }
        head.raw(body.bytes)
        SegmentFormat.seal(&head, from: 0)
        return head.bytes
    }

    /// Decodes the vectors that may hold samples in [start, end); `first` is the position of the
    /// first decoded sample in the whole column. Strictly ascending, which is checked.
    static func decode(
        _ content: ArraySlice<UInt8>, vectorSamples: Int, start: Int64, end: Int64,
        expectedCount: Int
    ) throws(EncodingError) -> (first: Int, nanos: [Int64]) {
        var reader = ByteReader(content)
        let count = try reader.count(limit: expectedCount)
        guard count == expectedCount else {
            throw .corrupt(what: "column length", offset: reader.offset)
        }
        let vectors = (count + vectorSamples - 1) / vectorSamples
        guard vectors <= reader.remaining else { throw .truncated(offset: reader.offset) }
        var firsts: [Int64] = []
        var lengths: [Int] = []
        var previous: Int64 = 0
        for _ in 0..<vectors {
            previous = previous &+ (try reader.zigzag())
            firsts.append(previous)
            lengths.append(try reader.count(limit: content.count))
        }
        var nanos: [Int64] = []
        var first = 0
        for vector in 0..<vectors {
            let isAfter = firsts[vector] >= end
            let isBefore = vector + 1 < vectors && firsts[vector + 1] <= start
            if isBefore || isAfter {
                try reader.skip(lengths[vector])
                continue
            }
            if nanos.isEmpty { first = vector * vectorSamples }
            let samples = min(vectorSamples, count - vector * vectorSamples)
            var part = ByteReader(try reader.slice(lengths[vector]))
            nanos.reserveCapacity(nanos.count + samples)
            try IntegerCodec.decode(&part, count: samples, into: &nanos)
        }
        var last: Int64?
        for nano in nanos {
            if let last, nano <= last {
                throw .corrupt(what: "timestamp order", offset: reader.offset)
            }
            last = nano
        }
        return (first, nanos)
    }
}
