internal import Glibc

/// Whole-range copies between byte arrays: one memory move each, in debug builds too.
extension [UInt8] {
    /// The bytes of `span`.
    package init(copying span: Span<UInt8>) {
        self = unsafe span.withUnsafeBufferPointer { unsafe [UInt8]($0) }
    }

    /// Cuts, or grows with zeros.
    package mutating func resize(to byteCount: Int) {
        if byteCount <= count { return removeLast(count - byteCount) }
        let old = self
        self = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, filled in
            if let base = buffer.baseAddress {
                unsafe memset(base, 0, byteCount)
                unsafe memcpy(base, old, old.count)
            }
            filled = byteCount
        }
    }

    /// Puts `bytes` over those from `offset` on; grows with zeros as needed.
    package mutating func overwrite(at offset: Int, with bytes: [UInt8]) {
        precondition(offset >= 0, "negative offset")
        if offset + bytes.count > count { resize(to: offset + bytes.count) }
        unsafe withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress, !bytes.isEmpty {
                unsafe memcpy(base + offset, bytes, bytes.count)
            }
        }
    }
}
