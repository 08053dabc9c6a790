/// Unsigned LEB128: seven bits per byte, least significant first, at most ten bytes; signed numbers
/// fold the sign into bit 0 (zigzag) so that small magnitudes stay short.
package enum Varint {
    /// Bytes that the longest varint takes.
    package static let byteCountMax = 10

    /// Appends `value` in 1 to 10 bytes.
    @inlinable
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest &>>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// How many bytes `append` would write, 1 to 10.
    @inlinable
    package static func byteCount(_ value: UInt64) -> Int {
        (70 &- (value | 1).leadingZeroBitCount) / 7
    }

    /// 0, -1, 1, -2, … become 0, 1, 2, 3, …
    @inlinable
    package static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
    }

    /// The inverse of `zigzag`.
    @inlinable
    package static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: (value &>> 1) ^ (0 &- (value & 1)))
    }
}
