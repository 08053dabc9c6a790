/// Decoding the entropy stage. A refill is one unaligned load and gives 56 bits: enough for four, two
/// or one values, by the longest that the code allows. A stream that runs dry reads whatever lies
/// behind it, inside the block, and is found out at the end.
extension DensePlan {
    /// Reads what `write` wrote into `count` slots of `target`.
    static func read(
        _ reader: inout ByteReader, count: Int, into target: UnsafeMutablePointer<Int64>
    ) throws(EncodingError) {
        let center = try reader.zigzag()
        let place = reader.offset
        let shape = try reader.u8()
        let precision = Int(shape & 15)
        let limit = Int(shape >> 4)
        guard (1...precisionMax).contains(precision), (1...HuffmanCode.lengthMax).contains(limit)
        else { throw EncodingError.corrupt(what: "symbol shape", offset: place) }
        let code = try HuffmanCode(
            &reader, symbolCountMax: symbolCount(precision: precision))
        let table = code.table(limit: limit) { symbol, length in
            let extra = max(0, (symbol >> precision) - 1)
            let leading = symbol - extra << precision
            return UInt32(length) | UInt32(extra) << 8 | UInt32(leading) << 16
        }
        guard let table else { throw EncodingError.corrupt(what: "code lengths", offset: place) }
        let bitsMax = table.reduce(0) { max($0, Int(($1 & 0x3f) + ($1 >> 8 & 0x3f))) }
        let hasNoExtra = table.allSatisfy { $0 >> 8 & 0x3f == 0 }
        var ends: [Int] = []
        var byteCount = 0
        for _ in 0..<streamCount(count) {
            byteCount += try reader.count(limit: reader.remaining)
            ends.append(byteCount)
        }
        let block = reader.offset
        let isWhole = try unsafe reader.withPadded(byteCount) { source in
            unsafe table.withUnsafeBufferPointer { table in
                guard let table = table.baseAddress else { return false }
                let decoder = unsafe Decoder(
                    source: UnsafeRawPointer(source), last: byteCount, table: table,
                    mask: (1 << UInt64(limit)) - 1, center: center, bitsMax: bitsMax,
                    hasNoExtra: hasNoExtra)
                return ends.count == 4
                    ? unsafe decoder.four(ends, count: count, into: target)
                    : unsafe decoder.one(ends[0], count: count, into: target)
            }
        }
        guard isWhole else { throw EncodingError.corrupt(what: "entropy stream", offset: block) }
    }

    /// One stream's place, as a bit of the block, and the bits loaded from there.
    private struct Stream {
        var place: UInt64
        var bits: UInt64 = 0

        init(byte: Int) { place = 8 * UInt64(byte) }
    }

    @safe
    private struct Decoder {
        let source: UnsafeRawPointer
        /// Where the padding begins: nothing is loaded from beyond it.
        let last: Int
        let table: UnsafePointer<UInt32>
        let mask: UInt64
        let center: Int64
        /// Of a code and the bits after it.
        let bitsMax: Int
        /// Whether codes are all there is.
        let hasNoExtra: Bool

        /// Leaves 57 bits at least.
        @inline(__always)
        func refill(_ stream: inout Stream) {
            stream.place = min(stream.place, 8 &* UInt64(truncatingIfNeeded: last &+ 8))
            let byte = Int(truncatingIfNeeded: stream.place &>> 3)
            let word = unsafe source.loadUnaligned(fromByteOffset: byte, as: UInt64.self)
            stream.bits = word &>> (stream.place & 7)
        }

        /// A distance of at most as many bits as the last refill left.
        @inline(__always)
        func take(_ stream: inout Stream, hasExtra: Bool) -> Int64 {
            let entry = UInt64(unsafe table[Int(truncatingIfNeeded: stream.bits & mask)])
            let length = entry & 0x3f
            stream.bits &>>= length
            stream.place &+= length
            guard hasExtra else { return Int64(bitPattern: entry &>> 16) }
            let extra = (entry &>> 8) & 0x3f
            let low = stream.bits & ((1 &<< extra) &- 1)
            stream.bits &>>= extra
            stream.place &+= extra
            return Int64(bitPattern: (entry &>> 16) &<< extra | low)
        }

