internal import Model

/// `| regexp "(?P<name>…)"`: named groups of the first match become labels.
struct RegexpStage: Sendable {
    private let expression: RegularExpression
    /// Label number by group from 1, −1 for a group without a name or not needed.
    private let names: [Int]

    init(_ expression: RegularExpression, needs: FieldNeeds, names: inout FieldNames) {
        self.expression = expression
        var numbers: [Int] = []
        for name in expression.groupNames {
            if let name, needs.includes(name) {
                numbers.append(names.number(of: name))
            } else {
                numbers.append(-1)
            }
        }
        self.names = numbers
    }

    /// Reads `text[range]`.
    func apply(_ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields) {
        guard let groups = expression.firstMatch(in: text[range]) else { return }
        for (group, number) in names.enumerated() where number >= 0 {
            guard let found = groups[group + 1] else { continue }
            let name = fields.streamHas(number) ? fields.names.extracted(number) : number
            fields.set(name, .parsed, text[found])
        }
    }
}

/// `| pattern "<ip> - <_>"`: captures become labels.
struct PatternStage: Sendable {
    private let pattern: LinePattern
    /// Label number by part of the pattern, −1 for what is not needed.
    private let names: [Int]

    init(_ pattern: LinePattern, needs: FieldNeeds, names: inout FieldNames) {
        self.pattern = pattern
        var numbers: [Int] = []
        for part in pattern.parts {
            if case .capture(let name?) = part, needs.includes(name) {
                numbers.append(names.number(of: name))
            } else {
                numbers.append(-1)
            }
        }
        self.names = numbers
    }

    /// Reads `text[range]`.
    func apply(_ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields) {
        pattern.captures(in: text, range) { part, found in
            let number = names[part]
            guard number >= 0 else { return }
            let name = fields.streamHas(number) ? fields.names.extracted(number) : number
            fields.set(name, .parsed, text[found])
        }
    }
}

/// `| unpack`: what Promtail's `pack` put together. Strings of the line's object become labels,
/// `_entry` the line.
struct UnpackStage: Sendable {
    private var keys: FieldKeyCache

    init(needs: FieldNeeds) { keys = FieldKeyCache(needs: needs) }

    /// Reads `text[range]`. True: `line` has been filled and takes the place of the text.
    mutating func apply(
        _ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields, line: inout [UInt8]
    ) -> Bool {
        keys.beginLine()
        var scanner = JSONScanner(text, range)
        do throws(JSONProblem) {
            return try read(text, &scanner, &fields, &line)
        } catch {
            fields.setError("JSONParserErr", error.details)
            return false
        }
    }

    private mutating func read(
        _ text: [UInt8], _ scanner: inout JSONScanner, _ fields: inout LineFields,
        _ line: inout [UInt8]
    ) throws(JSONProblem) -> Bool {
        guard scanner.accept(UInt8(ascii: "{"), text) else { throw .notAnObject }
        if scanner.accept(UInt8(ascii: "}"), text) { return false }
        var entry: (range: Range<Int>, hasEscapes: Bool)?
        while true {
            guard scanner.accept(UInt8(ascii: "\""), text) else { throw .badKey }
            let key = try scanner.string(text)
            guard scanner.accept(UInt8(ascii: ":"), text) else { throw .missingColon }
            let isString = scanner.next(text) == UInt8(ascii: "\"")
            let value = try scanner.value(text)
            if isString {
                if text[key.range].elementsEqual("_entry".utf8) {
                    entry = value
                } else {
                    set(text, key.range, value, &fields)
                }
            }
            if scanner.accept(UInt8(ascii: ","), text) { continue }
            guard scanner.accept(UInt8(ascii: "}"), text) else { throw .missingComma }
            break
        }
        guard let entry else { return false }
        line.removeAll(keepingCapacity: true)
        JSONScanner.unescape(text, entry.range, into: &line)
        return true
    }

    private mutating func set(
        _ text: [UInt8], _ key: Range<Int>, _ value: (range: Range<Int>, hasEscapes: Bool),
        _ fields: inout LineFields
    ) {
        let slot = keys.number(of: text, key, parent: -1, names: &fields.names)
        let known = keys.keys[slot]
        guard known.isNeeded else { return }
        let start = fields.mark
        JSONScanner.unescape(text, value.range, into: &fields)
        let number = Int(known.name)
        let name = fields.streamHas(number) ? fields.names.extracted(number) : number
        fields.place(name, .parsed, start..<fields.mark)
    }
}
