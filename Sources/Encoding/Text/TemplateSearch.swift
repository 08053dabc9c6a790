/// Marks the lines of a block of templates that may hold a text. Where the text lies within a
/// template's own text, all lines of it do; within a value, the line of that value; across both,
/// all lines of the template are marked when the bytes beside the value allow it.
struct TemplateSearch {
    /// Of each line, by template, then in order.
    private(set) var marks: [Bool]
    /// Of each template: where its lines begin in `marks`.
    private let firstLines: [Int]

    init(lineCount: Int, firstLines: [Int]) {
        marks = [Bool](repeating: false, count: lineCount)
        self.firstLines = firstLines
    }

    /// Marks lines that may hold `needle`, in addition to those that are marked.
    mutating func mark(
        _ needle: Needle, _ lines: inout TemplateLines
    ) throws(EncodingError) {
        guard !needle.bytes.isEmpty else {
            marks = [Bool](repeating: true, count: marks.count)
            return
        }
        var isWhole = [Bool](repeating: false, count: lines.templates.count)
        markTexts(holding: needle, lines, &isWhole)
        let crossing = NeedleCrossing(needle)
        for (number, template) in lines.templates.enumerated()
        where !isWhole[number] && template.lineCount > 0 {
            isWhole[number] = crossing.isPossible(in: template, lines)
        }
        for (number, template) in lines.templates.enumerated() where isWhole[number] {
            markAll(number, template)
        }
        try markNumbers(crossing, isWhole, &lines)
        try markValues(needle, isWhole, &lines)
    }

    private mutating func markAll(_ number: Int, _ template: LineTemplates.Template) {
        for line in 0..<template.lineCount { marks[firstLines[number] + line] = true }
    }

    /// Templates whose own text holds the needle.
    private func markTexts(
        holding needle: Needle, _ lines: TemplateLines, _ isWhole: inout [Bool]
    ) {
        lines.columns.forEachText(holding: needle) { text in
            let number = TemplateSearch.last(lines.templates.count) {
                lines.templates[$0].firstText <= text
            }
            isWhole[number] = true
        }
    }

    /// Values of digits, when the needle is of digits.
    private mutating func markNumbers(
        _ crossing: NeedleCrossing, _ isWhole: [Bool], _ lines: inout TemplateLines
    ) throws(EncodingError) {
        guard crossing.isAllDigits || crossing.isAllHex || crossing.isAllDashedHex else { return }
        let needle = crossing.needle
        for number in lines.templates.indices where !isWhole[number] {
            let template = lines.templates[number]
            let columns = template.firstColumn..<template.firstColumn + template.slotCount
            for column in columns {
                let place = lines.places[column]
                switch place.form {
                case .numbers, .wideNumbers: guard crossing.isAllDigits else { continue }
                case .hexadecimal:
                    guard crossing.isAllHex, needle.bytes.count <= place.width else { continue }
                case .uuids:
                    guard crossing.isAllDashedHex, needle.bytes.count <= place.width else {
                        continue
                    }
                default: continue
                }
                try lines.read(column, count: template.lineCount)
                markHits(needle, number, column, template.lineCount, lines)
            }
        }
    }

    /// Values that are stored as they are: all columns are searched as one.
    private mutating func markValues(
        _ needle: Needle, _ isWhole: [Bool], _ lines: inout TemplateLines
    ) throws(EncodingError) {
        var from = 0
        while let hit = needle.find(in: lines.content, from: from) {
            guard let end = lines.places.last?.range.upperBound, hit < end else { return }
            let column = TemplateSearch.last(lines.places.count) {
                lines.places[$0].range.lowerBound <= hit
            }
            // Once found in a column, all of it is looked at.
            let place = lines.places[column]
            from = max(hit + 1, place.range.upperBound)
            let number = TemplateSearch.last(lines.templates.count) {
                lines.templates[$0].firstColumn <= column
            }
            guard !isWhole[number] else { continue }
            let template = lines.templates[number]
            switch place.form {
            case nil, .numbers, .wideNumbers, .hexadecimal, .uuids: continue
            case .constant: markAll(number, template)
            case .few: try markFew(needle, number, place, template.lineCount, lines)
            case .terminated, .counted:
                try lines.read(column, count: template.lineCount)
                markHits(needle, number, column, template.lineCount, lines)
            }
        }
    }

    private mutating func markHits(
        _ needle: Needle, _ number: Int, _ column: Int, _ count: Int, _ lines: TemplateLines
    ) {
        let first = firstLines[number]
        lines.columns.forEachValue(ofColumn: column, count: count, holding: needle) {
            marks[first + $0] = true
        }
    }

