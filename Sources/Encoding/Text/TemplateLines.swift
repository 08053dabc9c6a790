/// Memory that blocks of templates are read in, one after the other.
package struct TemplateMemory: Sendable {
    var arena: [UInt8] = []
    var values: [TextColumns.Place] = []

    package init() {}
}

/// A block of `LineTemplates` that is read as far as a search needs it: which lines may hold a text
/// is told by the templates and by few columns; only lines that are asked for are put together, from
/// the columns of their templates.
package struct TemplateLines: Sendable {
    var columns: TextColumns
    var templates: [LineTemplates.Template] = []
    /// Of line i: its template, and how many lines of it came before.
    private var numbers: [UInt16] = []
    private var ordinals: [UInt32] = []
    private let rawBytes: Int
    /// From the first column on.
    private(set) var content: ArraySlice<UInt8> = []
    /// Where each column is; empty until somebody asks.
    private(set) var places: [ColumnPlace] = []

    /// Where a column lies in `content`, from its form byte on. A column of no values has no form.
    struct ColumnPlace {
        var form: TextColumn.Form?
        var range: Range<Int>
        /// Digits of each value of a column of hexadecimal numbers.
        var width: Int
    }

    /// Reads templates and which line has which; `lineCount` lines of together `rawBytes` bytes:
    /// both known from elsewhere. `reader` stands before the first column then. `memory`: of a block
    /// that is done with.
    package init(
        _ reader: inout ByteReader, lineCount: Int, rawBytes: Int,
        memory: consuming TemplateMemory = TemplateMemory()
    ) throws(EncodingError) {
        self.rawBytes = rawBytes
        columns = TextColumns(byteCountMax: rawBytes, memory: memory)
        let count = try reader.count(limit: LineTemplates.templatesMax)
        guard count > 0 else {
            throw EncodingError.corrupt(what: "templates", offset: reader.offset)
        }
        var columnCount = 0
        let textStart = reader.offset
        let texts = reader.rest
        for _ in 0..<count {
            let slots = try reader.count(limit: reader.remaining)
            templates.append(
                LineTemplates.Template(
                    firstText: columns.textCount, firstColumn: columnCount, slotCount: slots))
            columnCount += slots
            try columns.addTexts(&reader, count: slots + 1, from: textStart)
        }
        try columns.place(texts: texts.prefix(reader.offset - textStart))
        columns.expect(columns: columnCount)
        try readNumbers(&reader, lineCount)
        content = reader.rest
    }

    private mutating func readNumbers(
        _ reader: inout ByteReader, _ lineCount: Int
    ) throws(EncodingError) {
        let count = templates.count
        let isWide = count > 256
        let codes = try reader.slice(isWide ? 2 * lineCount : lineCount)
        var lineCounts = [UInt32](repeating: 0, count: count)
        var isSound = true
        numbers = [UInt16](repeating: 0, count: lineCount)
        ordinals = [UInt32](repeating: 0, count: lineCount)
        var at = codes.startIndex
        for line in 0..<lineCount {
            let number = isWide ? Int(codes[at]) | Int(codes[at + 1]) << 8 : Int(codes[at])
            at += isWide ? 2 : 1
            guard number < count else {
                isSound = false
                break
            }
            numbers[line] = UInt16(truncatingIfNeeded: number)
            ordinals[line] = lineCounts[number]
            lineCounts[number] &+= 1
        }
        guard isSound else {
            throw EncodingError.corrupt(what: "template number", offset: reader.offset)
        }
        for number in 0..<count { templates[number].lineCount = Int(lineCounts[number]) }
    }

    /// All lines, read from where `init` left the reader.
    mutating func all(
        _ reader: inout ByteReader
    ) throws(EncodingError) -> (bytes: [UInt8], lineEnds: [UInt32]) {
        for template in templates {
            for slot in 0..<template.slotCount {
                try columns.read(
                    &reader, column: template.firstColumn + slot, count: template.lineCount)
            }
        }
        let lines = try columns.join(templates, numbers, ordinals, expecting: rawBytes)
        guard lines.bytes.count == rawBytes else {
            throw EncodingError.corrupt(what: "lines", offset: 0)
        }
        return lines
    }

    /// All lines. Instead of a search, not after one.
    package mutating func all() throws(EncodingError) -> (bytes: [UInt8], lineEnds: [UInt32]) {
        var reader = ByteReader(content)
        return try all(&reader)
    }

    /// Gives the memory away, to the next block; there are no lines any more.
    package mutating func takeMemory() -> TemplateMemory { columns.takeMemory() }

    /// The lines `rows`, in that order.
    package mutating func lines(
        _ rows: [UInt32]
    ) throws(EncodingError) -> (bytes: [UInt8], lineEnds: [UInt32]) {
        try locate()
        var wanted: [UInt16] = []
        var wantedOrdinals: [UInt32] = []
        wanted.reserveCapacity(rows.count)
        wantedOrdinals.reserveCapacity(rows.count)
        var isRead = [Bool](repeating: false, count: templates.count)
        for row in rows {
            let number = Int(numbers[Int(row)])
            wanted.append(numbers[Int(row)])
            wantedOrdinals.append(ordinals[Int(row)])
            guard !isRead[number] else { continue }
            isRead[number] = true
            let template = templates[number]
            for slot in 0..<template.slotCount {
                try read(template.firstColumn + slot, count: template.lineCount)
            }
        }
        let share = rawBytes / max(1, numbers.count) * rows.count
        return try columns.join(
            templates, wanted, wantedOrdinals, expecting: share + share / 2 + 4_096)
    }

    /// The lines, ascending, that may hold at least one text of each list: all that do, and some of
    /// those in which a text would lie across a value and what stands beside it.
    package mutating func rows(
        holding conditions: [[Needle]]
    ) throws(EncodingError) -> [UInt32] {
        try locate()
        var firstLines: [Int] = []
        var total = 0
        for template in templates {
            firstLines.append(total)
            total += template.lineCount
        }
        // Of the lines by template.
        var marks = [Bool](repeating: true, count: total)
        for needles in conditions {
            var search = TemplateSearch(lineCount: total, firstLines: firstLines)
            for needle in needles { try search.mark(needle, &self) }
            for index in 0..<total where !search.marks[index] { marks[index] = false }
        }
        var rows: [UInt32] = []
        for row in numbers.indices
        where marks[firstLines[Int(numbers[row])] + Int(ordinals[row])] {
            rows.append(UInt32(row))
        }
        return rows
    }

    /// Reads a column unless it has been.
    mutating func read(_ column: Int, count: Int) throws(EncodingError) {
        guard !columns.isRead(column) else { return }
        let range = places[column].range
        let start = content.startIndex
        var reader = ByteReader(content[start + range.lowerBound..<start + range.upperBound])
        try columns.read(&reader, column: column, count: count)
    }

    // MARK: Places

    private mutating func locate() throws(EncodingError) {
        guard places.isEmpty else { return }
        var reader = ByteReader(content)
        for template in templates {
            for _ in 0..<template.slotCount {
                places.append(try place(&reader, count: template.lineCount))
            }
        }
    }

    /// Passes over a column of `count` values.
    private func place(
        _ reader: inout ByteReader, count: Int
    ) throws(EncodingError) -> ColumnPlace {
        let start = reader.offset
        guard count > 0 else { return ColumnPlace(range: start..<start, width: 0) }
        guard let form = TextColumn.Form(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "column form", offset: start)
        }
        var width = 0
        switch form {
        case .constant: _ = try reader.lengthPrefixed()
        case .numbers: try IntegerCodec.skip(&reader, count: count)
        case .wideNumbers:
            _ = try reader.varint()
            try IntegerCodec.skip(&reader, count: count)
        case .hexadecimal:
            width = try reader.count(limit: rawBytes)
            try reader.skip(width / 2 * count)
        case .uuids:
            width = 36
            try reader.skip(16 * count)
        case .terminated:
            let terminator = try reader.u8()
            let used = ByteScan.count(through: count, of: terminator, in: reader.rest)
            guard let used else { throw EncodingError.truncated(offset: reader.offset) }
            try reader.skip(used)
        case .counted:
            var total = 0
            for _ in 0..<count { total += try reader.count(limit: rawBytes) }
            try reader.skip(total)
        case .few:
            for _ in 0..<(try reader.count(limit: 256)) { _ = try reader.lengthPrefixed() }
            try reader.skip(count)
        }
        return ColumnPlace(form: form, range: start..<reader.offset, width: width)
    }
}
