/// Columns of doubles as self-describing vectors, bit-exact for all of them: NaN payloads, -0.0,
/// infinities and the stale marker included. Decimals and integers take what their differences need;
/// real doubles take the differences of their bit patterns. Byte boxes: docs/format/encoding.md.
package enum ValueCodec {
    /// Values of a vector.
    package static let vectorCount = IntegerCodec.vectorCount
    /// Values of a block of the dense tier.
    package static let wideCountMax = IntegerCodec.wideCountMax

    /// Appends `values`. The count is not stored: the reader must know it.
    package static func encode(
        _ values: ArraySlice<Double>, tier: CodecTier = .hot, into writer: inout ByteWriter
    ) {
        unsafe values.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let scratch = CodecScratch(capacity: min(buffer.count, wideCountMax))
            var done = 0
            while done < buffer.count {
                let left = buffer.count - done
                let start = unsafe base + done
                guard tier == .dense, left > vectorCount else {
                    let count = min(left, vectorCount)
                    unsafe ValueVector.encode(
                        start, count: count, tier: tier, isWide: false, scratch: scratch,
                        into: &writer)
                    done += count
                    continue
                }
                let count = min(left, wideCountMax)
                unsafe encodeWide(start, count: count, scratch: scratch, into: &writer)
                done += count
            }
        }
    }

    /// Appends `values`. The count is not stored: the reader must know it.
    package static func encode(
        _ values: [Double], tier: CodecTier = .hot, into writer: inout ByteWriter
    ) { encode(values[...], tier: tier, into: &writer) }

    /// One block of the dense tier, or vectors of the hot one where these are smaller.
    private static func encodeWide(
        _ values: UnsafePointer<Double>, count: Int, scratch: borrowing CodecScratch,
        into writer: inout ByteWriter
    ) {
        let before = writer.count
        unsafe ValueVector.encode(
            values, count: count, tier: .dense, isWide: true, scratch: scratch, into: &writer)
        let wideByteCount = writer.count - before
        // Below this vectors could not be smaller: their heads alone take as much.
        guard wideByteCount > 8 * (count / vectorCount + 1) else { return }
        var narrow = ByteWriter(reserving: wideByteCount + 64)
        for at in stride(from: 0, to: count, by: vectorCount) {
            unsafe ValueVector.encode(
                values + at, count: min(vectorCount, count - at), tier: .hot, isWide: false,
                scratch: scratch, into: &narrow)
            if narrow.count >= wideByteCount { return }
        }
        writer.bytes.removeLast(wideByteCount)
        writer.raw(narrow.bytes)
    }

    /// Appends the next `count` doubles to `values`. A few bytes may stand for thousands of them: a
    /// caller that does not trust the count must limit it. After an error `values` may have grown.
    package static func decode(
        _ reader: inout ByteReader, count: Int, into values: inout [Double]
    ) throws(EncodingError) {
        precondition(count >= 0, "a count is not negative")
        let end = values.count + count
        while values.count < end {
            let head = try ValueVector.Head(byte: reader.u8(), offset: reader.offset)
            let vector = min(end - values.count, head.isWide ? wideCountMax : vectorCount)
            try unsafe values.appendFilled(vector) { doubles throws(EncodingError) in
                let target = UnsafeMutableRawPointer(doubles)
                // The doubles are written as their bit patterns.
                let integers = unsafe target.bindMemory(to: Int64.self, capacity: vector)
                defer { unsafe _ = target.bindMemory(to: Double.self, capacity: vector) }
                try unsafe ValueVector.decode(head, &reader, count: vector, into: integers)
            }
        }
    }
}
