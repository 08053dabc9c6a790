internal import Encoding

/// `| json`: every scalar of the line's object becomes a label, named by the path to it joined
/// with `_`; arrays and nulls are passed over. With parameters only the named paths
/// (`JSONPathStage`). What was read before an error stays.
///
/// One pass over the bytes without recursion. Nothing is decoded that is not needed; objects
/// without needed labels are passed over whole. Between two values mostly stands what stood there
/// in the line before (`KeyTrail`); only where it does not is a key read.
/// Source: Loki 3, pkg/logql/log/parser.go.
struct JSONStage: Sendable {
    private var keys: FieldKeyCache
    private var trail = KeyTrail()
    /// Whether the line is copied whole, so that its values need not be one by one.
    private let copiesLine: Bool
    /// When all of these have been found the rest is not read; empty: read to the end.
    private let goals: [Int]
    /// A key with its escapes resolved.
    private var decodedKey: [UInt8] = []

    /// How deep objects may nest.
    static let depthMax = 128

    /// `reach`: as of `FieldKeyCache`.
    init(needs: FieldNeeds, reach: FieldNeeds? = nil, goals: [Int] = []) {
        keys = FieldKeyCache(needs: needs, reach: reach)
        copiesLine = needs == .all
        self.goals = goals
    }

    /// Reads `text[range]`.
    mutating func apply(_ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields) {
        if keys.beginLine() { trail.removeAll() }
        do throws(JSONProblem) {
            try readObject(text, range, &fields)
        } catch {
            fields.setError("JSONParserErr", error.details)
        }
    }

    private mutating func readObject(
        _ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields
    ) throws(JSONProblem) {
        precondition(range.upperBound <= text.count)
        let span = text.span
        let end = range.upperBound
        let shift = copiesLine ? fields.append(line: text, range) : nil
        var offset = range.lowerBound
        var quotes = PairCursor(UInt8(ascii: "\""), UInt8(ascii: "\\"))
        var place = KeyTrail.lineStart
        /// Objects around the member, the outermost not counted.
        var depth = 0
        while true {
            if !goals.isEmpty, fields.haveBeenParsed(goals) { return }
            let key: Int
            if let step = trail.step(from: place, text, offset, end) {
                key = Int(step.key)
                depth = Int(step.depth)
                offset &+= Int(step.byteCount)
            } else {
                key = try readKey(from: place, text, &offset, end, &depth, &fields)
            }
            if key < 0 { return }
            let known = keys.keys[key]
            place = KeyTrail.place(behind: key)
            while offset < end, span[offset] <= 0x20 { offset &+= 1 }
            if offset < end, span[offset] == UInt8(ascii: "\"") {
                let start = offset &+ 1
                var hasEscapes = false
                var at = quotes.next(in: text, from: start, to: end)
                while at < end, span[at] == UInt8(ascii: "\\") {
                    hasEscapes = true
                    at = quotes.next(in: text, from: at &+ 2, to: end)
                }
                guard at < end else { throw .openString }
                offset = at &+ 1
                guard known.isNeeded else { continue }
                if hasEscapes {
                    let mark = fields.mark
                    JSONScanner.unescape(text, start..<at, into: &fields)
                    fields.placeParsed(Int(known.name), mark..<fields.mark)
                } else {
                    fields.placeParsed(Int(known.name), text, start..<at, shift)
                }
                continue
            }
            // A number mostly is digits alone.
            var at = offset
            while at < end, span[at] &- 0x30 < 10 { at &+= 1 }
            if at < end, at > offset,
                span[at] == UInt8(ascii: ",") || span[at] == UInt8(ascii: "}")
            {
                if known.isNeeded {
                    fields.placeParsed(Int(known.name), text, offset..<at, shift)
                }
                offset = at
                continue
            }
            if try readOther(text, known, &offset, end, shift, &fields) {
                guard depth < JSONStage.depthMax else { throw .tooDeep }
                depth += 1
                place = KeyTrail.place(inside: key)
            }
        }
    }

