/// Many short ascending lists of small numbers, packed: for each word of a dictionary the blocks
/// that hold it. Binary interpolative code (Moffat & Stuiver 2000) between the first and the last
/// number: a run without gaps costs nothing but its ends. Byte boxes: docs/format/encoding.md.
///
/// One list of many is read without the others but those in the same group of 64.
package struct BlockLists: Sendable {
    /// Lists between two places where reading can begin.
    private static let groupCount = 64

    /// How many lists there are.
    package let count: Int
    /// Numbers are below it.
    package let bound: Int
    private let bits: [UInt8]
    /// Where each group begins, in bits.
    private let starts: [Int]

    /// Bytes of memory.
    package var byteCount: Int { bits.count + 8 * starts.count }

    /// Appends the lists, of which number i is numbers[ends[i−1]..<ends[i]]: ascending, each once,
    /// at least one, all below `bound`.
    package static func encode(
        _ numbers: [UInt32], ends: [UInt32], bound: Int, into writer: inout ByteWriter
    ) {
        precondition(bound < 1 << 31, "block numbers have 31 bits")
        var bits = BitWriter()
        var sizes = ByteWriter()
        var groupStart = 0
        var start = 0
        for (index, end) in ends.enumerated() {
            if index > 0, index % groupCount == 0 {
                sizes.varint(UInt64(bits.bitCount - groupStart))
                groupStart = bits.bitCount
            }
            append(numbers[start..<Int(end)], bound: bound, to: &bits)
            start = Int(end)
        }
        bits.finish()
        writer.raw(sizes.bytes)
        writer.lengthPrefixed(bits.bytes)
    }

    private static func append(
        _ list: ArraySlice<UInt32>, bound: Int, to bits: inout BitWriter
    ) {
        guard let first = list.first, let last = list.last else {
            preconditionFailure("BUG: a list is empty")
        }
        let count = list.count
        bits.append(gamma: count)
        bits.append(Int(first), below: bound - count + 1)
        guard count > 1 else { return }
        bits.append(
            Int(last) - Int(first) - count + 1, below: bound - Int(first) - count + 1)
        append(list.dropFirst().dropLast(), Int(first) + 1, Int(last) - 1, to: &bits)
    }

    /// The numbers of `list` lie in low...high.
    private static func append(
        _ list: ArraySlice<UInt32>, _ low: Int, _ high: Int, to bits: inout BitWriter
    ) {
        guard !list.isEmpty, high - low + 1 > list.count else { return }
        let before = list.count / 2
        let middle = list[list.startIndex + before]
        bits.append(Int(middle) - low - before, below: high - low + 2 - list.count)
        append(list.prefix(before), low, Int(middle) - 1, to: &bits)
        append(list.dropFirst(before + 1), Int(middle) + 1, high, to: &bits)
    }

    /// Reads `count` lists that `encode` wrote with the same bound.
    package init(
        _ reader: inout ByteReader, count: Int, bound: Int
    ) throws(EncodingError) {
        guard bound > 0, bound < 1 << 31 else {
            throw EncodingError.corrupt(what: "block bound", offset: reader.offset)
        }
        var starts = count > 0 ? [0] : []
        for _ in stride(from: BlockLists.groupCount, to: count, by: BlockLists.groupCount) {
            let place = starts.last ?? 0
            starts.append(place + (try reader.count(limit: Int(Int32.max))))
        }
        bits = Array(try reader.lengthPrefixed())
        guard starts.last ?? 0 <= 8 * bits.count else {
            throw EncodingError.corrupt(what: "block lists", offset: reader.offset)
        }
        self.count = count
        self.bound = bound
        self.starts = starts
    }

    /// Appends the numbers of list `index`.
    package func append(
        list index: Int, into numbers: inout [UInt32]
    ) throws(EncodingError) {
        precondition(index >= 0 && index < count, "no such list")
        let isSound = unsafe bits.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            let group = index / BlockLists.groupCount
            var reader = unsafe BitReader(base, byteCount: bytes.count, at: starts[group])
            var skipped: [UInt32] = []
            for _ in 0..<index % BlockLists.groupCount {
                guard read(&reader, into: &skipped, isWanted: false) else { return false }
            }
            return read(&reader, into: &numbers, isWanted: true)
        }
        guard isSound else { throw EncodingError.corrupt(what: "block list", offset: index) }
    }

    private func read(
        _ reader: inout BitReader, into numbers: inout [UInt32], isWanted: Bool
    ) -> Bool {
        let count = reader.takeGamma()
        guard count > 0, count <= bound else { return false }
        let first = reader.take(below: bound - count + 1)
        if count == 1 {
            if isWanted { numbers.append(UInt32(first)) }
            return !reader.isOver
        }
        let last = first + count - 1 + reader.take(below: bound - first - count + 1)
        if isWanted { numbers.append(UInt32(first)) }
        read(&reader, count: count - 2, first + 1, last - 1, into: &numbers, isWanted)
        if isWanted { numbers.append(UInt32(last)) }
        return !reader.isOver
    }

    /// `count` numbers that lie in low...high.
    private func read(
        _ reader: inout BitReader, count: Int, _ low: Int, _ high: Int,
        into numbers: inout [UInt32], _ isWanted: Bool
    ) {
        guard count > 0 else { return }
        if high - low + 1 == count {
            if isWanted { for number in low...high { numbers.append(UInt32(number)) } }
            return
        }
        let before = count / 2
        let middle = low + before + reader.take(below: high - low + 2 - count)
        read(&reader, count: before, low, middle - 1, into: &numbers, isWanted)
        if isWanted { numbers.append(UInt32(middle)) }
        read(&reader, count: count - before - 1, middle + 1, high, into: &numbers, isWanted)
    }
}
