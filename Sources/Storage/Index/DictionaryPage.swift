internal import Encoding

/// A run of sorted keys, each with its postings, as one row of an index file: the shape of the
/// label dictionary and of the token dictionary.
///
///     u32 CRC-32C of what follows │ varint bytes when expanded │ LZ4 of:
///     varint count │ keys, front-coded │ per key: varint 2·count+form │ ordinals
///
/// form 0: ascending ordinals as varint deltas (the first plus one, so that it is never zero);
/// form 1: varint first │ varint words │ u64 bitmap from the first on. The smaller is taken.
struct DictionaryPage {
    /// Keys in `arena`, each followed by the separator when one was asked for.
    private(set) var arena: [UInt8] = []
    private(set) var ends: [UInt32] = []
    private var postings: ArraySlice<UInt8> = []

    var count: Int { ends.count }

    /// Expands a row. `separator` is put behind each key.
    init(_ row: [UInt8], separator: UInt8? = nil) throws(EncodingError) {
        let content = try DictionaryPage.expand(row)
        var reader = ByteReader(content)
        let count = try reader.count(limit: content.count)
        arena.reserveCapacity(2 * content.count)
        try FrontCoding.decode(
            &reader, count: count, separator: separator, into: &arena, ends: &ends,
            limit: StorageLimits.dictionaryPageBytesMax)
        postings = reader.rest
    }

    /// The bytes of key `index`, separator included.
    func range(_ index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    /// Calls `body` with each key for which `isWanted`, and its ordinals, in order.
    func forEach(
        where isWanted: (Int) -> Bool, _ body: (Int, [UInt32]) -> Void
    ) throws(EncodingError) {
        var reader = ByteReader(postings)
        var ordinals: [UInt32] = []
        for index in 0..<count {
            guard isWanted(index) else {
                try DictionaryPage.skipPostings(&reader)
                continue
            }
            ordinals.removeAll(keepingCapacity: true)
            try DictionaryPage.readPostings(&reader, into: &ordinals)
            body(index, ordinals)
        }
    }

    /// Calls `body` with the places in `candidates`, which ascend, of ordinals that a key for which
    /// `isWanted` has; several times for one that several have.
    func forEach(
        where isWanted: (Int) -> Bool, among candidates: [UInt32], _ body: (Int) -> Void
    ) throws(EncodingError) {
        var reader = ByteReader(postings)
        for index in 0..<count {
            if isWanted(index) {
                try DictionaryPage.matchPostings(&reader, candidates, body)
            } else {
                try DictionaryPage.skipPostings(&reader)
            }
        }
    }

    /// The key's place when it is here. The keys carry no separator.
    func find(_ key: [UInt8]) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if arena[range(middle)].lexicographicallyPrecedes(key) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < count && arena[range(low)].elementsEqual(key) ? low : nil
    }

    /// Checks and expands what `seal` made.
    static func expand(_ row: [UInt8]) throws(EncodingError) -> [UInt8] {
        var reader = ByteReader(row)
        let expected = try reader.u32()
        guard CRC32C.checksum(of: reader.rest) == expected else {
            throw EncodingError.corrupt(what: "page checksum", offset: 0)
        }
        let count = try reader.count(limit: StorageLimits.dictionaryPageBytesMax)
        var content: [UInt8] = []
        try LZ4Block.decompress(reader.rest, into: &content, count: count)
        return content
    }

