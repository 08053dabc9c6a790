/// One vector of doubles: decimals as integers with corrections, or bit patterns as integers.
/// Bit-exact for every double.
enum ValueVector {
    /// How the corrections follow.
    enum Corrections: UInt8 {
        case none = 0
        /// Positions and differences.
        case list = 1
        /// One integer per value.
        case column = 2
    }

    /// The first byte.
    struct Head {
        var isRaw = false
        var corrections = Corrections.none
        var hasScale = false
        /// Whether all integers are within ±2^51. If that is a lie the values are wrong, no more.
        var isNarrow = false
        var isWide = false

        init() {}

        init(byte: UInt8, offset: Int) throws(EncodingError) {
            guard byte >> 6 == 0 else { throw EncodingError.unsupportedVersion(byte >> 6) }
            guard let corrections = Corrections(rawValue: byte >> 1 & 3) else {
                throw EncodingError.corrupt(what: "value form", offset: offset)
            }
            isRaw = byte & 1 != 0
            self.corrections = corrections
            hasScale = byte & 8 != 0
            isNarrow = byte & 0x10 != 0
            isWide = byte & 0x20 != 0
        }

        var byte: UInt8 {
            (isRaw ? 1 : 0) | corrections.rawValue << 1 | (hasScale ? 8 : 0) | (isNarrow ? 0x10 : 0)
                | (isWide ? 0x20 : 0)
        }
    }

    /// Doubles in ascending order as ascending integers; its own inverse.
    @inline(__always)
    static func ordered(_ bits: Int64) -> Int64 { bits ^ ((bits &>> 63) & .max) }

    /// Appends `count` (1 or more, at most the scratch's capacity) values.
    static func encode(
        _ values: UnsafePointer<Double>, count: Int, tier: CodecTier, isWide: Bool,
        scratch: borrowing CodecScratch, into writer: inout ByteWriter
    ) {
        let start = writer.count
        guard let exponent = unsafe chooseExponent(values, count: count, among: nil) else {
            return unsafe encodeRaw(
                values, count: count, tier: tier, isWide: isWide, scratch: scratch, into: &writer)
        }
        var (scale, integerBits, cost) = unsafe transform(values, count, exponent, scratch)
        if cost.largeCount * 32 > count {
            // The sample was not typical: ask those that did not fit.
            let finer = unsafe chooseExponent(
                values, count: count, among: UnsafePointer(scratch.corrections))
            if let finer, finer > exponent {
                let second = unsafe transform(values, count, finer, scratch)
                if second.cost.bits + count * (finer - exponent) * 10 / 3 < cost.bits {
                    (scale, integerBits, cost) = second
                } else {
                    (scale, integerBits, cost) = unsafe transform(values, count, exponent, scratch)
                }
            }
        }

        var head = Head()
        head.isWide = isWide
        head.hasScale = scale.exponent > 0
        head.isNarrow = integerBits <= DecimalScale.narrowBits
        head.corrections = cost.count == 0 ? .none : cost.count * 6 <= count ? .list : .column
        writer.u8(head.byte)
        if head.hasScale {
            writer.u8(UInt8(scale.exponent))
            writer.u8(UInt8(scale.highBits))
        }
        unsafe IntegerVector.encode(
            scratch.integers, count: count, tier: tier, isWide: false, scratch: scratch,
            into: &writer)
        switch head.corrections {
        case .none: break
        case .list:
            unsafe writeList(scratch.corrections, count: count, cost.count, into: &writer)
        case .column:
            unsafe IntegerVector.encode(
                scratch.corrections, count: count, tier: tier, isWide: false, scratch: scratch,
                into: &writer)
        }
        if cost.bits > 8 * count {
            let byteCount = writer.count - start
            var other = ByteWriter(reserving: byteCount)
            unsafe encodeRaw(
                values, count: count, tier: tier, isWide: isWide, scratch: scratch, into: &other)
            if other.count < byteCount {
                writer.bytes.removeLast(byteCount)
                writer.raw(other.bytes)
            }
        }
    }

    private static func transform(
        _ values: UnsafePointer<Double>, _ count: Int, _ exponent: Int,
        _ scratch: borrowing CodecScratch
    ) -> (scale: DecimalScale, integerBits: Int, cost: CorrectionCost) {
        let bits = unsafe DecimalScale.quantise(
            values, count: count, exponent: exponent, into: scratch.integers)
        let scale = DecimalScale(exponent: exponent, integerBits: bits)
        let cost = unsafe scale.correct(
            values, count: count, integers: scratch.integers, into: scratch.corrections)
        return (scale, bits, cost)
    }

