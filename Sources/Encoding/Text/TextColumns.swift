internal import Glibc

/// The columns of a block of templates while it is decoded: all texts in one arena.
struct TextColumns {
    private var arena: [UInt8] = []
    /// Value k of column c is arena[places[c.base + k]..<places[c.base + k + 1]].
    private var places: [UInt32] = []
    private var bases: [(base: Int, isConstant: Bool)] = []
    private var texts: [Range<Int>] = []
    private let byteCountMax: Int

    /// `byteCountMax`: what the lines take together, so that no column can take more.
    init(byteCountMax: Int) {
        self.byteCountMax = byteCountMax
        arena.reserveCapacity(byteCountMax)
    }

    var textCount: Int { texts.count }
    var columnCount: Int { bases.count }

    /// Adds a fixed text of a template.
    mutating func addText(_ text: ArraySlice<UInt8>) {
        texts.append(arena.count..<arena.count + text.count)
        arena.append(contentsOf: text)
    }

    /// Reads a column of `count` texts.
    mutating func read(_ reader: inout ByteReader, count: Int) throws(EncodingError) {
        let base = places.count
        places.append(UInt32(arena.count))
        guard count > 0 else {
            bases.append((base, false))
            return
        }
        let offset = reader.offset
        guard let form = TextColumn.Form(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "column form", offset: offset)
        }
        bases.append((base, form == .constant))
        switch form {
        case .constant: try close(try reader.lengthPrefixed())
        case .numbers: try readNumbers(&reader, count, width: 0)
        case .wideNumbers:
            let width = try reader.count(limit: TextColumn.digitsMax)
            try readNumbers(&reader, count, width: width)
        case .hexadecimal:
            let width = try reader.count(limit: byteCountMax)
            guard width > 0, width % 2 == 0, width <= byteCountMax / count else {
                throw EncodingError.corrupt(what: "width", offset: reader.offset)
            }
            for _ in 0..<count {
                appendHex(try reader.slice(width / 2), dashed: false)
                places.append(UInt32(arena.count))
            }
        case .uuids:
            for _ in 0..<count {
                appendHex(try reader.slice(16), dashed: true)
                places.append(UInt32(arena.count))
            }
        case .terminated: try readTerminated(&reader, count)
        case .counted:
            var counts: [Int] = []
            for _ in 0..<count { counts.append(try reader.count(limit: byteCountMax)) }
            for length in counts { try close(try reader.slice(length)) }
        case .few:
            let distinct = try reader.count(limit: 256)
            var values: [ArraySlice<UInt8>] = []
            for _ in 0..<distinct { values.append(try reader.lengthPrefixed()) }
            for code in try reader.slice(count) {
                guard Int(code) < distinct else {
                    throw EncodingError.corrupt(what: "column code", offset: reader.offset)
                }
                try close(values[Int(code)])
            }
        }
        guard arena.count <= 4 * byteCountMax + (1 << 20) else {
            throw EncodingError.tooLarge(limit: byteCountMax)
        }
    }

    /// Appends one value.
    private mutating func close(_ text: ArraySlice<UInt8>) throws(EncodingError) {
        guard arena.count + text.count <= 4 * byteCountMax + (1 << 20) else {
            throw EncodingError.tooLarge(limit: byteCountMax)
        }
        arena.append(contentsOf: text)
        places.append(UInt32(arena.count))
    }

    private mutating func readNumbers(
        _ reader: inout ByteReader, _ count: Int, width: Int
    ) throws(EncodingError) {
        var values: [Int64] = []
        try IntegerCodec.decode(&reader, count: count, into: &values)
        for value in values {
            guard value >= 0 else {
                throw EncodingError.corrupt(what: "number", offset: reader.offset)
            }
            appendDecimal(UInt64(value), width: width)
            places.append(UInt32(arena.count))
        }
    }

    private mutating func appendDecimal(_ value: UInt64, width: Int) {
        let start = arena.count
        var rest = value
        repeat {
            arena.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        while arena.count - start < width { arena.append(0x30) }
        arena[start...].reverse()
    }

    private mutating func appendHex(_ bytes: ArraySlice<UInt8>, dashed: Bool) {
        for (index, byte) in bytes.enumerated() {
            if dashed, index == 4 || index == 6 || index == 8 || index == 10 { arena.append(0x2D) }
            for nibble in [byte >> 4, byte & 15] {
                arena.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
            }
        }
    }

    private mutating func readTerminated(
        _ reader: inout ByteReader, _ count: Int
    ) throws(EncodingError) {
        let terminator = try reader.u8()
        let rest = reader.rest
        var at = rest.startIndex
        for _ in 0..<count {
            guard let end = rest[at...].firstIndex(of: terminator) else {
                throw EncodingError.truncated(offset: reader.offset)
            }
            try close(rest[at..<end])
            at = end + 1
        }
        try reader.skip(at - rest.startIndex)
    }

    /// Puts the lines together.
    func join(
        _ start: [LineTemplates.Template], _ numbers: [UInt16], rawBytes: Int
    ) throws(EncodingError) -> (bytes: [UInt8], lineEnds: [UInt32]) {
        var templates = start
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rawBytes)
        var ends: [UInt32] = []
        ends.reserveCapacity(numbers.count)
        for number in numbers.map({ Int($0) }) {
            let template = templates[number]
            templates[number].next += 1
            for slot in 0..<template.slotCount {
                bytes.append(contentsOf: arena[texts[template.firstText + slot]])
                let column = bases[template.firstColumn + slot]
                let place = column.base + (column.isConstant ? 0 : template.next)
                bytes.append(contentsOf: arena[Int(places[place])..<Int(places[place + 1])])
            }
            bytes.append(contentsOf: arena[texts[template.firstText + template.slotCount]])
            guard bytes.count <= rawBytes else { throw EncodingError.tooLarge(limit: rawBytes) }
            ends.append(UInt32(bytes.count))
        }
        guard bytes.count == rawBytes else {
            throw EncodingError.corrupt(what: "lines", offset: 0)
        }
        return (bytes, ends)
    }
}
