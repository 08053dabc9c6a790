/// Bytes that bits are read from. A stream that runs dry reads whatever lies behind it, up to the
/// padding, and is found out at its end.
@safe
struct BitSource {
    private let start: UnsafeRawPointer
    /// Nothing is loaded from beyond this bit.
    private let last: UInt64

    /// `start` has `BitPacking.slackByteCount` readable bytes behind its `byteCount`.
    init(_ start: UnsafePointer<UInt8>, byteCount: Int) {
        unsafe self.start = UnsafeRawPointer(start)
        last = 8 * UInt64(byteCount + 8)
    }

    /// One stream's place, as a bit of the source, and the bits loaded from there.
    struct Stream {
        var place: UInt64
        var bits: UInt64 = 0

        init(byte: Int) { place = 8 * UInt64(byte) }

        @inline(__always)
        mutating func drop(_ count: UInt64) {
            bits &>>= count
            place &+= count
        }
    }

    /// One unaligned load; leaves 57 bits at least.
    @inline(__always)
    func refill(_ stream: inout Stream) {
        stream.place = min(stream.place, last)
        let byte = Int(truncatingIfNeeded: stream.place &>> 3)
        let word = unsafe start.loadUnaligned(fromByteOffset: byte, as: UInt64.self)
        stream.bits = word &>> (stream.place & 7)
    }
}

/// Decodes symbols with bits below them, one at a time from each of four streams.
@safe
struct DenseDecoder {
    private let source: BitSource
    private let table: UnsafePointer<UInt32>
    private let mask: UInt64
    /// Of a code and the bits after it.
    private let bitsMax: Int

    /// `table`: 2^limit entries of length, bits below << 8, leading bits << 16.
    init(source: BitSource, table: UnsafePointer<UInt32>, limit: Int) {
        self.source = source
        unsafe self.table = table
        mask = (1 << UInt64(limit)) - 1
        var most: UInt32 = 0
        for index in 0..<1 << limit {
            let entry = unsafe table[index]
            most = max(most, (entry & 0x3f) + (entry >> 8 & 0x3f))
        }
        bitsMax = Int(most)
    }

    /// `count` distances into `target`. False when a stream is longer than `ends` says.
    func decode(
        _ ends: DensePlan.Ends, count: Int, into target: UnsafeMutablePointer<Int64>
    ) -> Bool {
        guard count >= DensePlan.fourStreamsFrom else {
            var stream = BitSource.Stream(byte: 0)
            for index in 0..<count { unsafe target[index] = next(&stream) }
            return stream.place <= 8 * UInt64(ends[0])
        }
        let length = DensePlan.streamLength(count)
        let last = count - 3 * length
        var a = BitSource.Stream(byte: 0)
        var b = BitSource.Stream(byte: ends[0])
        var c = BitSource.Stream(byte: ends[1])
        var d = BitSource.Stream(byte: ends[2])
        var index = 0
        // Four distances of 14 bits, or two of 28, fit into a refill.
        if bitsMax <= 14 {
            unsafe run(4, &a, &b, &c, &d, &index, last, length, target)
        } else if bitsMax <= 28 {
            unsafe run(2, &a, &b, &c, &d, &index, last, length, target)
        }
        while index < last {
            unsafe target[index] = next(&a)
            unsafe target[length &+ index] = next(&b)
            unsafe target[2 &* length &+ index] = next(&c)
            unsafe target[3 &* length &+ index] = next(&d)
            index &+= 1
        }
        while index < length {
            unsafe target[index] = next(&a)
            unsafe target[length &+ index] = next(&b)
            unsafe target[2 &* length &+ index] = next(&c)
            index &+= 1
        }
        return a.place <= 8 * UInt64(ends[0]) && b.place <= 8 * UInt64(ends[1])
            && c.place <= 8 * UInt64(ends[2]) && d.place <= 8 * UInt64(ends[3])
    }

