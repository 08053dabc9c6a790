internal import Encoding

/// `| logfmt`: `key=value key="quoted value"` pairs become labels. A broken pair is passed over,
/// with `--strict` it ends the line with an error; empty values make no label. With parameters
/// only the named keys, under the names given.
///
/// Source: Loki 3, pkg/logql/log/parser.go and internal/logfmt.
struct LogfmtStage: Sendable {
    private var keys: FieldKeyCache
    private var trail = KeyTrail()
    /// Whether the line is copied whole, so that its values need not be one by one.
    private let copiesLine: Bool
    private let isStrict: Bool
    /// When all of these have been found the rest is not read; empty: read to the end.
    private let goals: [Int]
    /// Label number by key, for `logfmt a="b"`; nil for all keys.
    private let targets: [(key: [UInt8], name: Int)]?

    init(
        isStrict: Bool, extractions: [FieldExtraction], needs: FieldNeeds, goals: [Int] = [],
        names: inout FieldNames
    ) {
        self.isStrict = isStrict
        self.goals = goals
        keys = FieldKeyCache(needs: needs)
        copiesLine = needs == .all && extractions.isEmpty
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
        if keys.beginLine() { trail.removeAll() }
        let end = range.upperBound
        let shift = copiesLine ? fields.append(line: text, range) : nil
        var quotes = PairCursor(UInt8(ascii: "\""), UInt8(ascii: "\\"))
        var offset = range.lowerBound
        var place = KeyTrail.lineStart
        /// Where the way from `place` to the next key with a value begins.
        var stepStart = offset
        while true {
            if !goals.isEmpty, fields.haveBeenParsed(goals) { return }
            var key = -1
            var bytes = 0..<0
            if let step = trail.step(from: place, text, offset, end) {
                key = Int(step.key)
                offset &+= Int(step.byteCount)
            } else {
                guard let found = nextKey(text, range, &offset, &fields) else { return }
                bytes = found
            }
            let stepEnd = offset
            var hasEscapes = false
            guard let value = nextValue(text, range, &offset, &hasEscapes, &quotes, &fields)
            else { return }
            if value.isEmpty { continue }
            if let targets {
                for target in targets where text[bytes].elementsEqual(target.key) {
                    set(text, target.name, value, hasEscapes, &fields)
                }
                continue
            }
            if key < 0 {
                key = keys.number(of: text, bytes, parent: -1, names: &fields.names)
                trail.learn(place, text, stepStart..<stepEnd, key: Int32(key), depth: 0)
            }
            place = KeyTrail.place(behind: key)
            stepStart = offset
            let known = keys.keys[key]
            guard known.isNeeded else { continue }
            if hasEscapes {
                let mark = fields.mark
                JSONScanner.unescape(text, value, into: &fields)
                fields.placeParsed(Int(known.name), mark..<fields.mark)
            } else {
                fields.placeParsed(Int(known.name), text, value, shift)
            }
        }
    }

    /// Steps behind the next `key=`: where the key stands. Nil: there is none.
    private func nextKey(
        _ text: [UInt8], _ range: Range<Int>, _ offset: inout Int, _ fields: inout LineFields
    ) -> Range<Int>? {
        let span = text.span
        let end = range.upperBound
        while true {
            while offset < end, span[offset] <= 0x20 { offset += 1 }
            guard offset < end else { return nil }
            let start = offset
            while offset < end, span[offset] > 0x20, span[offset] != UInt8(ascii: "="),
                span[offset] != UInt8(ascii: "\"")
            {
                offset += 1
            }
            if offset < end, span[offset] == UInt8(ascii: "="), offset > start {
                offset += 1
                return start..<offset - 1
            }
            // A key alone has an empty value; a quote or a bare = is a fault.
            let isFault = offset < end && span[offset] > 0x20
            if isFault, isStrict {
                fail(text, range, at: offset, &fields)
                return nil
            }
            offset = ByteScan.firstBlank(in: text, from: offset, to: end)
        }
    }

    /// At the first byte behind `=`: steps over the value, which stands where the result says.
    /// Nil: stop.
    @inline(__always)
    private func nextValue(
        _ text: [UInt8], _ range: Range<Int>, _ offset: inout Int, _ hasEscapes: inout Bool,
        _ quotes: inout PairCursor, _ fields: inout LineFields
    ) -> Range<Int>? {
        let span = text.span
        let end = range.upperBound
        if offset < end, span[offset] == UInt8(ascii: "\"") {
            let start = offset + 1
            var at = quotes.next(in: text, from: start, to: end)
            while at < end, span[at] == UInt8(ascii: "\\") {
                hasEscapes = true
                at = quotes.next(in: text, from: at + 2, to: end)
            }
            guard at < end else {
                if isStrict { fail(text, range, at: end, &fields) }
                return nil
            }
            offset = at + 1
            return start..<at
        }
        let start = offset
        guard isStrict else {
            offset = ByteScan.firstBlank(in: text, from: offset, to: end)
            return start..<offset
        }
        while offset < end, span[offset] > 0x20 {
            if span[offset] == UInt8(ascii: "\"") || span[offset] == UInt8(ascii: "=") {
                fail(text, range, at: offset, &fields)
                return nil
            }
            offset += 1
        }
        return start..<offset
    }

    /// Sets a label that the stage names.
    private func set(
        _ text: [UInt8], _ number: Int, _ value: Range<Int>, _ hasEscapes: Bool,
        _ fields: inout LineFields
    ) {
        let start = fields.mark
        if hasEscapes {
            JSONScanner.unescape(text, value, into: &fields)
        } else {
            fields.append(text, value)
        }
        fields.place(fields.parsedNameReplacing(number), .parsed, start..<fields.mark)
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
