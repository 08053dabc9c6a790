internal import CKernels

/// Whether bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
/// ASCII passes at 64 bytes per step.
package enum UTF8Check {
    /// Whether [range] of `bytes` is valid UTF-8, not cut at its end.
    package static func isValid(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        precondition(0 <= range.lowerBound && range.upperBound <= bytes.count, "range outside")
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return true }
            return unsafe isValid(base + range.lowerBound, count: range.count)
        }
    }

    /// Whether all of `bytes` is valid UTF-8.
    package static func isValid(_ bytes: ArraySlice<UInt8>) -> Bool {
        unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return true }
            return unsafe isValid(base, count: buffer.count)
        }
    }

    private static func isValid(_ base: UnsafePointer<UInt8>, count: Int) -> Bool {
        var at = 0
        while at < count {
            if count - at >= 64 {
                let mask = unsafe varve_high64(base + at)
                if mask == 0 {
                    at += 64
                    continue
                }
                at += mask.trailingZeroBitCount
            } else if unsafe base[at] < 0x80 {
                at += 1
                continue
            }
            // Here stands a byte that is not ASCII; take the whole run of such.
            while at < count, unsafe base[at] >= 0x80 {
                let length = unsafe sequenceLength(base + at, available: count - at)
                if length == 0 { return false }
                at += length
            }
        }
        return true
    }

    /// The length of the sequence that starts with a byte above 0x7f, or 0 if it is not valid.
    @inline(__always)
    private static func sequenceLength(_ start: UnsafePointer<UInt8>, available: Int) -> Int {
        let lead = unsafe start[0]
        guard available >= 2 else { return 0 }
        let second = unsafe start[1]
        if lead < 0xe0 { return lead >= 0xc2 && second & 0xc0 == 0x80 ? 2 : 0 }
        guard available >= 3, unsafe start[2] & 0xc0 == 0x80 else { return 0 }
        if lead < 0xf0 {
            let low: UInt8 = lead == 0xe0 ? 0xa0 : 0x80
            let high: UInt8 = lead == 0xed ? 0x9f : 0xbf
            return low <= second && second <= high ? 3 : 0
        }
        guard lead <= 0xf4, available >= 4, unsafe start[3] & 0xc0 == 0x80 else { return 0 }
        let low: UInt8 = lead == 0xf0 ? 0x90 : 0x80
        let high: UInt8 = lead == 0xf4 ? 0x8f : 0xbf
        return low <= second && second <= high ? 4 : 0
    }
}
