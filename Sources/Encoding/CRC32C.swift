internal import CKernels

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum of every block on disk and on the wire:
/// the processor's instruction where there is one, else eight tables. Both give the same number.
package enum CRC32C {
    /// The checksum of `bytes`. To go on after earlier bytes give their checksum as `seed`.
    package static func checksum(of bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe checksum(of: $0, seed: seed) }
    }

    /// The checksum of `bytes`. To go on after earlier bytes give their checksum as `seed`.
    package static func checksum(of bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe checksum(of: $0, seed: seed) }
    }

    /// The checksum of `bytes`. To go on after earlier bytes give their checksum as `seed`.
    package static func checksum(of bytes: RawSpan, seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe checksum(of: $0, seed: seed) }
    }

    /// The checksum of `bytes`. To go on after earlier bytes give their checksum as `seed`.
    package static func checksum(of bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard hasInstruction else { return unsafe softwareChecksum(of: bytes, seed: seed) }
        guard let base = bytes.baseAddress else { return seed }
        let first = unsafe base.assumingMemoryBound(to: UInt8.self)
        return unsafe ~varve_crc32c_step(~seed, first, bytes.count)
    }

    /// What machines without the instruction compute; the tests hold it against the other.
    package static func softwareChecksum(of bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe softwareChecksum(of: $0, seed: seed) }
    }

    private static let hasInstruction = varve_has_crc32c() != 0

    /// Slicing-by-8: table k holds the effect of a byte that is k bytes away from the end.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var state = UInt32(byte)
            for _ in 0..<8 { state = state & 1 == 1 ? (state >> 1) ^ 0x82f6_3b78 : state >> 1 }
            tables[byte] = state
        }
        for table in 1..<8 {
            for byte in 0..<256 {
                let before = tables[(table - 1) * 256 + byte]
                tables[table * 256 + byte] = (before >> 8) ^ tables[Int(before & 0xff)]
            }
        }
        return tables
    }()

    private static func softwareChecksum(
        of bytes: UnsafeRawBufferPointer, seed: UInt32
    ) -> UInt32 {
        let tables = tables
        var state = ~seed
        var at = 0
        while bytes.count - at >= 8 {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let mixed = word ^ UInt64(state)
            state = 0
            for lane in 0..<8 {
                let byte = Int(truncatingIfNeeded: mixed >> UInt64(8 * lane)) & 0xff
                state ^= tables[(7 - lane) * 256 + byte]
            }
            at += 8
        }
        while at < bytes.count {
            state = (state >> 8) ^ tables[Int((state ^ UInt32(unsafe bytes[at])) & 0xff)]
            at += 1
        }
        return ~state
    }
}
