/// A canonical prefix code of limited length (Huffman 1952; the limit by Kraft repair), for few
/// thousand symbols. Codes are read least significant bit first, by one table look-up.
struct HuffmanCode {
    /// Longest code that can be stored.
    static let lengthMax = 12

    /// Bits of each symbol's code; 0 for symbols that do not occur.
    let lengths: [UInt8]

    /// The code for symbols that occur so often. At least one must, and at most 2^limit of them.
    init(counts: [Int], limit: Int) {
        var lengths = [UInt8](repeating: 0, count: counts.count)
        var order: [UInt64] = []
        for (symbol, count) in counts.enumerated() where count > 0 {
            order.append(UInt64(count) << 16 | UInt64(symbol))
        }
        assert(!order.isEmpty && order.count <= 1 << limit, "BUG: no code of that limit")
        order.sort()
        if order.count == 1 {
            lengths[Int(order[0] & 0xffff)] = 1
            self.lengths = lengths
            return
        }
        var perLength = Self.lengthCounts(sortedWeights: order.map { $0 >> 16 }, limit: limit)
        // The rarest symbols come first and take the longest codes.
        var length = limit
        for entry in order {
            while perLength[length] == 0 { length -= 1 }
            perLength[length] -= 1
            lengths[Int(entry & 0xffff)] = UInt8(length)
        }
        self.lengths = lengths
    }

    /// How many codes there are of each length, 1 to `limit`, with a full tree.
    private static func lengthCounts(sortedWeights weights: [UInt64], limit: Int) -> [Int] {
        // Two queues: leaves ascending, and inner nodes, which are made in ascending order.
        let leafCount = weights.count
        var parents = [Int](repeating: 0, count: 2 * leafCount - 1)
        var inner: [UInt64] = []
        inner.reserveCapacity(leafCount)
        var leaf = 0
        var node = 0
        for made in 0..<leafCount - 1 {
            var sum: UInt64 = 0
            for _ in 0..<2 {
                if leaf < leafCount, node >= inner.count || weights[leaf] <= inner[node] {
                    sum += weights[leaf]
                    parents[leaf] = leafCount + made
                    leaf += 1
                } else {
                    sum += inner[node]
                    parents[leafCount + node] = leafCount + made
                    node += 1
                }
            }
            inner.append(sum)
        }
        var depths = [Int](repeating: 0, count: 2 * leafCount - 1)
        var perLength = [Int](repeating: 0, count: limit + 1)
        for index in stride(from: 2 * leafCount - 3, through: 0, by: -1) {
            depths[index] = depths[parents[index]] + 1
            if index < leafCount { perLength[min(depths[index], limit)] += 1 }
        }
        // Cutting deep leaves off overfills the code space: pay with shorter ones until it fits.
        var space = 0
        for length in 1...limit { space += perLength[length] << (limit - length) }
        while space > 1 << limit {
            perLength[limit] -= 1
            var length = limit - 1
            while length > 0, perLength[length] == 0 { length -= 1 }
            perLength[length] -= 1
            perLength[length + 1] += 2
            space -= 1
        }
        return perLength
    }

    /// What symbols that occur so often take together, in bits.
    func bitCount(_ counts: [Int]) -> Int {
        zip(counts, lengths).reduce(0) { $0 + $1.0 * Int($1.1) }
    }

    /// The codes, bit-reversed so that they are written least significant bit first.
    func codes() -> [UInt16] {
        var next = firstCodes()
        return lengths.map { length in
            guard length > 0 else { return 0 }
            let code = next[Int(length)]
            next[Int(length)] += 1
            return Self.reversed(code, length: Int(length))
        }
    }

    private func firstCodes() -> [UInt16] {
        var perLength = [Int](repeating: 0, count: Self.lengthMax + 2)
        for length in lengths where length > 0 { perLength[Int(length)] += 1 }
        var first = [UInt16](repeating: 0, count: Self.lengthMax + 2)
        for length in 1...Self.lengthMax {
            let next = (Int(first[length]) + perLength[length]) << 1
            first[length + 1] = UInt16(truncatingIfNeeded: next)
        }
        return first
    }

    private static func reversed(_ code: UInt16, length: Int) -> UInt16 {
        var bits = code
        var result: UInt16 = 0
        for _ in 0..<length {
            result = result << 1 | bits & 1
            bits >>= 1
        }
        return result
    }

    /// For every `limit` bits the entry of the symbol whose code they start with. `entry` maps a
    /// symbol and its length. Nil if the lengths are no full code.
    func table(limit: Int, entry: (_ symbol: Int, _ length: Int) -> UInt32) -> [UInt32]? {
        var used = 0
        var space = 0
        for length in lengths where length > 0 {
            guard length <= limit else { return nil }
            used += 1
            space += 1 << (limit - Int(length))
        }
        let size = 1 << limit
        // A lone symbol has a code of one bit, of which only 0 is written.
        guard space == size || used == 1 else { return nil }
        var table = [UInt32](repeating: 0, count: size)
        let codes = codes()
        for (symbol, length) in lengths.enumerated() where length > 0 {
            let value = entry(symbol, Int(length))
            let step = used == 1 ? 1 : 1 << Int(length)
            var at = Int(codes[symbol])
            while at < size {
                table[at] = value
                at += step
            }
        }
        return table
    }

    /// Appends the lengths as nibbles: 1 to 12 is a length; 0 then n is n + 1 absent symbols, or for
    /// n = 15 two more nibbles m (low first) and m + 16 absent ones.
    func write(into writer: inout ByteWriter) {
        let end = (lengths.lastIndex { $0 > 0 } ?? -1) + 1
        writer.varint(UInt64(end))
        var nibbles: [UInt8] = []
        var at = 0
        while at < end {
            if lengths[at] > 0 {
                nibbles.append(lengths[at])
                at += 1
                continue
            }
            var run = 1
            while run < 271, lengths[at + run] == 0 { run += 1 }
            at += run
            if run <= 15 {
                nibbles += [0, UInt8(run - 1)]
            } else {
                nibbles += [0, 15, UInt8((run - 16) & 15), UInt8((run - 16) >> 4)]
            }
        }
        if nibbles.count % 2 == 1 { nibbles.append(0) }
        for pair in stride(from: 0, to: nibbles.count, by: 2) {
            writer.u8(nibbles[pair] | nibbles[pair + 1] << 4)
        }
    }

    /// Reads what `write` wrote, for at most `symbolCountMax` symbols.
    init(_ reader: inout ByteReader, symbolCountMax: Int) throws(EncodingError) {
        let place = reader.offset
        let end = try reader.count(limit: symbolCountMax)
        var lengths: [UInt8] = []
        lengths.reserveCapacity(end)
        var pending: UInt8?
        func nibble() throws(EncodingError) -> UInt8 {
            if let high = pending {
                pending = nil
                return high
            }
            let byte = try reader.u8()
            pending = byte >> 4
            return byte & 15
        }
        while lengths.count < end {
            let length = try nibble()
            guard length == 0 else {
                lengths.append(length)
                continue
            }
            var run = Int(try nibble()) + 1
            if run == 16 {
                let low = Int(try nibble())
                run += low + Int(try nibble()) << 4
            }
            guard run <= end - lengths.count else {
                throw EncodingError.corrupt(what: "code lengths", offset: place)
            }
            lengths.append(contentsOf: repeatElement(0, count: run))
        }
        self.lengths = lengths
    }
}