    private static func encodeRaw(
        _ values: UnsafePointer<Double>, count: Int, tier: CodecTier, isWide: Bool,
        scratch: borrowing CodecScratch, into writer: inout ByteWriter
    ) {
        var head = Head()
        head.isRaw = true
        head.isWide = isWide
        writer.u8(head.byte)
        for index in 0..<count {
            let bits = Int64(bitPattern: unsafe values[index].bitPattern)
            unsafe scratch.integers[index] = ordered(bits)
        }
        unsafe IntegerVector.encode(
            scratch.integers, count: count, tier: tier, isWide: false, scratch: scratch,
            into: &writer)
    }

    private static func writeList(
        _ corrections: UnsafePointer<Int64>, count: Int, _ listCount: Int,
        into writer: inout ByteWriter
    ) {
        writer.varint(UInt64(listCount))
        var next = 0
        for index in 0..<count where unsafe corrections[index] != 0 {
            writer.varint(UInt64(index - next))
            writer.zigzag(unsafe corrections[index])
            next = index + 1
        }
    }

    /// The exponent that costs least for up to 32 values across the vector, or for the first 32 of
    /// those with large corrections. Nil if most of them are no decimals.
    private static func chooseExponent(
        _ values: UnsafePointer<Double>, count: Int, among corrections: UnsafePointer<Int64>?
    ) -> Int? {
        var needed: InlineArray<24, Int> = .init(repeating: 0)
        var sampled = 0
        var odd = 0
        let sampleMax = 32
        let step = max(1, count / sampleMax)
        var index = 0
        while index < count, sampled < sampleMax {
            if let corrections = unsafe corrections {
                let bits = unsafe Varint.zigzag(corrections[index])
                index += 1
                if bits < 1 << 16 { continue }
            } else {
                index += step
            }
            let place = unsafe corrections == nil ? index - step : index - 1
            sampled += 1
            if let exponent = DecimalScale.exponentNeeded(unsafe values[place]) {
                needed[exponent] += 1
            } else {
                odd += 1
            }
            if sampled == 12, odd == sampled { return nil }
        }
        guard 2 * odd <= sampled else { return nil }
        var best = (exponent: 0, bits: Int.max)
        var fitting = 0
        for exponent in 0...DecimalScale.exponentMax where needed[exponent] > 0 {
            fitting += needed[exponent]
            let bits = (sampled - fitting) * 64 + fitting * exponent * 10 / 3
            if bits < best.bits { best = (exponent, bits) }
        }
        return best.bits == .max ? nil : best.exponent
    }

    /// Fills `count` (1 or more) slots of `target` with bit patterns.
    static func decode(
        _ head: Head, _ reader: inout ByteReader, count: Int,
        into target: UnsafeMutablePointer<Int64>
    ) throws(EncodingError) {
        var scale = DecimalScale(exponent: 0, highBits: 53)
        if head.hasScale {
            let place = reader.offset
            let exponent = Int(try reader.u8())
            let highBits = Int(try reader.u8())
            guard (1...DecimalScale.exponentMax).contains(exponent), (1...53).contains(highBits)
            else { throw EncodingError.corrupt(what: "decimal scale", offset: place) }
            scale = DecimalScale(exponent: exponent, highBits: highBits)
        }
        let inner = try IntegerHead(byte: reader.u8(), offset: reader.offset)
        try unsafe IntegerVector.decode(inner, &reader, count: count, into: target)
        if head.isRaw {
            for index in 0..<count { unsafe target[index] = ordered(target[index]) }
        } else {
            unsafe scale.scale(target, count: count, isNarrow: head.isNarrow)
        }
        switch head.corrections {
        case .none: break
        case .list: try unsafe readList(&reader, count: count, into: target)
        case .column:
            var corrections = [Int64](repeating: 0, count: count)
            let inner = try IntegerHead(byte: reader.u8(), offset: reader.offset)
            try unsafe corrections.withUnsafeMutableBufferPointer { buffer throws(EncodingError) in
                guard let base = buffer.baseAddress else { return }
                try unsafe IntegerVector.decode(inner, &reader, count: count, into: base)
                for index in 0..<count { unsafe target[index] &+= base[index] }
            }
        }
    }

    private static func readList(
        _ reader: inout ByteReader, count: Int, into target: UnsafeMutablePointer<Int64>
    ) throws(EncodingError) {
        let listCount = try reader.count(limit: count)
        var next = 0
        for _ in 0..<listCount {
            let place = reader.offset
            let gap = try reader.varint()
            let correction = try reader.zigzag()
            guard gap < UInt64(count - next) else {
                throw EncodingError.corrupt(what: "correction position", offset: place)
            }
            next += Int(gap)
            unsafe target[next] &+= correction
            next += 1
        }
    }
}
