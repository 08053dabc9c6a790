/// Decoding the entropy stage. Each stream refills once per value from one unaligned load; a stream
/// that runs dry reads whatever lies behind it, inside the block, and is found out at the end.
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
                    mask: (1 << UInt64(limit)) - 1, center: center)
                return ends.count == 4
                    ? unsafe decoder.four(ends, count: count, into: target)
                    : unsafe decoder.one(ends[0], count: count, into: target)
            }
        }
        guard isWhole else { throw EncodingError.corrupt(what: "entropy stream", offset: block) }
    }

    /// One stream's place: bits already loaded, and where to load from.
    private struct Stream {
        var at: Int
        var bits: UInt64 = 0
        var count: UInt64 = 0

        /// Bits consumed, when the stream began at byte `start`.
        func consumedBits(from start: Int) -> Int { 8 * (at - start) - Int(count) }
    }

    @safe
    private struct Decoder {
        let source: UnsafeRawPointer
        /// Where the padding begins: nothing is loaded from beyond it.
        let last: Int
        let table: UnsafePointer<UInt32>
        let mask: UInt64
        let center: Int64

        @inline(__always)
        func refill(_ stream: inout Stream) {
            let word = unsafe source.loadUnaligned(fromByteOffset: stream.at, as: UInt64.self)
            stream.bits |= word &<< stream.count
            stream.at = min(
                stream.at &+ Int(truncatingIfNeeded: (63 &- stream.count) &>> 3), last &+ 8)
            stream.count |= 56
        }

        @inline(__always)
        func next(_ stream: inout Stream) -> Int64 {
            refill(&stream)
            let entry = unsafe table[Int(truncatingIfNeeded: stream.bits & mask)]
            let length = UInt64(entry & 0xff)
            let extra = UInt64((entry >> 8) & 0xff)
            var distance = UInt64(entry >> 16) &<< extra
            stream.bits &>>= length
            stream.count &-= length
            if extra > 32 {
                distance |= stream.bits & 0xffff_ffff
                stream.bits &>>= 32
                stream.count &-= 32
                refill(&stream)
                let rest = extra &- 32
                distance |= (stream.bits & ((1 &<< rest) &- 1)) &<< 32
                stream.bits &>>= rest
                stream.count &-= rest
            } else {
                distance |= stream.bits & ((1 &<< extra) &- 1)
                stream.bits &>>= extra
                stream.count &-= extra
            }
            return Varint.unzigzag(distance) &+ center
        }

        func one(_ end: Int, count: Int, into target: UnsafeMutablePointer<Int64>) -> Bool {
            var stream = Stream(at: 0)
            for index in 0..<count { unsafe target[index] = next(&stream) }
            return stream.consumedBits(from: 0) <= 8 * end
        }

        func four(_ ends: [Int], count: Int, into target: UnsafeMutablePointer<Int64>) -> Bool {
            var a = Stream(at: 0)
            var b = Stream(at: ends[0])
            var c = Stream(at: ends[1])
            var d = Stream(at: ends[2])
            var index = 0
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
            return a.consumedBits(from: 0) <= 8 * ends[0]
                && b.consumedBits(from: ends[0]) <= 8 * (ends[1] - ends[0])
                && c.consumedBits(from: ends[1]) <= 8 * (ends[2] - ends[1])
                && d.consumedBits(from: ends[2]) <= 8 * (ends[3] - ends[2])
        }
    }
}