    private mutating func markFew(
        _ needle: Needle, _ number: Int, _ place: TemplateLines.ColumnPlace, _ count: Int,
        _ lines: TemplateLines
    ) throws(EncodingError) {
        let start = lines.content.startIndex
        var reader = ByteReader(
            lines.content[start + place.range.lowerBound..<start + place.range.upperBound])
        try reader.skip(1)
        var holds: [Bool] = []
        for _ in 0..<(try reader.count(limit: 256)) {
            holds.append(needle.find(in: try reader.lengthPrefixed(), from: 0) != nil)
        }
        for (line, code) in try reader.slice(count).enumerated()
        where Int(code) < holds.count && holds[Int(code)] {
            marks[firstLines[number] + line] = true
        }
    }

    /// The last of `count` for which `isBefore` holds: it does for the first, and for none after
    /// one for which it does not.
    private static func last(_ count: Int, _ isBefore: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while high - low > 1 {
            let middle = (low + high) / 2
            if isBefore(middle) { low = middle } else { high = middle }
        }
        return low
    }
}

/// Whether a text may lie across a value and the text of the template beside it.
struct NeedleCrossing {
    let needle: Needle
    /// Of each byte of the needle: whether a value of digits, of hexadecimal digits, or of these
    /// with dashes, may hold it.
    private let digits: [Bool]
    private let hexes: [Bool]
    private let dashed: [Bool]

    /// Of each byte: whether the needle has it, in either case when that does not matter.
    private let isInNeedle: [Bool]
    let isAllDigits: Bool
    let isAllHex: Bool
    let isAllDashedHex: Bool
    private let hasDigit: Bool
    private let hasHex: Bool
    private let hasDashedHex: Bool

    init(_ needle: Needle) {
        self.needle = needle
        var isInNeedle = [Bool](repeating: false, count: 256)
        for byte in needle.bytes {
            isInNeedle[Int(byte)] = true
            if needle.ignoresCase, byte &- 0x61 < 26 { isInNeedle[Int(byte & 0xDF)] = true }
        }
        self.isInNeedle = isInNeedle
        digits = needle.bytes.map { $0 &- 0x30 < 10 }
        hexes = needle.bytes.map { $0 &- 0x30 < 10 || $0 &- 0x61 < 6 }
        dashed = needle.bytes.map { $0 &- 0x30 < 10 || $0 &- 0x61 < 6 || $0 == 0x2D }
        isAllDigits = digits.allSatisfy { $0 }
        isAllHex = hexes.allSatisfy { $0 }
        isAllDashedHex = dashed.allSatisfy { $0 }
        hasDigit = digits.contains(true)
        hasHex = hexes.contains(true)
        hasDashedHex = dashed.contains(true)
    }

    func isPossible(in template: LineTemplates.Template, _ lines: TemplateLines) -> Bool {
        for slot in 0..<template.slotCount {
            let form = lines.places[template.firstColumn + slot].form
            switch form {
            case .numbers, .wideNumbers: guard hasDigit else { continue }
            case .hexadecimal: guard hasHex else { continue }
            case .uuids: guard hasDashedHex else { continue }
            case nil, .constant, .few, .terminated, .counted: break
            }
            let isFirst = slot == 0
            let isLast = slot + 1 == template.slotCount
            let left = template.firstText + slot
            guard lines.columns.mayTouch(isInNeedle, left, isFirst, isLast) else { continue }
            let isHere =
                switch form {
                case .numbers, .wideNumbers:
                    isPossible(digits, lines.columns, left, isFirst, isLast)
                case .hexadecimal: isPossible(hexes, lines.columns, left, isFirst, isLast)
                case .uuids: isPossible(dashed, lines.columns, left, isFirst, isLast)
                case nil, .constant, .few, .terminated, .counted:
                    lines.columns.mayEndOrBegin(needle, left, isFirst, isLast)
                }
            if isHere { return true }
        }
        return false
    }

    /// Bytes [start, end) of the needle would be in the value, those before and behind beside it.
    private func isPossible(
        _ inValue: [Bool], _ columns: TextColumns, _ left: Int, _ isFirst: Bool, _ isLast: Bool
    ) -> Bool {
        let count = inValue.count
        for start in 0..<count where inValue[start] {
            guard columns.mayEnd(left, with: needle, upTo: start, isFirst: isFirst) else {
                continue
            }
            var end = start
            while end < count, inValue[end] {
                end += 1
                // All of it in the value is looked for there.
                if start == 0, end == count { break }
                if columns.mayBegin(left + 1, with: needle, from: end, isLast: isLast) {
                    return true
                }
            }
        }
        return false
    }
}