    /// Reads on from `place` to behind the colon of the next member: its key, or `lineEnd` when
    /// the outermost object was closed. Learns the step.
    private mutating func readKey(
        from place: Int, _ text: [UInt8], _ offset: inout Int, _ end: Int, _ depth: inout Int,
        _ fields: inout LineFields
    ) throws(JSONProblem) -> Int {
        var scanner = JSONScanner(text, offset..<end)
        let key = try readKey(from: place, text, &scanner, &depth, &fields)
        // Blanks before the value are part of the step.
        if key >= 0 { _ = scanner.next(text) }
        trail.learn(place, text, offset..<scanner.offset, key: Int32(key), depth: depth)
        offset = scanner.offset
        return key
    }

    private mutating func readKey(
        from place: Int, _ text: [UInt8], _ scanner: inout JSONScanner, _ depth: inout Int,
        _ fields: inout LineFields
    ) throws(JSONProblem) -> Int {
        /// The key whose value the object is that the place is in, −1 for the outermost.
        var parent: Int
        if place == KeyTrail.lineStart {
            guard scanner.accept(UInt8(ascii: "{"), text) else { throw .notAnObject }
        }
        if place % 2 == 0 {
            parent = place / 2 - 1
            guard scanner.accept(UInt8(ascii: "}"), text) else {
                return try readKey(text, parent, &scanner, &fields)
            }
        } else {
            parent = Int(keys.keys[place / 2].parent)
            if scanner.accept(UInt8(ascii: ","), text) {
                return try readKey(text, parent, &scanner, &fields)
            }
            guard scanner.accept(UInt8(ascii: "}"), text) else { throw .missingComma }
        }
        // An object was closed; so may be those around it.
        while depth > 0 {
            depth -= 1
            parent = Int(keys.keys[parent].parent)
            if scanner.accept(UInt8(ascii: ","), text) {
                return try readKey(text, parent, &scanner, &fields)
            }
            guard scanner.accept(UInt8(ascii: "}"), text) else { throw .missingComma }
        }
        return Int(KeyTrail.lineEnd)
    }

    private mutating func readKey(
        _ text: [UInt8], _ parent: Int, _ scanner: inout JSONScanner, _ fields: inout LineFields
    ) throws(JSONProblem) -> Int {
        guard scanner.accept(UInt8(ascii: "\""), text) else { throw .badKey }
        let key = try scanner.string(text)
        guard scanner.accept(UInt8(ascii: ":"), text) else { throw .missingColon }
        guard key.hasEscapes else {
            return keys.number(of: text, key.range, parent: parent, names: &fields.names)
        }
        decodedKey.removeAll(keepingCapacity: true)
        JSONScanner.unescape(text, key.range, into: &decodedKey)
        return keys.number(
            of: decodedKey, 0..<decodedKey.count, parent: parent, names: &fields.names)
    }

    /// Reads or passes over a value that is no string; true when an object was opened that is to
    /// be read.
    private func readOther(
        _ text: [UInt8], _ known: FieldKeyCache.Key, _ offset: inout Int, _ end: Int,
        _ shift: Int?, _ fields: inout LineFields
    ) throws(JSONProblem) -> Bool {
        var scanner = JSONScanner(text, offset..<end)
        defer { offset = scanner.offset }
        switch scanner.next(text) {
        case UInt8(ascii: "{"):
            if known.isNeededInside {
                scanner.advance()
                return true
            }
            _ = try scanner.container(text)
        case UInt8(ascii: "["): _ = try scanner.container(text)
        default:
            let value = try scanner.scalar(text)
            guard known.isNeeded, text[value.lowerBound] != UInt8(ascii: "n") else {
                return false
            }
            fields.placeParsed(Int(known.name), text, value, shift)
        }
        return false
    }
}
