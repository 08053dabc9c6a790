/// How residuals are bit-packed: a reference, a width, and patches for the few that need more. The
/// patches hold the bits above the width, so a patched slot is not wasted.
struct PackingPlan {
    let reference: Int64
    let width: Int
    let patchCount: Int
    /// Bytes that `write` appends; an estimate when there are patches.
    let byteCount: Int

    /// - Parameters:
    ///   - center: a typical value, around which windows of 2^width are tried.
    ///   - histogram: 130 zeros, and zeros again afterwards.
    init(
        _ values: UnsafePointer<Int64>, count: Int, center: Int64,
        histogram: UnsafeMutablePointer<Int>
    ) {
        var low = Int64.max
        var high = Int64.min
        for index in 0..<count {
            // Two counts, so that equal neighbours do not wait for each other.
            let value = unsafe values[index]
            let bits = 64 &- Varint.zigzag(value &- center).leadingZeroBitCount
            unsafe histogram[bits &+ (index & 1) &* 65] &+= 1
            low = min(low, value)
            high = max(high, value)
        }
        for bits in 0...64 {
            unsafe histogram[bits] += histogram[bits + 65]
            unsafe histogram[bits + 65] = 0
        }
        let fullWidth = 64 - UInt64(bitPattern: high &- low).leadingZeroBitCount
        var best = (width: fullWidth, bytes: BitPacking.byteCount(count, width: fullWidth))
        // A distance whose zigzag has b bits needs a window of 2^b around the center.
        for width in 0..<fullWidth {
            var bytes = BitPacking.byteCount(count, width: width) + 2
            for bits in width + 1...64 where unsafe histogram[bits] > 0 {
                // Gap, and the bits above the width with their sign; one byte more, because a
                // patch takes the time of many packed values to read.
                unsafe bytes += histogram[bits] * (2 + (bits - width + 1 + 6) / 7)
                if bytes >= best.bytes { break }
            }
            if bytes < best.bytes { best = (width, bytes) }
        }
        unsafe histogram.update(repeating: 0, count: 65)
        guard best.width < fullWidth else {
            reference = low
            width = fullWidth
            patchCount = 0
            byteCount = best.bytes + 2
            return
        }
        let refined = unsafe Self.refine(values, count, center, best.width)
        reference = refined.reference
        width = refined.width
        patchCount = refined.patchCount
        byteCount = best.bytes + 3
    }

    /// The window [center - 2^(width-1), center + 2^(width-1)) shrunk to what lies in it.
    private static func refine(
        _ values: UnsafePointer<Int64>, _ count: Int, _ center: Int64, _ width: Int
    ) -> (reference: Int64, width: Int, patchCount: Int) {
        let half: UInt64 = width == 0 ? 0 : 1 << UInt64(width - 1)
        let size: UInt64 = width == 0 ? 1 : half &* 2
        let start = center &- Int64(bitPattern: half)
        var low = UInt64.max
        var high = UInt64(0)
        for index in 0..<count {
            let offset = UInt64(bitPattern: unsafe values[index] &- start)
            let isInside = offset < size
            low = min(low, isInside ? offset : .max)
            high = max(high, isInside ? offset : 0)
        }
        if low > high { (low, high) = (0, 0) }
        let shrunk = 64 - (high - low).leadingZeroBitCount
        let reference = start &+ Int64(bitPattern: low)
        var patchCount = 0
        for index in 0..<count {
            let offset = UInt64(bitPattern: unsafe values[index] &- reference)
            patchCount += offset >> UInt64(shrunk) != 0 ? 1 : 0
        }
        return (reference, shrunk, patchCount)
    }

    /// Appends reference, width, packed bits and patches.
    func write(_ values: UnsafePointer<Int64>, count: Int, into writer: inout ByteWriter) {
        writer.zigzag(reference)
        writer.u8(UInt8(width) | (patchCount > 0 ? 0x80 : 0))
        unsafe writer.append(count: BitPacking.byteCount(count, width: width)) { target in
            unsafe BitPacking.pack(
                values, count: count, reference: reference, width: width, into: target)
        }
        guard patchCount > 0 else { return }
        writer.varint(UInt64(patchCount))
        var next = 0
        for index in 0..<count {
            let offset = unsafe values[index] &- reference
            if UInt64(bitPattern: offset) >> UInt64(width) == 0 { continue }
            writer.varint(UInt64(index - next))
            writer.zigzag(offset >> Int64(width))
            next = index + 1
        }
    }

    /// Passes over what `write` wrote.
    static func skip(_ reader: inout ByteReader, count: Int) throws(EncodingError) {
        _ = try reader.zigzag()
        let widthAt = reader.offset
        let widthByte = try reader.u8()
        let width = Int(widthByte & 0x7f)
        guard width <= 64 else { throw EncodingError.corrupt(what: "bit width", offset: widthAt) }
        try reader.skip(BitPacking.byteCount(count, width: width))
        guard widthByte & 0x80 != 0 else { return }
        for _ in 0..<2 * (try reader.count(limit: count)) { _ = try reader.varint() }
    }

    /// Reads what `write` wrote into `count` slots of `target`.
    static func read(
        _ reader: inout ByteReader, count: Int, into target: UnsafeMutablePointer<Int64>
    ) throws(EncodingError) {
        let reference = try reader.zigzag()
        let widthAt = reader.offset
        let widthByte = try reader.u8()
        let width = Int(widthByte & 0x7f)
        guard width <= 64 else { throw EncodingError.corrupt(what: "bit width", offset: widthAt) }
        try unsafe reader.withPadded(BitPacking.byteCount(count, width: width)) { source in
            unsafe BitPacking.unpack(
                source, count: count, reference: reference, width: width, into: target)
        }
        guard widthByte & 0x80 != 0 else { return }
        let patchCount = try reader.count(limit: count)
        var next = 0
        for _ in 0..<patchCount {
            let place = reader.offset
            let gap = try reader.varint()
            let high = try reader.zigzag()
            guard gap < UInt64(count - next), width < 64 else {
                throw EncodingError.corrupt(what: "patch position", offset: place)
            }
            next += Int(gap)
            unsafe target[next] = target[next] &+ (high << Int64(width))
            next += 1
        }
    }
}