    /// All whole rounds of `perRefill` distances from each stream.
    @inline(__always)
    private func run(
        _ perRefill: Int, _ a: inout BitSource.Stream, _ b: inout BitSource.Stream,
        _ c: inout BitSource.Stream, _ d: inout BitSource.Stream, _ index: inout Int,
        _ count: Int, _ length: Int, _ target: UnsafeMutablePointer<Int64>
    ) {
        let second = unsafe target + length
        let third = unsafe second + length
        let fourth = unsafe third + length
        while index &+ perRefill <= count {
            source.refill(&a)
            source.refill(&b)
            source.refill(&c)
            source.refill(&d)
            for _ in 0..<perRefill {
                unsafe target[index] = take(&a)
                unsafe second[index] = take(&b)
                unsafe third[index] = take(&c)
                unsafe fourth[index] = take(&d)
                index &+= 1
            }
        }
    }

    /// A distance of at most as many bits as the last refill left.
    @inline(__always)
    private func take(_ stream: inout BitSource.Stream) -> Int64 {
        let entry = UInt64(unsafe table[Int(truncatingIfNeeded: stream.bits & mask)])
        stream.drop(entry & 0x3f)
        let extra = (entry &>> 8) & 0x3f
        let low = stream.bits & ((1 &<< extra) &- 1)
        stream.drop(extra)
        return Int64(bitPattern: (entry &>> 16) &<< extra | low)
    }

    /// A refill and a distance of any size.
    @inline(__always)
    private func next(_ stream: inout BitSource.Stream) -> Int64 {
        source.refill(&stream)
        let entry = UInt64(unsafe table[Int(truncatingIfNeeded: stream.bits & mask)])
        let extra = (entry &>> 8) & 0x3f
        guard extra > 32 else { return take(&stream) }
        let length = entry & 0x3f
        let low = (stream.bits &>> length) & 0xffff_ffff
        stream.place &+= length &+ 32
        source.refill(&stream)
        let high = stream.bits & ((1 &<< (extra &- 32)) &- 1)
        stream.place &+= extra &- 32
        return Int64(bitPattern: (entry &>> 16) &<< extra | high &<< 32 | low)
    }
}

/// Decodes symbols with no bits below them: one look-up gives all symbols, up to six, that a table's
/// worth of bits holds (after the double-symbol tables of Huff0).
@safe
struct DenseRuns {
    /// Bytes behind the symbols of each stream that are written over.
    static let slack = 16
    private static let symbolsMax = 6

    private let table: [UInt32]
    /// Symbols in bytes 0 to 5, their bits in byte 6, their number in byte 7.
    private let runs: [UInt64]
    private let limit: Int

    /// `table`: 2^limit entries of length, 0, symbol << 16. Symbols are below 256.
    init(table: [UInt32], limit: Int) {
        self.table = table
        self.limit = limit
        runs = unsafe [UInt64](unsafeUninitializedCapacity: table.count) { runs, filled in
            unsafe table.withUnsafeBufferPointer { table in
                for index in table.indices {
                    unsafe runs[index] = DenseRuns.run(table, index, limit)
                }
            }
            filled = table.count
        }
    }

    /// The symbols that are whole in `limit` bits. A symbol that does not fit adds nothing, and
    /// neither do those after it, which are the same again: no branch.
    @inline(__always)
    private static func run(
        _ table: UnsafeBufferPointer<UInt32>, _ index: Int, _ limit: Int
    ) -> UInt64 {
        var bits = UInt64(truncatingIfNeeded: index)
        var left = Int64(limit)
        var symbols: UInt64 = 0
        var count: UInt64 = 0
        for _ in 0..<symbolsMax {
            let entry = UInt64(unsafe table[Int(truncatingIfNeeded: bits)])
            let length = Int64(truncatingIfNeeded: entry & 0x3f)
            // All ones when it fits.
            let fits = UInt64(bitPattern: ~((left &- length) &>> 63))
            symbols |= ((entry &>> 16) & fits) &<< (8 &* count)
            count &+= fits & 1
            let taken = UInt64(bitPattern: length) & fits
            left &-= Int64(bitPattern: taken)
            bits &>>= taken
        }
        let used = UInt64(limit) &- UInt64(bitPattern: left)
        return symbols | used &<< 48 | count &<< 56
    }

