internal import Glibc

/// Sorted keys with what each shares with the one before left out:
///
///     repeated:  varint shared │ varint rest count │ rest
///
/// Keys are any bytes in ascending order, each once or more. Decoding gives one arena, which can be
/// scanned as a whole: key i is arena[ends[i−1]..<ends[i]] without the separator that the caller
/// may ask for after each key.
package enum FrontCoding {
    /// The keys of a list whose parts are columns: what each shares with the one before, how many
    /// bytes it has further (varints), and these bytes of all. Each is followed by a zero, and one
    /// stands before the first; key i begins at starts[i].
    package static func keys(
        shared: [UInt8], further: [UInt8], bytes: [UInt8], keyBytesMax: Int
    ) throws(EncodingError) -> (text: [UInt8], starts: [UInt32]) {
        var reader = ByteReader(further)
        var starts: [UInt32] = []
        starts.reserveCapacity(shared.count)
        var end = 1
        var left = bytes.count
        var previous = 0
        for same in shared {
            let rest = try reader.count(limit: min(keyBytesMax - Int(same), left))
            guard Int(same) <= previous else {
                throw EncodingError.corrupt(what: "shared bytes", offset: reader.offset)
            }
            starts.append(UInt32(truncatingIfNeeded: end))
            left -= rest
            previous = Int(same) + rest
            end += previous + 1
        }
        guard end <= Int(UInt32.max) else { throw EncodingError.tooLarge(limit: keyBytesMax) }
        var text: [UInt8] = []
        unsafe text.appendFilled(end, slack: KeyJoiner.slackBytes) { target in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                unsafe KeyJoiner(target: target, bytes: bytes).join(shared, starts, end: end)
            }
        }
        return (text, starts)
    }

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

/// Puts keys together in groups of 16 bytes: most are that short.
@safe private struct KeyJoiner {
    static let slackBytes = 16

    private let target: UnsafeMutableRawPointer
    private let bytes: UnsafeBufferPointer<UInt8>
    private let byteCount: Int

    /// `target` has `slackBytes` behind the last key.
    init(target: UnsafeMutablePointer<UInt8>, bytes: UnsafeBufferPointer<UInt8>) {
        unsafe self.target = UnsafeMutableRawPointer(target)
        unsafe self.bytes = unsafe bytes
        byteCount = bytes.count
    }

    /// Key i has shared[i] bytes of the one before and lies at starts[i]; all end at `end`. The sums
    /// have been checked.
    func join(_ shared: [UInt8], _ starts: [UInt32], end: Int) {
        unsafe target.storeBytes(of: 0, as: UInt8.self)
        var next = 0
        var previous = 0
        for index in starts.indices {
            let start = Int(starts[index])
            let stop = (index + 1 < starts.count ? Int(starts[index + 1]) : end) - 1
            let same = Int(shared[index])
            let rest = stop - start - same
            precondition(rest >= 0 && next + rest <= byteCount, "BUG: keys of other sums")
            // The key before and what lies behind it, which is being written.
            unsafe copy(same, UnsafeRawPointer(target) + previous, to: start)
            if let base = unsafe bytes.baseAddress, rest > 0 {
                let from = unsafe UnsafeRawPointer(base) + next
                if byteCount - next >= rest + KeyJoiner.slackBytes {
                    unsafe copy(rest, from, to: start + same)
                } else {
                    unsafe memcpy(target + start + same, from, rest)
                }
            }
            unsafe target.storeBytes(of: 0, toByteOffset: stop, as: UInt8.self)
            next += rest
            previous = start
        }
    }

    /// Writes whole groups; `from` has `slackBytes` readable behind `count`.
    @inline(__always)
    private func copy(_ count: Int, _ from: UnsafeRawPointer, to place: Int) {
        var at = 0
        while at < count {
            let group = unsafe from.loadUnaligned(fromByteOffset: at, as: SIMD16<UInt8>.self)
            unsafe target.storeBytes(of: group, toByteOffset: place + at, as: SIMD16<UInt8>.self)
            at += 16
        }
    }
}
