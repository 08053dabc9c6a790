internal import CLZ4

/// LZ4 blocks (lz4_Block_format.md) without frame: the caller stores both lengths. For text; numbers
/// have `ValueCodec` and `IntegerCodec`.
package enum LZ4Block {
    /// How hard to try.
    package enum Level: Sendable {
        /// About 1 GB/s.
        case fast
        /// 10 to 20 times the CPU for 1.2 to 1.5 times the ratio: background work only.
        case high
    }

    /// Most bytes of one block, either way: 1 GiB.
    package static let byteCountMax = 1 << 30

    /// `bytes` compressed. Incompressible input grows by up to 1/255 + 16 bytes.
    package static func compress(_ bytes: [UInt8], level: Level = .fast) -> [UInt8] {
        compress(bytes[...], level: level)
    }

    /// `bytes` compressed. Incompressible input grows by up to 1/255 + 16 bytes.
    package static func compress(_ bytes: ArraySlice<UInt8>, level: Level = .fast) -> [UInt8] {
        precondition(bytes.count <= byteCountMax, "LZ4 blocks hold at most 1 GiB")
        let bound = LZ4_compressBound(Int32(bytes.count))
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(bound)) { target, filled in
            let written = unsafe bytes.withUnsafeBytes { source in
                let from = unsafe source.baseAddress?.assumingMemoryBound(to: CChar.self)
                let to = unsafe UnsafeMutableRawPointer(target.baseAddress)?
                    .assumingMemoryBound(to: CChar.self)
                switch level {
                case .fast:
                    return unsafe LZ4_compress_default(from, to, Int32(source.count), bound)
                case .high:
                    return unsafe LZ4_compress_HC(from, to, Int32(source.count), bound, 9)
                }
            }
            precondition(written > 0, "BUG: LZ4 refused a buffer of the bound it gave")
            filled = Int(written)
        }
    }

    /// Replaces `target` by the `count` bytes that `bytes` expands to; `count` is exact. Its memory
    /// is used again. `corrupt` when `bytes` are no such block; then `target` is unspecified.
    package static func decompress(
        _ bytes: ArraySlice<UInt8>, into target: inout [UInt8], count: Int
    ) throws(EncodingError) {
        // No LZ4 sequence yields more than 255 bytes per byte: refuse before allocating.
        guard count >= 0, count <= byteCountMax, bytes.count <= byteCountMax,
            count / 255 <= bytes.count
        else { throw EncodingError.corrupt(what: "LZ4 length", offset: 0) }
        if target.count > count {
            target.removeLast(target.count - count)
        } else if target.count < count {
            target.append(contentsOf: repeatElement(0, count: count - target.count))
        }
        let written = unsafe target.withUnsafeMutableBytes { target in
            unsafe bytes.withUnsafeBytes { source in
                guard
                    let from = unsafe source.baseAddress?.assumingMemoryBound(to: CChar.self)
                else { return Int32(-1) }
                // A null target is not allowed even for zero bytes.
                var nothing: CChar = 0
                guard
                    let to = unsafe target.baseAddress?.assumingMemoryBound(to: CChar.self)
                else { return unsafe LZ4_decompress_safe(from, &nothing, Int32(source.count), 0) }
                return unsafe LZ4_decompress_safe(
                    from, to, Int32(source.count), Int32(target.count))
            }
        }
        guard written == Int32(count) else {
            throw EncodingError.corrupt(what: "LZ4 block", offset: 0)
        }
    }

    /// See above.
    package static func decompress(
        _ bytes: [UInt8], into target: inout [UInt8], count: Int
    ) throws(EncodingError) { try decompress(bytes[...], into: &target, count: count) }
}