    /// `count` symbols: those of stream k from byte k · (its length + `slack`) of `target` on.
    /// False when a stream is longer than `ends` says.
    func decode(
        _ source: BitSource, _ ends: DensePlan.Ends, count: Int,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let length = DensePlan.streamLength(count)
        let lastLength = count - 3 * length
        let stride = length + DenseRuns.slack
        precondition(
            lastLength > 0 && target.count >= 4 * stride, "BUG: no room for the symbols")
        return unsafe runs.withUnsafeBufferPointer { runs in
            guard let base = target.baseAddress, let runs = runs.baseAddress else { return false }
            let reader = unsafe Reader(
                source: source, runs: runs, mask: (1 << UInt64(limit)) - 1)
            var streams = unsafe (
                Place(0, base), Place(ends[0], base + stride), Place(ends[1], base + 2 * stride),
                Place(ends[2], base + 3 * stride)
            )
            // Six look-ups of nine bits, or four of twelve, fit into a refill.
            if limit <= 9 {
                unsafe reader.four(6, &streams, lastLength)
            } else {
                unsafe reader.four(4, &streams, lastLength)
            }
            unsafe finish(reader, &streams.0, length)
            unsafe finish(reader, &streams.1, length)
            unsafe finish(reader, &streams.2, length)
            unsafe finish(reader, &streams.3, lastLength)
            return unsafe streams.0.stream.place <= 8 * UInt64(ends[0])
                && streams.1.stream.place <= 8 * UInt64(ends[1])
                && streams.2.stream.place <= 8 * UInt64(ends[2])
                && streams.3.stream.place <= 8 * UInt64(ends[3])
        }
    }

    /// What is left of a stream of `length` symbols.
    @inline(__always)
    private func finish(_ reader: Reader, _ place: inout Place, _ length: Int) {
        unsafe reader.one(4, &place, length)
        let mask = UInt64(1 << limit) - 1
        while unsafe place.done < length {
            unsafe reader.source.refill(&place.stream)
            let entry = unsafe table[Int(truncatingIfNeeded: place.stream.bits & mask)]
            unsafe place.target.storeBytes(
                of: UInt8(truncatingIfNeeded: entry >> 16), toByteOffset: place.done,
                as: UInt8.self)
            unsafe place.done &+= 1
            unsafe place.stream.drop(UInt64(entry & 0x3f))
        }
    }

    /// A stream, and where its symbols go.
    @unsafe
    private struct Place {
        var stream: BitSource.Stream
        var done = 0
        let target: UnsafeMutableRawPointer

        init(_ byte: Int, _ target: UnsafeMutableRawPointer) {
            unsafe stream = BitSource.Stream(byte: byte)
            unsafe self.target = target
        }
    }

    @unsafe
    private struct Reader {
        let source: BitSource
        let runs: UnsafePointer<UInt64>
        let mask: UInt64

        /// As long as no stream can pass `length` within `perRefill` look-ups.
        @inline(__always)
        func four(
            _ perRefill: Int, _ places: inout (Place, Place, Place, Place), _ length: Int
        ) {
            var (a, b, c, d) = unsafe places
            let stop = length - perRefill * DenseRuns.symbolsMax
            while unsafe max(max(a.done, b.done), max(c.done, d.done)) <= stop {
                unsafe source.refill(&a.stream)
                unsafe source.refill(&b.stream)
                unsafe source.refill(&c.stream)
                unsafe source.refill(&d.stream)
                for _ in 0..<perRefill {
                    unsafe step(&a)
                    unsafe step(&b)
                    unsafe step(&c)
                    unsafe step(&d)
                }
            }
            unsafe places = (a, b, c, d)
        }

        @inline(__always)
        func one(_ perRefill: Int, _ place: inout Place, _ length: Int) {
            let stop = length - perRefill * DenseRuns.symbolsMax
            while unsafe place.done <= stop {
                unsafe source.refill(&place.stream)
                for _ in 0..<perRefill { unsafe step(&place) }
            }
        }

        @inline(__always)
        private func step(_ place: inout Place) {
            let entry = unsafe runs[Int(truncatingIfNeeded: place.stream.bits & mask)]
            unsafe place.target.storeBytes(of: entry, toByteOffset: place.done, as: UInt64.self)
            unsafe place.done &+= Int(truncatingIfNeeded: entry &>> 56)
            unsafe place.stream.drop((entry &>> 48) & 0x3f)
        }
    }
}
