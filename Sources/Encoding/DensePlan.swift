/// The entropy stage of the dense tier: each residual's distance to a center becomes a symbol, its
/// leading bits, and the bits below them as they are; the symbols get a Huffman code of the block's
/// own. The symbols are log-linear: distances below 2^(p + 1) have one each, larger ones share one
/// with those that have the same p + 1 leading bits.
///
/// Where nearly all distances are below 64 each has a symbol of its own, with nothing below it, and
/// the few others are patches: such a block is read several symbols at a time. Four streams, a
/// quarter of the residuals each, keep four decodings under way at a time.
struct DensePlan {
    /// Most leading bits below the top one that a symbol tells apart.
    static let precisionMax = 5
    /// Fewer residuals than this are one stream.
    static let fourStreamsFrom = 512
    /// Lengths of codes that are tried, in this order, until one costs hardly more than no limit:
    /// the reader's table has 2^limit entries, and it is made for every block.
    private static let limits = [8, 9, 10]

    private let center: Int64
    private let precision: Int
    /// Whether distances from 2^(p + 1) on are patches.
    private let isBounded: Bool
    private let code: HuffmanCode
    private let header: [UInt8]
    private let streamBits: [Int]
    private let patches: [UInt8]

    static func streamCount(_ count: Int) -> Int { count >= fourStreamsFrom ? 4 : 1 }
    /// Residuals of each stream but the last, which has what is left.
    static func streamLength(_ count: Int) -> Int {
        let streams = streamCount(count)
        return (count + streams - 1) / streams
    }
    static func symbolCount(precision: Int) -> Int { (65 - precision) << precision }

    /// Nil unless it comes out smaller than `below` bytes; with bits below the symbols, which take
    /// the time of packed values three times over to read, unless it does by a twelfth.
    init?(_ residuals: UnsafePointer<Int64>, count: Int, below: Int) {
        center = unsafe Self.median(residuals, count: count)
        let fine = Self.precisionMax
        // Counts end with the last symbol that occurs: a small block has few of the thousands.
        var all: UInt64 = 0
        for index in 0..<count { all |= Varint.zigzag(unsafe residuals[index] &- center) }
        let most = all == 0 ? 0 : UInt64.max >> UInt64(all.leadingZeroBitCount)
        var counts = [Int](
            repeating: 0, count: Self.symbol(most, precision: fine).symbol + 1)
        for index in 0..<count {
            let distance = Varint.zigzag(unsafe residuals[index] &- center)
            counts[Self.symbol(distance, precision: fine).symbol] += 1
        }
        let bounded = count >= Self.fourStreamsFrom ? Self.bounded(counts, count) : nil
        var best = (precision: fine, counts: counts, bits: Self.estimatedBits(counts, fine))
        for coarser in stride(from: fine - 1, through: 1, by: -1) {
            counts = Self.coarsened(counts, to: coarser)
            let bits = Self.estimatedBits(counts, coarser)
            if bits < best.bits { best = (coarser, counts, bits) }
        }
        if let bounded, bounded.bits <= best.bits * 1.02 {
            best = (fine, bounded.counts, bounded.bits)
            isBounded = true
        } else {
            isBounded = false
        }
        precision = best.precision
        let symbols = best.counts.indices.last { best.counts[$0] > 0 } ?? 0
        let hasExtra = Self.extraBits(ofSymbol: symbols, precision: precision) > 0
        let allowed = hasExtra ? below - below / 12 : below
        guard best.bits < Double(8 * allowed) else { return nil }

        let limit: Int
        (code, limit) = Self.code(best.counts, count: count, hasExtra: hasExtra)
        let plan = unsafe Self.measure(
            residuals, count: count, center: center, precision: precision,
            isBounded: isBounded, code: code)
        streamBits = plan.streamBits
        patches = plan.patches
        var writer = ByteWriter()
        writer.zigzag(center)
        writer.u8(UInt8(precision) | UInt8(limit) << 4)
        code.write(into: &writer)
        for bits in streamBits { writer.varint(UInt64((bits + 7) / 8)) }
        writer.varint(UInt64(plan.patchCount))
        header = writer.bytes
        let byteCount =
            header.count + patches.count + streamBits.reduce(0) { $0 + ($1 + 7) / 8 }
        guard byteCount < allowed else { return nil }
    }