        /// A refill and a distance of any size.
        @inline(__always)
        func next(_ stream: inout Stream) -> Int64 {
            refill(&stream)
            let entry = UInt64(unsafe table[Int(truncatingIfNeeded: stream.bits & mask)])
            let extra = (entry &>> 8) & 0x3f
            guard extra > 32 else { return take(&stream, hasExtra: true) }
            let length = entry & 0x3f
            let low = (stream.bits &>> length) & 0xffff_ffff
            stream.place &+= length &+ 32
            refill(&stream)
            let high = stream.bits & ((1 &<< (extra &- 32)) &- 1)
            stream.place &+= extra &- 32
            return Int64(bitPattern: (entry &>> 16) &<< extra | high &<< 32 | low)
        }

        /// From distances to residuals.
        private func place(_ target: UnsafeMutablePointer<Int64>, count: Int) {
            for index in 0..<count {
                let distance = UInt64(bitPattern: unsafe target[index])
                unsafe target[index] = Varint.unzigzag(distance) &+ center
            }
        }

        func one(_ end: Int, count: Int, into target: UnsafeMutablePointer<Int64>) -> Bool {
            var stream = Stream(byte: 0)
            for index in 0..<count { unsafe target[index] = next(&stream) }
            unsafe place(target, count: count)
            return stream.place <= 8 * UInt64(end)
        }

        func four(_ ends: [Int], count: Int, into target: UnsafeMutablePointer<Int64>) -> Bool {
            var a = Stream(byte: 0)
            var b = Stream(byte: ends[0])
            var c = Stream(byte: ends[1])
            var d = Stream(byte: ends[2])
            var index = 0
            // Four distances of 14 bits, or two of 28, fit into a refill.
            if bitsMax <= HuffmanCode.lengthMax, hasNoExtra {
                unsafe run(4, false, &a, &b, &c, &d, &index, count, target)
            } else if bitsMax <= 14 {
                unsafe run(4, true, &a, &b, &c, &d, &index, count, target)
            } else if bitsMax <= 28 {
                unsafe run(2, true, &a, &b, &c, &d, &index, count, target)
            }
            while index &+ 4 <= count {
                unsafe target[index] = next(&a)
                unsafe target[index &+ 1] = next(&b)
                unsafe target[index &+ 2] = next(&c)
                unsafe target[index &+ 3] = next(&d)
                index &+= 4
            }
            if index < count { unsafe target[index] = next(&a) }
            if index + 1 < count { unsafe target[index + 1] = next(&b) }
            if index + 2 < count { unsafe target[index + 2] = next(&c) }
            unsafe place(target, count: count)
            return a.place <= 8 * UInt64(ends[0]) && b.place <= 8 * UInt64(ends[1])
                && c.place <= 8 * UInt64(ends[2]) && d.place <= 8 * UInt64(ends[3])
        }

        /// All whole rounds of `perRefill` distances from each stream.
        @inline(__always)
        private func run(
            _ perRefill: Int, _ hasExtra: Bool, _ a: inout Stream, _ b: inout Stream,
            _ c: inout Stream, _ d: inout Stream, _ index: inout Int, _ count: Int,
            _ target: UnsafeMutablePointer<Int64>
        ) {
            while index &+ 4 &* perRefill <= count {
                refill(&a)
                refill(&b)
                refill(&c)
                refill(&d)
                for _ in 0..<perRefill {
                    unsafe target[index] = take(&a, hasExtra: hasExtra)
                    unsafe target[index &+ 1] = take(&b, hasExtra: hasExtra)
                    unsafe target[index &+ 2] = take(&c, hasExtra: hasExtra)
                    unsafe target[index &+ 3] = take(&d, hasExtra: hasExtra)
                    index &+= 4
                }
            }
        }
    }
}
