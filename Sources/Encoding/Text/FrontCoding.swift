/// Sorted keys with what each shares with the one before left out:
///
///     repeated:  varint shared │ varint rest count │ rest
///
/// Keys are any bytes in ascending order, each once or more. Decoding gives one arena, which can be
/// scanned as a whole: key i is arena[ends[i−1]..<ends[i]] without the separator that the caller
/// may ask for after each key.
package enum FrontCoding {
    /// Appends `key` as the successor of `previous` (empty before the first).
    package static func append(
        _ key: ArraySlice<UInt8>, after previous: ArraySlice<UInt8>, to bytes: inout [UInt8]
    ) {
        var shared = 0
        let limit = min(key.count, previous.count)
        while shared < limit,
            key[key.startIndex + shared] == previous[previous.startIndex + shared]
        {
            shared += 1
        }
        Varint.append(UInt64(shared), to: &bytes)
        Varint.append(UInt64(key.count - shared), to: &bytes)
        bytes.append(contentsOf: key.dropFirst(shared))
    }

    /// Reads `count` keys from `reader` and appends them to `arena`, each followed by `separator`
    /// if there is one; `ends` gets the place behind each key (and behind its separator). Refuses
    /// to grow `arena` beyond `limit` bytes.
    package static func decode(
        _ reader: inout ByteReader, count: Int, separator: UInt8? = nil,
        into arena: inout [UInt8], ends: inout [UInt32], limit: Int
    ) throws(EncodingError) {
        let gap = separator == nil ? 0 : 1
        var previousStart = arena.count
        var previousCount = 0
        ends.reserveCapacity(ends.count + count)
        for _ in 0..<count {
            let shared = try reader.count(limit: previousCount)
            let rest = try reader.lengthPrefixed()
            let start = arena.count
            guard start + shared + rest.count + gap <= min(limit, Int(UInt32.max)) else {
                throw EncodingError.tooLarge(limit: limit)
            }
            if shared > 0 {
                arena.append(contentsOf: arena[previousStart..<previousStart + shared])
            }
            arena.append(contentsOf: rest)
            if let separator { arena.append(separator) }
            ends.append(UInt32(arena.count))
            previousStart = start
            previousCount = shared + rest.count
        }
    }
}
