/// `| unpack`: what Promtail's `pack` put together. Strings of the line's object become labels,
/// `_entry` the line; an object without `_entry` is left alone.
///
/// Source: Loki 3, pkg/logql/log/parser.go.
struct UnpackStage: Sendable {
    private var keys: FieldKeyCache
    /// Strings of the object: where key and value stand.
    private var members: [(key: Range<Int>, value: (range: Range<Int>, hasEscapes: Bool))] = []

    init(needs: FieldNeeds) { keys = FieldKeyCache(needs: needs) }

    /// Reads `text[range]`. True: `line` has been filled and takes the place of the text.
    mutating func apply(
        _ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields, line: inout [UInt8]
    ) -> Bool {
        _ = keys.beginLine()
        members.removeAll(keepingCapacity: true)
        var scanner = JSONScanner(text, range)
        do throws(JSONProblem) {
            return try read(text, &scanner, &fields, &line)
        } catch {
            let isOther = error == .notAnObject
            fields.setError(
                "JSONParserErr",
                isOther ? "expecting json object(6), but it is not" : error.details)
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
                    members.append((key.range, value))
                }
            }
            if scanner.accept(UInt8(ascii: ","), text) { continue }
            guard scanner.accept(UInt8(ascii: "}"), text) else { throw .missingComma }
            break
        }
        guard let entry else { return false }
        for (key, value) in members { set(text, key, value, &fields) }
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
        guard let name = fields.parsedName(Int(known.name)) else { return }
        fields.place(name, .parsed, start..<fields.mark)
    }
}
