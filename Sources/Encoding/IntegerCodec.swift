/// Columns of integers (timestamps, counts, ids) as self-describing vectors: arithmetic ramps take a
/// few bytes, jittered timestamps about half a byte each, anything else what its differences need.
/// Exact for every Int64. Byte boxes: docs/format/encoding.md.
package enum IntegerCodec {
    /// Values of a vector.
    package static let vectorCount = 1_024
    /// Values of a block of the dense tier.
    package static let wideCountMax = 8_192

    /// Appends `values`. The count is not stored: the reader must know it.
    package static func encode(
        _ values: ArraySlice<Int64>, tier: CodecTier = .hot, into writer: inout ByteWriter
    ) {
        unsafe values.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let scratch = CodecScratch(capacity: min(buffer.count, wideCountMax))
            var done = 0
            while done < buffer.count {
                let left = buffer.count - done
                let start = unsafe base + done
                let before = writer.count
                guard tier == .dense, left > vectorCount else {
                    let count = min(left, vectorCount)
                    unsafe IntegerVector.encode(
                        start, count: count, tier: tier, isWide: false, scratch: scratch,
                        into: &writer)
                    done += count
                    continue
                }
                let count = min(left, wideCountMax)
                unsafe IntegerVector.encode(
                    start, count: count, tier: .dense, isWide: true, scratch: scratch,
                    into: &writer)
                let wideByteCount = writer.count - before
                if wideByteCount > 64 {
                    var narrow = ByteWriter(reserving: wideByteCount + 64)
                    for at in stride(from: 0, to: count, by: vectorCount) {
                        unsafe IntegerVector.encode(
                            start + at, count: min(vectorCount, count - at), tier: .hot,
                            isWide: false, scratch: scratch, into: &narrow)
                    }
                    if narrow.count < wideByteCount {
                        writer.bytes.removeLast(wideByteCount)
                        writer.raw(narrow.bytes)
                    }
                }
                done += count
            }
        }
    }

    /// Appends `values`. The count is not stored: the reader must know it.
    package static func encode(
        _ values: [Int64], tier: CodecTier = .hot, into writer: inout ByteWriter
    ) { encode(values[...], tier: tier, into: &writer) }

    /// Appends the next `count` integers to `values`. A few bytes may stand for thousands of them: a
    /// caller that does not trust the count must limit it. After an error `values` may have grown.
    package static func decode(
        _ reader: inout ByteReader, count: Int, into values: inout [Int64]
    ) throws(EncodingError) {
        precondition(count >= 0, "a count is not negative")
        let end = values.count + count
        while values.count < end {
            let head = try IntegerHead(byte: reader.u8(), offset: reader.offset)
            let vector = min(end - values.count, head.isWide ? wideCountMax : vectorCount)
            try unsafe values.appendFilled(vector) { target throws(EncodingError) in
                try unsafe IntegerVector.decode(head, &reader, count: vector, into: target)
            }
        }
    }

    /// Passes over the next `count` integers: headers are read, what they announce is not.
    static func skip(_ reader: inout ByteReader, count: Int) throws(EncodingError) {
        var left = count
        while left > 0 {
            let head = try IntegerHead(byte: reader.u8(), offset: reader.offset)
            let vector = min(left, head.isWide ? wideCountMax : vectorCount)
            try IntegerVector.skip(head, &reader, count: vector)
            left -= vector
        }
    }
}
