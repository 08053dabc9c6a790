/// `| logfmt`: `key=value key="quoted value"` pairs become labels. A broken pair is passed over,
/// with `--strict` it ends the line with an error; empty values make no label. With parameters
/// only the named keys, under the names given.
///
/// Source: Loki 3, pkg/logql/log/parser.go and internal/logfmt.
struct LogfmtStage: Sendable {
    private var keys: FieldKeyCache
    private let isStrict: Bool
    /// Label number by key, for `logfmt a="b"`; nil for all keys.
    private let targets: [(key: [UInt8], name: Int)]?

    init(
        isStrict: Bool, extractions: [FieldExtraction], needs: FieldNeeds,
        names: inout FieldNames
    ) {
        self.isStrict = isStrict
        keys = FieldKeyCache(needs: needs)
        if extractions.isEmpty {
            targets = nil
        } else {
            var targets: [(key: [UInt8], name: Int)] = []
            for extraction in extractions where needs.includes(extraction.name) {
                targets.append(
                    (Array(extraction.path.utf8), names.number(of: extraction.name)))
            }
            self.targets = targets
        }
    }

    /// Reads `text[range]`.
    mutating func apply(_ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields) {
        precondition(range.upperBound <= text.count)
        keys.beginLine()
        let end = range.upperBound
        var offset = range.lowerBound
        while true {
            let span = text.span
            while offset < end, span[offset] <= 0x20 { offset += 1 }
            guard offset < end else { return }
            let keyStart = offset
            while offset < end, span[offset] > 0x20, span[offset] != UInt8(ascii: "="),
                span[offset] != UInt8(ascii: "\"")
            {
                offset += 1
            }
            let keyRange = keyStart..<offset
            guard offset < end, span[offset] == UInt8(ascii: "="), !keyRange.isEmpty else {
                // A key alone has an empty value; a quote or a bare = is a fault.
                let isFault = offset < end && span[offset] > 0x20
                if isFault, isStrict { return fail(text, range, at: offset, &fields) }
                while offset < end, span[offset] > 0x20 { offset += 1 }
                continue
            }
            offset += 1
            guard readValue(text, range, keyRange, &offset, &fields) else { return }
        }
    }

    /// At the first byte behind `=`. False: stop.
    private mutating func readValue(
        _ text: [UInt8], _ range: Range<Int>, _ key: Range<Int>, _ offset: inout Int,
        _ fields: inout LineFields
    ) -> Bool {
        let span = text.span
        let end = range.upperBound
        if offset < end, span[offset] == UInt8(ascii: "\"") {
            offset += 1
            let start = offset
            var hasEscapes = false
            while offset < end, span[offset] != UInt8(ascii: "\"") {
                if span[offset] == UInt8(ascii: "\\") {
                    hasEscapes = true
                    offset += 1
                }
                offset += 1
            }
            guard offset < end else {
                offset = end
                if isStrict { fail(text, range, at: end, &fields) }
                return false
            }
            offset += 1
            set(text, key, start..<offset - 1, hasEscapes, &fields)
            return true
        }
        let start = offset
        while offset < end, span[offset] > 0x20 {
            if isStrict, span[offset] == UInt8(ascii: "\"") || span[offset] == UInt8(ascii: "=") {
                fail(text, range, at: offset, &fields)
                return false
            }
            offset += 1
        }
        set(text, key, start..<offset, false, &fields)
        return true
    }

    @inline(__always)
    private mutating func set(
        _ text: [UInt8], _ key: Range<Int>, _ value: Range<Int>, _ hasEscapes: Bool,
        _ fields: inout LineFields
    ) {
        if value.isEmpty { return }
        guard let targets else {
            let number = keys.number(of: text, key, parent: -1, names: &fields.names)
            let known = keys.keys[number]
            if known.isNeeded {
                place(text, Int(known.name), value, hasEscapes, &fields)
            }
            return
        }
        for target in targets where text[key].elementsEqual(target.key) {
            place(text, target.name, value, hasEscapes, &fields)
        }
    }

    @inline(__always)
    private func place(
        _ text: [UInt8], _ number: Int, _ value: Range<Int>, _ hasEscapes: Bool,
        _ fields: inout LineFields
    ) {
        let start = fields.mark
        if hasEscapes {
            JSONScanner.unescape(text, value, into: &fields)
        } else {
            fields.append(text, value)
        }
        let own = targets == nil ? fields.parsedName(number) : fields.parsedNameReplacing(number)
        guard let name = own else { return }
        fields.place(name, .parsed, start..<fields.mark)
    }

    /// `place`: of the byte that should not be there; the end when a value has none.
    private func fail(
        _ text: [UInt8], _ range: Range<Int>, at place: Int, _ fields: inout LineFields
    ) {
        let position = place - range.lowerBound + 1
        let what =
            place == range.upperBound
            ? "unterminated quoted value"
            : "unexpected '\(Character(Unicode.Scalar(text[place])))'"
        fields.setError(
            "LogfmtParserErr", details: "logfmt syntax error at pos \(position) : \(what)")
    }
}
