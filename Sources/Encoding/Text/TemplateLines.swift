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

    /// The lines `rows`, ascending. The last that is asked of a block.
    package mutating func lines(
        _ rows: [UInt32]
    ) throws(EncodingError) -> (bytes: [UInt8], lineEnds: [UInt32]) {
        try locate()
        let wanted = WantedLines(rows, numbers, ordinals, templateCount: templates.count)
        for (number, template) in templates.enumerated() {
            let own = wanted.ordinals(ofTemplate: number)
            guard !own.isEmpty else { continue }
            for column in template.firstColumn..<template.firstColumn + template.slotCount {
                if columns.isRead(column) {
                    columns.pick(column, own)
                } else {
                    try read(column, count: template.lineCount, wanted: own)
                }
            }
        }
        let share = rawBytes / max(1, numbers.count) * rows.count
        return try columns.join(
            templates, wanted.numbers, wanted.places, expecting: share + share / 2 + 4_096)
    }

    /// Lines of a block by template.
    private struct WantedLines {
        /// Of each line: its template, and its place among the template's that are wanted.
        var numbers: [UInt16] = []
        var places: [UInt32] = []
        /// By template, then ascending.
        private var ordinals: [UInt32]
        /// Where each template's begin in `ordinals`, and where the last ends.
        private var starts: [Int]

        init(
            _ rows: [UInt32], _ numbers: [UInt16], _ ordinals: [UInt32], templateCount: Int
        ) {
            var counts = [UInt32](repeating: 0, count: templateCount)
            self.numbers.reserveCapacity(rows.count)
            places.reserveCapacity(rows.count)
            for row in rows {
                let number = numbers[Int(row)]
                self.numbers.append(number)
                places.append(counts[Int(number)])
                counts[Int(number)] += 1
            }
            starts = [0]
            for count in counts { starts.append(starts[starts.count - 1] + Int(count)) }
            self.ordinals = [UInt32](repeating: 0, count: rows.count)
            for (index, row) in rows.enumerated() {
                let start = starts[Int(self.numbers[index])]
                self.ordinals[start + Int(places[index])] = ordinals[Int(row)]
            }
        }

        func ordinals(ofTemplate number: Int) -> ArraySlice<UInt32> {
            ordinals[starts[number]..<starts[number + 1]]
        }
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

    /// Reads a column, or the values `wanted` of it, unless it has been read.
    mutating func read(
        _ column: Int, count: Int, wanted: ArraySlice<UInt32>? = nil
    ) throws(EncodingError) {
        guard !columns.isRead(column) else { return }
        let range = places[column].range
        let start = content.startIndex
        var reader = ByteReader(content[start + range.lowerBound..<start + range.upperBound])
        // All of them, in order: no need to pick.
        try columns.read(
            &reader, column: column, count: count, wanted: wanted?.count == count ? nil : wanted)
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