    /// A code whose limit suits the number of residuals.
    private static func code(
        _ counts: [Int], count: Int, hasExtra: Bool
    ) -> (code: HuffmanCode, limit: Int) {
        let limitMax = count <= 1_024 ? 10 : HuffmanCode.lengthMax
        let longest = HuffmanCode(counts: counts, limit: limitMax)
        if hasExtra { return (longest, limitMax) }
        let symbols = counts.reduce(0) { $0 + ($1 > 0 ? 1 : 0) }
        let bits = longest.bitCount(counts)
        let length = Int(longest.lengths.max() ?? 0)
        for limit in limits where limit < limitMax && symbols <= 1 << limit {
            // A limit that no code reaches changes none.
            if length <= limit { return (longest, limit) }
            let code = HuffmanCode(counts: counts, limit: limit)
            if code.bitCount(counts) <= bits + bits / 128 { return (code, limit) }
        }
        return (longest, limitMax)
    }

    /// The counts and the cost when all distances from 64 on are patches. Nil when these are many.
    private static func bounded(
        _ counts: [Int], _ count: Int
    ) -> (counts: [Int], bits: Double)? {
        let symbolCount = min(2 << precisionMax, counts.count)
        var kept = Array(counts[..<symbolCount])
        var patchCount = 0
        var patchBits = 0
        for symbol in symbolCount..<counts.count where counts[symbol] > 0 {
            patchCount += counts[symbol]
            // A gap, and the distance in bytes of seven bits.
            let bits = extraBits(ofSymbol: symbol, precision: precisionMax) + precisionMax + 1
            patchBits += counts[symbol] * (14 + (bits + 6) / 7 * 8)
        }
        guard patchCount * 64 <= count else { return nil }
        kept[0] += patchCount
        return (kept, estimatedBits(kept, precisionMax) + Double(patchBits))
    }

    /// Bits of each stream, and the patches.
    private static func measure(
        _ residuals: UnsafePointer<Int64>, count: Int, center: Int64, precision: Int,
        isBounded: Bool, code: HuffmanCode
    ) -> (streamBits: [Int], patches: [UInt8], patchCount: Int) {
        var streamBits: [Int] = []
        var patches = ByteWriter()
        var patchCount = 0
        var next = 0
        let length = streamLength(count)
        for start in stride(from: 0, to: count, by: length) {
            var bits = 0
            for index in start..<min(count, start + length) {
                var distance = Varint.zigzag(unsafe residuals[index] &- center)
                if isBounded, distance >> UInt64(precision + 1) != 0 {
                    patches.varint(UInt64(index - next))
                    patches.varint(distance)
                    patchCount += 1
                    next = index + 1
                    distance = 0
                }
                let (symbol, extra) = symbol(distance, precision: precision)
                bits += Int(code.lengths[symbol]) + extra
            }
            streamBits.append(bits)
        }
        return (streamBits, patches.bytes, patchCount)
    }

    /// Appends header, streams and patches.
    func write(_ residuals: UnsafePointer<Int64>, count: Int, into writer: inout ByteWriter) {
        writer.raw(header)
        let codes = code.codes()
        let length = Self.streamLength(count)
        for (stream, bits) in streamBits.enumerated() {
            unsafe writer.append(count: (bits + 7) / 8) { target in
                var output = unsafe BitOutput(target)
                for index in stream * length..<min(count, (stream + 1) * length) {
                    var distance = Varint.zigzag(unsafe residuals[index] &- center)
                    if isBounded, distance >> UInt64(precision + 1) != 0 { distance = 0 }
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
        writer.raw(patches)
    }

    @inline(__always)
    private static func symbol(_ distance: UInt64, precision: Int) -> (symbol: Int, extra: Int) {
        let top = 63 &- (distance | 1).leadingZeroBitCount
        let extra = max(0, top &- precision)
        let leading = Int(truncatingIfNeeded: distance &>> UInt64(truncatingIfNeeded: extra))
        return ((extra &<< precision) &+ leading, extra)
    }

    static func extraBits(ofSymbol symbol: Int, precision: Int) -> Int {
        max(0, (symbol >> precision) - 1)
    }

    /// Merges symbols that a smaller precision does not tell apart.
    private static func coarsened(_ counts: [Int], to precision: Int) -> [Int] {
        let last = coarse(counts.count - 1, to: precision)
        var merged = [Int](repeating: 0, count: last + 1)
        for (symbol, count) in counts.enumerated() where count > 0 {
            merged[coarse(symbol, to: precision)] += count
        }
        return merged
    }

    /// The symbol at `precision` of one at a precision higher by one. Ascends with it.
    @inline(__always)
    private static func coarse(_ symbol: Int, to precision: Int) -> Int {
        let extra = extraBits(ofSymbol: symbol, precision: precision + 1)
        let leading = UInt64(symbol - extra << (precision + 1))
        // `leading` has up to precision + 2 bits; keep one less.
        let (small, more) = Self.symbol(leading, precision: precision)
        assert(more <= 1, "BUG: one bit at a time")
        return small + (extra << precision)
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
