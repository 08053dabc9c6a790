/// The entropy stage of the dense tier: each residual's distance to a center becomes a symbol, its
/// leading bits, and the bits below them as they are; the symbols get a Huffman code of the block's
/// own. The symbols are log-linear: distances below 2^(p + 1) have one each, larger ones share one
/// with those that have the same p + 1 leading bits. Four interleaved streams keep four decodings
/// under way at a time.
struct DensePlan {
    /// Most leading bits below the top one that a symbol tells apart.
    static let precisionMax = 5
    /// Fewer residuals than this are one stream.
    static let fourStreamsFrom = 512

    private let center: Int64
    private let precision: Int
    private let limit: Int
    private let code: HuffmanCode
    private let header: [UInt8]
    private let streamBits: [Int]

    static func streamCount(_ count: Int) -> Int { count >= fourStreamsFrom ? 4 : 1 }
    static func symbolCount(precision: Int) -> Int { (65 - precision) << precision }

    /// Nil unless it comes out smaller than `below` bytes.
    init?(_ residuals: UnsafePointer<Int64>, count: Int, below: Int) {
        center = unsafe Self.median(residuals, count: count)
        let fine = Self.precisionMax
        var counts = [Int](repeating: 0, count: Self.symbolCount(precision: fine))
        for index in 0..<count {
            let distance = Varint.zigzag(unsafe residuals[index] &- center)
            counts[Self.symbol(distance, precision: fine).symbol] += 1
        }
        var best = (precision: fine, counts: counts, bits: Self.estimatedBits(counts, fine))
        for coarser in stride(from: fine - 1, through: 1, by: -1) {
            counts = Self.coarsened(counts, to: coarser)
            let bits = Self.estimatedBits(counts, coarser)
            if bits < best.bits { best = (coarser, counts, bits) }
        }
        guard best.bits < Double(8 * below) else { return nil }

        precision = best.precision
        limit = count <= 1_024 ? 10 : HuffmanCode.lengthMax
        code = HuffmanCode(counts: best.counts, limit: limit)
        var bits = [Int](repeating: 0, count: Self.streamCount(count))
        for index in 0..<count {
            let distance = Varint.zigzag(unsafe residuals[index] &- center)
            let (symbol, extra) = Self.symbol(distance, precision: precision)
            bits[index & (bits.count - 1)] += Int(code.lengths[symbol]) + extra
        }
        streamBits = bits
        var writer = ByteWriter()
        writer.zigzag(center)
        writer.u8(UInt8(precision) | UInt8(limit) << 4)
        code.write(into: &writer)
        for bits in streamBits { writer.varint(UInt64((bits + 7) / 8)) }
        header = writer.bytes
        let byteCount = header.count + streamBits.reduce(0) { $0 + ($1 + 7) / 8 }
        guard byteCount < below else { return nil }
    }

    /// Appends header and streams.
    func write(_ residuals: UnsafePointer<Int64>, count: Int, into writer: inout ByteWriter) {
        writer.raw(header)
        let codes = code.codes()
        let step = streamBits.count
        for stream in 0..<step {
            unsafe writer.append(count: (streamBits[stream] + 7) / 8) { target in
                var output = unsafe BitOutput(target)
                for index in stride(from: stream, to: count, by: step) {
                    let distance = Varint.zigzag(unsafe residuals[index] &- center)
                    let (symbol, extra) = Self.symbol(distance, precision: precision)
                    output.put(UInt64(codes[symbol]), Int(code.lengths[symbol]))
                    if extra > 32 {
                        output.put(distance & 0xffff_ffff, 32)
                        output.put((distance >> 32) & ((1 << UInt64(extra - 32)) - 1), extra - 32)
                    } else {
                        output.put(distance & ((1 << UInt64(extra)) - 1), extra)
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func symbol(_ distance: UInt64, precision: Int) -> (symbol: Int, extra: Int) {
        let top = 63 &- (distance | 1).leadingZeroBitCount
        let extra = max(0, top &- precision)
        let leading = Int(truncatingIfNeeded: distance &>> UInt64(truncatingIfNeeded: extra))
        return ((extra &<< precision) &+ leading, extra)
    }

    private static func extraBits(ofSymbol symbol: Int, precision: Int) -> Int {
        max(0, (symbol >> precision) - 1)
    }

    /// Merges symbols that a smaller precision does not tell apart.
    private static func coarsened(_ counts: [Int], to precision: Int) -> [Int] {
        var merged = [Int](repeating: 0, count: symbolCount(precision: precision))
        for (symbol, count) in counts.enumerated() where count > 0 {
            let extra = extraBits(ofSymbol: symbol, precision: precision + 1)
            let leading = UInt64(symbol - extra << (precision + 1))
            // `leading` has up to precision + 2 bits; keep one less.
            let (small, more) = Self.symbol(leading, precision: precision)
            merged[small + (extra << precision)] += count
            assert(more <= 1, "BUG: one bit at a time")
        }
        return merged
    }

    /// Code lengths taken as the entropy, plus the bits below and about 5 bits of header per symbol.
    private static func estimatedBits(_ counts: [Int], _ precision: Int) -> Double {
        var total = 0
        var bits = 0.0
        for (symbol, count) in counts.enumerated() where count > 0 {
            total += count
            let extra = extraBits(ofSymbol: symbol, precision: precision)
            bits += Double(count) * (Double(extra) - binaryLogarithm(count)) + 5
        }
        return bits + Double(total) * binaryLogarithm(total) + 64
    }

    /// log2 to 1e-3, by arithmetic that is the same on every machine.
    private static func binaryLogarithm(_ value: Int) -> Double {
        let number = Double(value)
        let f = number.significand
        let cubic = -1.469_956_8 + (0.447_179_55 - 0.056_570_851 * f) * f
        return Double(number.exponent) - 1.741_793_9 + (2.821_202_6 + cubic * f) * f
    }

    private static func median(_ values: UnsafePointer<Int64>, count: Int) -> Int64 {
        let step = max(1, count / 255)
        var sample = stride(from: 0, to: count, by: step).map { unsafe values[$0] }
        sample.sort()
        return sample[sample.count / 2]
    }
}

/// Appends bits, least significant first, and writes up to eight bytes behind the end.
@safe
private struct BitOutput {
    private let start: UnsafeMutableRawPointer
    private var at = 0
    private var pending: UInt64 = 0
    private var pendingBits = 0

    init(_ target: UnsafeMutablePointer<UInt8>) { unsafe start = UnsafeMutableRawPointer(target) }

    /// `count` is at most 48, and `bits` has no others set.
    @inline(__always)
    mutating func put(_ bits: UInt64, _ count: Int) {
        pending |= bits &<< UInt64(truncatingIfNeeded: pendingBits)
        pendingBits &+= count
        unsafe start.storeBytes(of: pending, toByteOffset: at, as: UInt64.self)
        at &+= pendingBits &>> 3
        pending &>>= UInt64(truncatingIfNeeded: pendingBits & ~7)
        pendingBits &= 7
    }
}
