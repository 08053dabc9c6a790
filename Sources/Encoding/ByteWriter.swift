#if _endian(big)
#error("Columns are copied as they lie in memory: a little-endian machine is assumed.")
#endif

/// Appends numbers and bytes to a buffer, all little-endian. It owns the buffer; take `bytes` when
/// done. Never fails.
package struct ByteWriter: Sendable {
    /// What has been written.
    package var bytes: [UInt8]

    /// Starts empty, or continues after `bytes`.
    @inlinable
    package init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    /// Starts empty with room for `capacity` bytes.
    @inlinable
    package init(reserving capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Bytes written so far: the offset of what is written next.
    @inlinable
    package var count: Int { bytes.count }

    /// Makes room for `additional` more bytes, still growing geometrically.
    @inlinable
    package mutating func reserve(_ additional: Int) {
        let wanted = bytes.count + additional
        if wanted > bytes.capacity { bytes.reserveCapacity(max(wanted, 2 * bytes.capacity)) }
    }

    /// Forgets what was written and keeps the memory.
    @inlinable
    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// One byte.
    @inlinable
    package mutating func u8(_ value: UInt8) { bytes.append(value) }

    /// Two bytes.
    @inlinable
    package mutating func u16(_ value: UInt16) { fixed(value) }

    /// Four bytes.
    @inlinable
    package mutating func u32(_ value: UInt32) { fixed(value) }

    /// Eight bytes.
    @inlinable
    package mutating func u64(_ value: UInt64) { fixed(value) }

    /// Eight bytes, two's complement.
    @inlinable
    package mutating func i64(_ value: Int64) { fixed(value) }

    /// The eight bytes of the IEEE 754 pattern: NaN payloads and -0.0 survive.
    @inlinable
    package mutating func f64(_ value: Double) { fixed(value.bitPattern) }

    /// 1 to 10 bytes.
    @inlinable
    package mutating func varint(_ value: UInt64) { Varint.append(value, to: &bytes) }

    /// 1 to 10 bytes, short for small magnitudes of either sign.
    @inlinable
    package mutating func zigzag(_ value: Int64) { varint(Varint.zigzag(value)) }

    /// The bytes as they are.
    @inlinable
    package mutating func raw(_ content: some Collection<UInt8>) {
        bytes.append(contentsOf: content)
    }

    /// The bytes as they are. Not generic, so that it is a copy wherever it is called from.
    package mutating func raw(_ content: [UInt8]) { bytes.append(contentsOf: content) }

    /// The bytes as they are. Not generic, so that it is a copy wherever it is called from.
    package mutating func raw(_ content: ArraySlice<UInt8>) { bytes.append(contentsOf: content) }

    /// `count` zeros. Not generic: `raw` of a repeated element costs 400 ns a byte, since it is not
    /// specialised across modules.
    package mutating func zeros(_ count: Int) {
        bytes.append(contentsOf: [UInt8](repeating: 0, count: count))
    }

    /// A varint with the number of bytes, then the bytes.
    @inlinable
    package mutating func lengthPrefixed(_ content: some Collection<UInt8>) {
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    /// A varint with the number of bytes, then the bytes.
    package mutating func lengthPrefixed(_ content: [UInt8]) {
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    /// A varint with the number of bytes, then the bytes.
    package mutating func lengthPrefixed(_ content: ArraySlice<UInt8>) {
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    /// A varint with the number of bytes, then UTF-8.
    package mutating func text(_ text: String) { lengthPrefixed(Array(text.utf8)) }

    /// One byte, 0 or 1.
    package mutating func flag(_ flag: Bool) { u8(flag ? 1 : 0) }

    /// The elements as they lie in memory, by one copy; no length.
    package mutating func column(_ values: [Int64]) { copy(values[...]) }

    /// The elements as they lie in memory, by one copy; no length.
    package mutating func column(_ values: [UInt64]) { copy(values[...]) }

    /// The elements as they lie in memory, by one copy; no length. Bit-exact.
    package mutating func column(_ values: [Double]) { copy(values[...]) }

    /// The elements as they lie in memory, by one copy; no length.
    package mutating func column(_ values: [UInt32]) { copy(values[...]) }

    /// The elements as they lie in memory, by one copy; no length.
    package mutating func column(_ values: [UInt16]) { copy(values[...]) }

    /// The elements as they lie in memory, by one copy; no length.
    package mutating func column(_ values: [UInt8]) { copy(values[...]) }

    /// The elements as they lie in memory, by one copy; no length.
    package mutating func column(_ values: ArraySlice<Int64>) { copy(values) }

    /// The elements as they lie in memory, by one copy; no length. Bit-exact.
    package mutating func column(_ values: ArraySlice<Double>) { copy(values) }

    /// Records of two words and a byte: all of `words`, two by two, each pair followed by `mark`.
    /// 17 bytes a pair, written in one go.
    package mutating func pairs(_ words: [UInt64], markedBy mark: UInt8) {
        precondition(words.count.isMultiple(of: 2), "BUG: half a pair")
        guard !words.isEmpty else { return }
        unsafe append(count: words.count / 2 * 17) { target in
            let start = UnsafeMutableRawPointer(target)
            var at = 0
            for index in stride(from: 0, to: words.count, by: 2) {
                unsafe start.storeBytes(of: words[index], toByteOffset: at, as: UInt64.self)
                unsafe start.storeBytes(
                    of: words[index + 1], toByteOffset: at + 8, as: UInt64.self)
                unsafe start.storeBytes(of: mark, toByteOffset: at + 16, as: UInt8.self)
                at += 17
            }
        }
    }

    /// Overwrites the four bytes at `offset`, which must have been written.
    package mutating func patch(u32 value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= bytes.count, "BUG: patch outside of the bytes")
        unsafe bytes.withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
        }
    }

    /// Overwrites the eight bytes at `offset`, which must have been written.
    package mutating func patch(u64 value: UInt64, at offset: Int) {
        precondition(offset >= 0 && offset + 8 <= bytes.count, "BUG: patch outside of the bytes")
        unsafe bytes.withUnsafeMutableBytes {
            unsafe $0.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
        }
    }

    @inlinable
    mutating func fixed<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }

    private mutating func copy<Number: BitwiseCopyable>(_ values: ArraySlice<Number>) {
        unsafe values.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
}
