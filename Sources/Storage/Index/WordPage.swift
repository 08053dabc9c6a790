internal import Encoding
internal import Model

/// A run of sorted words of one kind (and, if they are numbers, of one length), each with the
/// blocks that hold it: one row of a log segment's index, and what is kept of it decoded.
///
///     u32 CRC-32C of what follows │ u8 kind │ u8 digits │ varint count │ words │ block lists
///
/// words: numbers as integers (`IntegerCodec`); of texts what each shares with the one before, its
/// further bytes, and these bytes, as `EntropyBytes` each. Format: docs/format/index.md.
final class WordPage: Sendable {
    let kind: WordKind
    let length: Int
    let count: Int
    private let numbers: [UInt64]
    /// Words of a page of texts, each followed by a zero; word i begins at starts[i].
    private let text: [UInt8]
    private let starts: [UInt32]
    private let lists: BlockLists

    /// Checks and decodes a row. `blockCount`: of the segment.
    init(_ row: [UInt8], blockCount: Int) throws(EncodingError) {
        var reader = ByteReader(row)
        let expected = try reader.u32()
        guard CRC32C.checksum(of: reader.rest) == expected else {
            throw EncodingError.corrupt(what: "page checksum", offset: 0)
        }
        guard let kind = WordKind(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "kind of words", offset: 4)
        }
        let length = Int(try reader.u8())
        let count = try reader.count(limit: StorageLimits.wordsPerPage)
        guard (kind == .text) == (length == 0), length <= WordKind.digitsMax else {
            throw EncodingError.corrupt(what: "length of words", offset: 5)
        }
        self.kind = kind
        self.length = length
        self.count = count
        if kind == .text {
            (text, starts) = try WordPage.readTexts(&reader, count: count)
            numbers = []
        } else {
            numbers = try WordPage.readNumbers(&reader, kind, count: count)
            text = []
            starts = []
        }
        lists = try BlockLists(&reader, count: count, bound: max(1, blockCount))
    }

    /// Bytes of memory, about.
    var byteCount: Int {
        8 * numbers.count + text.count + 4 * starts.count + lists.byteCount + 200
    }

    /// Calls `body` with the blocks of every word that holds the needle.
    func forEachList(
        holding needle: TokenNeedle, _ digits: DigitSearch?, _ body: ([UInt32]) -> Void
    ) throws(EncodingError) {
        let places =
            kind == .text
            ? textPlaces(holding: needle) : digits?.places(in: numbers, length: length) ?? []
        var blocks: [UInt32] = []
        for place in places {
            blocks.removeAll(keepingCapacity: true)
            try lists.append(list: place, into: &blocks)
            body(blocks)
        }
    }

    private func textPlaces(holding needle: TokenNeedle) -> [Int] {
        let scan = Needle(
            (needle.isWholeAtStart ? [0] : []) + needle.text + (needle.isWholeAtEnd ? [0] : []))
        var places: [Int] = []
        var at = 0
        // The text begins with a zero too, so that a whole word can be found there.
        while let hit = scan.find(in: text, from: at, to: text.count) {
            let place = self.place(of: needle.isWholeAtStart ? hit + 1 : hit)
            places.append(place)
            // On with the next word, from the zero before it.
            guard place + 1 < count else { break }
            at = Int(starts[place + 1]) - 1
        }
        return places
    }

    /// The word whose bytes are at `offset`.
    private func place(of offset: Int) -> Int {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if Int(starts[middle]) <= offset { low = middle } else { high = middle }
        }
        return low
    }

    // MARK: Rows

    /// The row for words `range` of a group.
    static func row(
        _ group: WordGroup, _ range: Range<Int>, blockCount: Int
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.u32(0)
        writer.u8(group.kind.rawValue)
        writer.u8(UInt8(group.length))
        writer.varint(UInt64(range.count))
        switch group.kind {
        case .text: appendTexts(group, range, to: &writer)
        case .decimal:
            IntegerCodec.encode(
                group.numbers[range].map(DigitSearch.value(ofDecimal:)), tier: .dense,
                into: &writer)
        case .hexadecimal:
            IntegerCodec.encode(
                group.numbers[range].map { Int64(bitPattern: $0) }, tier: .dense, into: &writer)
        }
        let first = range.lowerBound == 0 ? 0 : Int(group.blockEnds[range.lowerBound - 1])
        let last = range.isEmpty ? first : Int(group.blockEnds[range.upperBound - 1])
        BlockLists.encode(
            Array(group.blocks[first..<last]),
            ends: group.blockEnds[range].map { $0 - UInt32(first) }, bound: max(1, blockCount),
            into: &writer)
        writer.patch(u32: CRC32C.checksum(of: writer.bytes[4...]), at: 0)
        return writer.bytes
    }

    private static func appendTexts(
        _ group: WordGroup, _ range: Range<Int>, to writer: inout ByteWriter
    ) {
        var shared: [UInt8] = []
        var further: [UInt8] = []
        var bytes: [UInt8] = []
        var previous: ArraySlice<UInt8> = []
        for index in range {
            let word = group.word(index)
            var same = 0
            while same < min(word.count, previous.count, 255),
                word[word.startIndex + same] == previous[previous.startIndex + same]
            {
                same += 1
            }
            shared.append(UInt8(same))
            Varint.append(UInt64(word.count - same), to: &further)
            bytes += word.dropFirst(same)
            previous = word
        }
        for column in [shared, further, bytes] { EntropyBytes.encode(column, into: &writer) }
    }

    private static func readTexts(
        _ reader: inout ByteReader, count: Int
    ) throws(EncodingError) -> (text: [UInt8], starts: [UInt32]) {
        let wordMax = StorageLimits.tokenBytesMax
        let shared = try EntropyBytes.decode(&reader, limit: count)
        let lengths = try EntropyBytes.decode(&reader, limit: 2 * count)
        let bytes = try EntropyBytes.decode(&reader, limit: wordMax * count)
        guard shared.count == count else {
            throw EncodingError.corrupt(what: "shared bytes", offset: reader.offset)
        }
        return try FrontCoding.keys(
            shared: shared, further: lengths, bytes: bytes, keyBytesMax: wordMax)
    }

    private static func readNumbers(
        _ reader: inout ByteReader, _ kind: WordKind, count: Int
    ) throws(EncodingError) -> [UInt64] {
        var values: [Int64] = []
        try IntegerCodec.decode(&reader, count: count, into: &values)
        guard kind == .decimal else { return values.map { UInt64(bitPattern: $0) } }
        return values.map(DigitSearch.digits(ofValue:))
    }
}

extension WordGroup {
    /// Word `index` of a group of texts.
    func word(_ index: Int) -> ArraySlice<UInt8> {
        text[(index == 0 ? 0 : Int(textEnds[index - 1]))..<Int(textEnds[index])]
    }

    /// By what pages of one kind and length are told apart, and ascend.
    func first(_ index: Int) -> [UInt8] {
        guard kind != .text else { return Array(word(index)) }
        var bytes: [UInt8] = []
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: numbers[index] >> shift))
        }
        return bytes
    }
}
