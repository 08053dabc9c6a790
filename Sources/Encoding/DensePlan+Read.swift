/// Reading the entropy stage: header, table, streams, patches. The bytes may be anything.
extension DensePlan {
    /// What becomes of the residuals, by the way: base + residual · divisor, or base and the sum of
    /// all residuals so far · divisor.
    struct Placement {
        var base: Int64 = 0
        var divisor: Int64 = 1
        var isRunning = false
    }

    /// Where each of up to four streams ends, in bytes from where the first one starts.
    typealias Ends = InlineArray<4, Int>

    /// What stands before the streams.
    private struct Header {
        let center: Int64
        let limit: Int
        /// Whether each symbol is a distance.
        let hasNoExtra: Bool
        let table: [UInt32]
        var ends = Ends(repeating: 0)
        let patchCount: Int

        /// `hasTable`: whether the symbols are going to be read.
        init(
            _ reader: inout ByteReader, count: Int, hasTable: Bool = true
        ) throws(EncodingError) {
            center = try reader.zigzag()
            let place = reader.offset
            let shape = try reader.u8()
            let precision = Int(shape & 15)
            limit = Int(shape >> 4)
            guard (1...precisionMax).contains(precision),
                (1...HuffmanCode.lengthMax).contains(limit)
            else { throw EncodingError.corrupt(what: "symbol shape", offset: place) }
            let code = try HuffmanCode(
                &reader, symbolCountMax: symbolCount(precision: precision))
            let table =
                !hasTable
                ? []
                : code.table(limit: limit) { symbol, length in
                    let extra = extraBits(ofSymbol: symbol, precision: precision)
                    let leading = symbol - extra << precision
                    return UInt32(length) | UInt32(extra) << 8 | UInt32(leading) << 16
                }
            guard let table else {
                throw EncodingError.corrupt(what: "code lengths", offset: place)
            }
            self.table = table
            hasNoExtra = code.lengths.count <= 2 << precision
            var end = 0
            for stream in 0..<streamCount(count) {
                end += try reader.count(limit: reader.remaining)
                ends[stream] = end
            }
            let isFast = hasNoExtra && count >= fourStreamsFrom
            patchCount = try reader.count(limit: isFast ? count : 0)
        }
    }

    /// Reads what `write` wrote and puts `count` numbers into `target`.
    static func read(
        _ reader: inout ByteReader, count: Int, placement: Placement,
        into target: UnsafeMutablePointer<Int64>
    ) throws(EncodingError) {
        let header = try Header(&reader, count: count)
        if header.hasNoExtra, count >= fourStreamsFrom {
            return try unsafe readRuns(
                &reader, header, count: count, placement: placement, into: target)
        }
        let byteCount = header.ends[streamCount(count) - 1]
        let block = reader.offset
        let isWhole = try unsafe reader.withPadded(byteCount) { source in
            unsafe header.table.withUnsafeBufferPointer { table in
                guard let table = table.baseAddress else { return false }
                let decoder = unsafe DenseDecoder(
                    source: BitSource(source, byteCount: byteCount), table: table,
                    limit: header.limit)
                return unsafe decoder.decode(header.ends, count: count, into: target)
            }
        }
        guard isWhole else { throw EncodingError.corrupt(what: "entropy stream", offset: block) }
        unsafe place(target, count: count, center: header.center, placement)
    }

    /// Passes over what `write` wrote.
    static func skip(_ reader: inout ByteReader, count: Int) throws(EncodingError) {
        let header = try Header(&reader, count: count, hasTable: false)
        try reader.skip(header.ends[streamCount(count) - 1])
        for _ in 0..<2 * header.patchCount { _ = try reader.varint() }
    }

    /// From distances to numbers.
    private static func place(
        _ target: UnsafeMutablePointer<Int64>, count: Int, center: Int64, _ placement: Placement
    ) {
        let divisor = placement.divisor
        if placement.isRunning {
            var sum = placement.base
            for index in 0..<count {
                let distance = UInt64(bitPattern: unsafe target[index])
                sum &+= (Varint.unzigzag(distance) &+ center) &* divisor
                unsafe target[index] = sum
            }
        } else {
            for index in 0..<count {
                let distance = UInt64(bitPattern: unsafe target[index])
                unsafe target[index] =
                    placement.base &+ (Varint.unzigzag(distance) &+ center) &* divisor
            }
        }
    }

    // MARK: Symbols that are distances

    private struct Patch {
        var position: Int
        var distance: UInt64
    }

    private static func readPatches(
        _ reader: inout ByteReader, _ patchCount: Int, count: Int
    ) throws(EncodingError) -> [Patch] {
        var patches: [Patch] = []
        var next = 0
        for _ in 0..<patchCount {
            let place = reader.offset
            let gap = try reader.varint()
            guard next < count, gap < UInt64(count - next) else {
                throw EncodingError.corrupt(what: "patch position", offset: place)
            }
            next += Int(gap)
            patches.append(Patch(position: next, distance: try reader.varint()))
            next += 1
        }
        return patches
    }

    private static func readRuns(
        _ reader: inout ByteReader, _ header: Header, count: Int, placement: Placement,
        into target: UnsafeMutablePointer<Int64>
    ) throws(EncodingError) {
        let runs = DenseRuns(table: header.table, limit: header.limit)
        let byteCount = header.ends[3]
        let block = reader.offset
        let length = streamLength(count)
        var symbols = [UInt8](repeating: 0, count: 4 * (length + DenseRuns.slack))
        let isWhole = try unsafe reader.withPadded(byteCount) { source in
            unsafe symbols.withUnsafeMutableBytes { symbols in
                unsafe runs.decode(
                    BitSource(source, byteCount: byteCount), header.ends, count: count,
                    into: symbols)
            }
        }
        guard isWhole else { throw EncodingError.corrupt(what: "entropy stream", offset: block) }
        let patches = try readPatches(&reader, header.patchCount, count: count)
        // What each symbol adds, or is.
        let start = placement.isRunning ? 0 : placement.base
        let steps = (0..<UInt64(2 << precisionMax)).map { distance in
            start &+ (Varint.unzigzag(distance) &+ header.center) &* placement.divisor
        }
        unsafe symbols.withUnsafeBufferPointer { symbols in
            unsafe steps.withUnsafeBufferPointer { steps in
                guard let base = symbols.baseAddress, let steps = steps.baseAddress else { return }
                var sum = placement.base
                var next = 0
                for stream in 0..<4 {
                    let source = unsafe base + stream * DenseRuns.slack
                    var at = stream * length
                    let end = min(count, at + length)
                    while at < end {
                        let isPatched = next < patches.count && patches[next].position < end
                        let stop = isPatched ? patches[next].position : end
                        if placement.isRunning {
                            for index in at..<stop {
                                unsafe sum &+= steps[Int(source[index])]
                                unsafe target[index] = sum
                            }
                        } else {
                            for index in at..<stop {
                                unsafe target[index] = steps[Int(source[index])]
                            }
                        }
                        at = stop
                        guard isPatched else { continue }
                        let residual = Varint.unzigzag(patches[next].distance) &+ header.center
                        let step = residual &* placement.divisor
                        sum &+= step
                        unsafe target[at] = placement.isRunning ? sum : placement.base &+ step
                        at += 1
                        next += 1
                    }
                }
            }
        }
    }
}