    /// Compresses and checksums a page's content.
    static func seal(_ content: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reserving: content.count / 2)
        writer.u32(0)
        writer.varint(UInt64(content.count))
        writer.raw(LZ4Block.compress(content, level: .high))
        writer.patch(u32: CRC32C.checksum(of: writer.bytes[4...]), at: 0)
        return writer.bytes
    }

    /// Appends a list of ordinals, ascending, each once.
    static func append(postings: [UInt32], to writer: inout ByteWriter) {
        var deltas = 0
        var previous: Int64 = -1
        for ordinal in postings {
            deltas += Varint.byteCount(UInt64(Int64(ordinal) - previous))
            previous = Int64(ordinal)
        }
        let first = postings.first ?? 0
        let words = (Int((postings.last ?? 0) - first) + 64) / 64
        if words * 8 + 3 < deltas {
            writer.varint(UInt64(postings.count) * 2 + 1)
            writer.varint(UInt64(first))
            writer.varint(UInt64(words))
            var bitmap = [UInt64](repeating: 0, count: words)
            for ordinal in postings {
                bitmap[Int((ordinal - first) >> 6)] |= 1 << UInt64((ordinal - first) & 63)
            }
            writer.column(bitmap)
            return
        }
        writer.varint(UInt64(postings.count) * 2)
        previous = -1
        for ordinal in postings {
            writer.varint(UInt64(Int64(ordinal) - previous))
            previous = Int64(ordinal)
        }
    }

    /// Reads a list that `append` wrote.
    static func readPostings(
        _ reader: inout ByteReader, into ordinals: inout [UInt32]
    ) throws(EncodingError) {
        switch try form(&reader) {
        case .bitmap(let first, let words):
            for (index, word) in try bitmap(words, &reader).enumerated() {
                var rest = word
                while rest != 0 {
                    let bit = UInt64(index * 64 + rest.trailingZeroBitCount)
                    ordinals.append(UInt32(truncatingIfNeeded: first + bit))
                    rest &= rest - 1
                }
            }
        case .differences(let count):
            try reader.sums(count: count, from: -1, limit: Int64(UInt32.max)) {
                ordinals.append(UInt32($0))
            }
        }
    }

    /// Calls `body` with the places in `candidates`, which ascend, of the ordinals in the list.
    private static func matchPostings(
        _ reader: inout ByteReader, _ candidates: [UInt32], _ body: (Int) -> Void
    ) throws(EncodingError) {
        switch try form(&reader) {
        case .bitmap(let first, let words):
            let bits = try bitmap(words, &reader)
            for (place, ordinal) in candidates.enumerated() where UInt64(ordinal) >= first {
                let bit = UInt64(ordinal) - first
                guard bit < UInt64(words) * 64 else { break }
                if bits[Int(bit >> 6)] & (1 << (bit & 63)) != 0 { body(place) }
            }
        case .differences(let count):
            var place = 0
            try reader.sums(count: count, from: -1, limit: Int64(UInt32.max)) { ordinal in
                while place < candidates.count, Int64(candidates[place]) < ordinal { place += 1 }
                if place < candidates.count, Int64(candidates[place]) == ordinal { body(place) }
            }
        }
    }

    private static func skipPostings(_ reader: inout ByteReader) throws(EncodingError) {
        switch try form(&reader) {
        case .bitmap(_, let words): try reader.skip(words * 8)
        case .differences(let count): try reader.skipVarints(count: count)
        }
    }

    private enum Form {
        case bitmap(first: UInt64, words: Int)
        case differences(count: Int)
    }

    /// The head of a list.
    private static func form(_ reader: inout ByteReader) throws(EncodingError) -> Form {
        let head = try reader.varint()
        if head & 1 == 1 {
            let first = try reader.varint()
            let words = try reader.count(limit: reader.remaining / 8)
            guard first <= UInt64(UInt32.max), first + UInt64(words) * 64 <= UInt64(UInt32.max) + 64
            else {
                throw EncodingError.corrupt(what: "postings bitmap", offset: reader.offset)
            }
            return .bitmap(first: first, words: words)
        }
        guard head >> 1 <= UInt64(reader.remaining) else {
            throw EncodingError.truncated(offset: reader.offset)
        }
        return .differences(count: Int(head >> 1))
    }

    private static func bitmap(
        _ words: Int, _ reader: inout ByteReader
    ) throws(EncodingError) -> [UInt64] {
        var bits: [UInt64] = []
        try reader.column(count: words, into: &bits)
        return bits
    }
}

/// Cuts sorted keys into pages.
struct DictionaryPageWriter {
    private var keys: [UInt8] = []
    private var lists = ByteWriter()
    private var count = 0
    private var first: [UInt8] = []
    private var previous: [UInt8] = []
    /// Finished pages: the first key of each, and the row.
    private(set) var pages: [(first: [UInt8], row: [UInt8])] = []

    /// Adds a key, which is greater than the one before, with its ordinals.
    mutating func add(_ key: ArraySlice<UInt8>, _ postings: [UInt32]) {
        if count == 0 { first = Array(key) }
        FrontCoding.append(key, after: previous[...], to: &keys)
        DictionaryPage.append(postings: postings, to: &lists)
        previous = Array(key)
        count += 1
        if keys.count + lists.count >= StorageLimits.dictionaryPageBytes { closePage() }
    }

    /// All pages.
    mutating func finish() -> [(first: [UInt8], row: [UInt8])] {
        closePage()
        return pages
    }

    private mutating func closePage() {
        guard count > 0 else { return }
        var content = ByteWriter(reserving: keys.count + lists.count + 4)
        content.varint(UInt64(count))
        content.raw(keys)
        content.raw(lists.bytes)
        pages.append((first, DictionaryPage.seal(content.bytes)))
        keys.removeAll(keepingCapacity: true)
        lists.removeAll()
        previous = []
        count = 0
    }
}
