/// Reads what `ByteWriter` wrote, from bytes that may be anything: each call checks the bounds once
/// and throws `EncodingError` instead of reading outside. After an error the place is unspecified.
///
/// Offsets count from the first byte given to `init`.
package struct ByteReader: Sendable {
    @usableFromInline let bytes: ArraySlice<UInt8>
    @usableFromInline var place: Int

    /// Reads all of `bytes`.
    @inlinable
    package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Reads all of `bytes`; the slice shares its array, nothing is copied.
    @inlinable
    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        place = bytes.startIndex
    }

    /// How many bytes have been read.
    @inlinable
    package var offset: Int { place - bytes.startIndex }

    /// How many bytes are left.
    @inlinable
    package var remaining: Int { bytes.endIndex - place }

    /// Whether all has been read.
    @inlinable
    package var isAtEnd: Bool { place == bytes.endIndex }

    /// The bytes that are left, without moving on.
    @inlinable
    package var rest: ArraySlice<UInt8> { bytes[place...] }

    /// One byte.
    @inlinable
    package mutating func u8() throws(EncodingError) -> UInt8 {
        try need(1)
        defer { place += 1 }
        return bytes[place]
    }

    /// Two bytes.
    @inlinable
    package mutating func u16() throws(EncodingError) -> UInt16 { try fixed() }

    /// Four bytes.
    @inlinable
    package mutating func u32() throws(EncodingError) -> UInt32 { try fixed() }

    /// Eight bytes.
    @inlinable
    package mutating func u64() throws(EncodingError) -> UInt64 { try fixed() }

    /// Eight bytes, two's complement.
    @inlinable
    package mutating func i64() throws(EncodingError) -> Int64 { try fixed() }

    /// Eight bytes, bit-exact.
    @inlinable
    package mutating func f64() throws(EncodingError) -> Double {
        Double(bitPattern: try fixed())
    }

    /// 1 to 10 bytes. Longer ones and bits beyond 64 are `corrupt`.
    @inlinable
    package mutating func varint() throws(EncodingError) -> UInt64 {
        guard place < bytes.endIndex else { throw EncodingError.truncated(offset: offset) }
        // Most are one byte.
        let first = bytes[place]
        if first < 0x80 {
            place += 1
            return UInt64(first)
        }
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var at = place
        while at < bytes.endIndex {
            let byte = bytes[at]
            at += 1
            if shift == 63, byte > 1 { throw EncodingError.corrupt(what: "varint", offset: offset) }
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 {
                place = at
                return value
            }
            shift += 7
        }
        throw EncodingError.truncated(offset: offset)
    }

    /// Reads `count` varints, each 1 or more, and calls `body` with their running sum from `start` on:
    /// ascending numbers by their differences. Sums beyond `limit` and zeros are `corrupt`.
    @inlinable
    package mutating func sums(
        count: Int, from start: Int64, limit: Int64, _ body: (Int64) -> Void
    ) throws(EncodingError) {
        var sum = start
        var left = count
        while left > 0 {
            // Most are one byte.
            let (at, reached, done) = unsafe bytes.withUnsafeBufferPointer { buffer in
                var at = place - bytes.startIndex
                var reached = sum
                var done = 0
                while done < left, at < buffer.count {
                    let byte = unsafe buffer[at]
                    guard byte &- 1 < 0x7f, Int64(byte) <= limit &- reached else { break }
                    reached += Int64(byte)
                    body(reached)
                    at += 1
                    done += 1
                }
                return (at, reached, done)
            }
            place = bytes.startIndex + at
            sum = reached
            left -= done
            guard left > 0 else { return }
            let difference = try varint()
            let (next, overflows) = sum.addingReportingOverflow(
                Int64(clamping: difference))
            guard difference > 0, !overflows, next <= limit else {
                throw EncodingError.corrupt(what: "ascending numbers", offset: offset)
            }
            sum = next
            body(sum)
            left -= 1
        }
    }

    /// Passes over `count` varints, whatever they say. Errors: `truncated`.
    @inlinable
    package mutating func skipVarints(count: Int) throws(EncodingError) {
        var left = count
        let end = unsafe bytes.withUnsafeBytes { buffer -> Int? in
            var at = place - bytes.startIndex
            // A varint ends in a byte without the high bit: eight bytes at a time.
            while left >= 8, at + 8 <= buffer.count {
                let word = unsafe buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                left -= (~word & 0x8080_8080_8080_8080).nonzeroBitCount
                at += 8
            }
            while left > 0 {
                guard at < buffer.count else { return nil }
                if unsafe buffer[at] < 0x80 { left -= 1 }
                at += 1
            }
            return at
        }
        guard let end else { throw EncodingError.truncated(offset: offset) }
        place = bytes.startIndex + end
    }

    /// 1 to 10 bytes, either sign.
    @inlinable
    package mutating func zigzag() throws(EncodingError) -> Int64 {
        Varint.unzigzag(try varint())
    }

    /// A varint that counts something of which at most `limit` are allowed; `tooLarge` above.
    @inlinable
    package mutating func count(limit: Int) throws(EncodingError) -> Int {
        let value = try varint()
        guard value <= UInt64(limit) else { throw EncodingError.tooLarge(limit: limit) }
        return Int(value)
    }

    /// The next `count` bytes, sharing the array.
    @inlinable
    package mutating func slice(_ count: Int) throws(EncodingError) -> ArraySlice<UInt8> {
        try need(count)
        defer { place += count }
        return bytes[place..<place + count]
    }

    /// The next `count` bytes, copied.
    @inlinable
    package mutating func raw(_ count: Int) throws(EncodingError) -> [UInt8] {
        Array(try slice(count))
    }

    /// A varint length and that many bytes, sharing the array.
    @inlinable
    package mutating func lengthPrefixed() throws(EncodingError) -> ArraySlice<UInt8> {
        let start = offset
        let count = try varint()
        guard count <= UInt64(remaining) else { throw EncodingError.truncated(offset: start) }
        return try slice(Int(count))
    }

    /// A varint length and that many bytes of UTF-8. Of any length: what is too long is for the
    /// rules of what it names to refuse, so that nothing can be written that can not be read.
    package mutating func text() throws(EncodingError) -> String {
        let start = offset
        let bytes = try lengthPrefixed()
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .corrupt(what: "text", offset: start)
        }
        return text
    }

    /// One byte, 0 or 1.
    package mutating func flag() throws(EncodingError) -> Bool {
        let start = offset
        switch try u8() {
        case 0: return false
        case 1: return true
        default: throw .corrupt(what: "flag", offset: start)
        }
    }

    /// Passes over `count` bytes.
    @inlinable
    package mutating func skip(_ count: Int) throws(EncodingError) {
        try need(count)
        place += count
    }

    /// Appends `count` elements by one copy.
    package mutating func column(
        count: Int, into values: inout [Int64]
    ) throws(EncodingError) { try copy(count, &values) }

    /// Appends `count` elements by one copy.
    package mutating func column(
        count: Int, into values: inout [UInt64]
    ) throws(EncodingError) { try copy(count, &values) }

    /// Appends `count` elements by one copy; bit-exact.
    package mutating func column(
        count: Int, into values: inout [Double]
    ) throws(EncodingError) { try copy(count, &values) }

    /// Appends `count` elements by one copy.
    package mutating func column(
        count: Int, into values: inout [UInt32]
    ) throws(EncodingError) { try copy(count, &values) }

    /// Appends `count` elements by one copy.
    package mutating func column(
        count: Int, into values: inout [UInt16]
    ) throws(EncodingError) { try copy(count, &values) }

    /// Appends `count` elements by one copy.
    package mutating func column(
        count: Int, into values: inout [UInt8]
    ) throws(EncodingError) { try copy(count, &values) }

    /// Reads records as `ByteWriter.pairs` wrote them, up to `count`, until one does not end in
    /// `mark` or there are no more bytes: appends their words.
    package mutating func pairs(
        upTo count: Int, markedBy mark: UInt8, into words: inout [UInt64]
    ) {
        let limit = min(count, remaining / 17)
        let start = offset
        let read = unsafe bytes.withUnsafeBytes { source in
            for record in 0..<limit {
                let at = start + 17 * record
                guard unsafe source[at + 16] == mark else { return record }
                unsafe words.append(
                    source.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                unsafe words.append(
                    source.loadUnaligned(fromByteOffset: at + 8, as: UInt64.self))
            }
            return limit
        }
        place += 17 * read
    }

    @inlinable
    func need(_ count: Int) throws(EncodingError) {
        guard count >= 0, count <= remaining else { throw EncodingError.truncated(offset: offset) }
    }

    @inlinable
    mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>()
        throws(EncodingError) -> Number
    {
        let size = MemoryLayout<Number>.size
        try need(size)
        let relative = offset
        place += size
        return unsafe bytes.withUnsafeBytes {
            unsafe $0.loadUnaligned(fromByteOffset: relative, as: Number.self)
        }
    }

    private mutating func copy<Number: BitwiseCopyable>(
        _ count: Int, _ values: inout [Number]
    ) throws(EncodingError) {
        let stride = MemoryLayout<Number>.stride
        guard count >= 0, count <= remaining / stride else {
            throw EncodingError.truncated(offset: offset)
        }
        let source = try slice(count * stride)
        guard count > 0 else { return }
        let fresh = unsafe [Number](unsafeUninitializedCapacity: count) { target, filled in
            unsafe source.withUnsafeBytes {
                unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: $0)
            }
            filled = count
        }
        if values.isEmpty { values = fresh } else { values.append(contentsOf: fresh) }
    }
}
