internal import CSnappy

/// Snappy's raw format (format_description.txt), the body of Prometheus remote write and read and of
/// Loki pushes. The first varint declares the length; it is checked before anything is allocated.
package enum SnappyBlock {
    /// The content of `bytes`; `tooLarge` when it declares more than `limit` bytes.
    package static func decompress(
        _ bytes: ArraySlice<UInt8>, limit: Int
    ) throws(EncodingError) -> [UInt8] {
        var reader = ByteReader(bytes)
        let count = try reader.count(limit: min(limit, Int(UInt32.max)))
        // The best copy yields 64 bytes of 2; a larger promise cannot be kept.
        guard count <= 64 * reader.remaining else {
            throw EncodingError.corrupt(what: "snappy length", offset: 0)
        }
        guard count > 0 else {
            guard reader.isAtEnd else {
                throw EncodingError.corrupt(what: "snappy block", offset: reader.offset)
            }
            return []
        }
        var status = SNAPPY_INVALID_INPUT
        let content = unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            status = unsafe bytes.withUnsafeBytes { source in
                var length = count
                return unsafe snappy_uncompress(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self), source.count,
                    UnsafeMutableRawPointer(target.baseAddress)?
                        .assumingMemoryBound(to: CChar.self), &length)
            }
            filled = status == SNAPPY_OK ? count : 0
        }
        guard status == SNAPPY_OK else {
            throw EncodingError.corrupt(what: "snappy block", offset: reader.offset)
        }
        return content
    }

    /// The content of `bytes`; `tooLarge` when it declares more than `limit` bytes.
    package static func decompress(
        _ bytes: [UInt8], limit: Int
    ) throws(EncodingError) -> [UInt8] { try decompress(bytes[...], limit: limit) }

    /// `bytes` compressed, for clients and remote read.
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        let bound = snappy_max_compressed_length(bytes.count)
        return unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, filled in
            filled = bound
            let status = unsafe bytes.withUnsafeBytes { source in
                var nothing: CChar = 0
                guard let from = unsafe source.baseAddress?.assumingMemoryBound(to: CChar.self)
                else {
                    return unsafe snappy_compress(
                        &nothing, 0,
                        UnsafeMutableRawPointer(target.baseAddress)?
                            .assumingMemoryBound(to: CChar.self), &filled)
                }
                return unsafe snappy_compress(
                    from, source.count,
                    UnsafeMutableRawPointer(target.baseAddress)?
                        .assumingMemoryBound(to: CChar.self), &filled)
            }
            precondition(status == SNAPPY_OK, "BUG: snappy refused a buffer of its own bound")
        }
    }
}
