/// `| json`: every scalar of the line's object becomes a label, named by the path to it joined
/// with `_`; arrays and nulls are passed over. With parameters only the named paths
/// (`JSONPathStage`). What was read before an error stays.
///
/// One pass over the bytes without recursion. Nothing is decoded that is not needed; objects
/// without needed labels are passed over whole.
/// Source: Loki 3, pkg/logql/log/parser.go.
struct JSONStage: Sendable {
    private var keys: FieldKeyCache
    /// Keys of the objects that are open, outermost first.
    private var open: [Int] = []
    /// A key with its escapes resolved.
    private var decodedKey: [UInt8] = []

    /// How deep objects may nest.
    static let depthMax = 128

    init(needs: FieldNeeds) { keys = FieldKeyCache(needs: needs) }

    /// Reads `text[range]`.
    mutating func apply(_ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields) {
        keys.beginLine()
        open.removeAll(keepingCapacity: true)
        var scanner = JSONScanner(text, range)
        do throws(JSONProblem) {
            try readObject(text, &scanner, &fields)
        } catch {
            fields.setError("JSONParserErr", error.details)
        }
    }

    private mutating func readObject(
        _ text: [UInt8], _ scanner: inout JSONScanner, _ fields: inout LineFields
    ) throws(JSONProblem) {
        guard scanner.accept(UInt8(ascii: "{"), text) else { throw .notAnObject }
        var parent = -1
        // A comma needs a member behind it; an empty object needs none.
        var mayClose = true
        while true {
            if scanner.accept(UInt8(ascii: "}"), text) {
                guard mayClose else { throw .badKey }
            } else {
                let key = try readKey(text, parent, &scanner, &fields)
                if try readValue(text, key, &scanner, &fields) {
                    guard open.count < JSONStage.depthMax else { throw .tooDeep }
                    open.append(parent)
                    parent = key
                    mayClose = true
                    continue
                }
                if scanner.accept(UInt8(ascii: ","), text) {
                    mayClose = false
                    continue
                }
                guard scanner.accept(UInt8(ascii: "}"), text) else { throw .missingComma }
            }
            // An object was closed; so may be those around it.
            while true {
                guard let outer = open.popLast() else { return }
                parent = outer
                if scanner.accept(UInt8(ascii: ","), text) {
                    mayClose = false
                    break
                }
                guard scanner.accept(UInt8(ascii: "}"), text) else { throw .missingComma }
            }
        }
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

    /// Reads or passes over a value; true when an object was opened that is to be read.
    private func readValue(
        _ text: [UInt8], _ key: Int, _ scanner: inout JSONScanner, _ fields: inout LineFields
    ) throws(JSONProblem) -> Bool {
        let known = keys.keys[key]
        switch scanner.next(text) {
        case UInt8(ascii: "\""):
            scanner.advance()
            let value = try scanner.string(text)
            guard known.isNeeded else { return false }
            let start = fields.mark
            if value.hasEscapes {
                JSONScanner.unescape(text, value.range, into: &fields)
            } else {
                fields.append(text, value.range)
            }
            place(known, start, &fields)
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
            let start = fields.mark
            fields.append(text, value)
            place(known, start, &fields)
        }
        return false
    }

    @inline(__always)
    private func place(_ key: FieldKeyCache.Key, _ start: Int, _ fields: inout LineFields) {
        guard let name = fields.parsedName(Int(key.name)) else { return }
        fields.place(name, .parsed, start..<fields.mark)
    }
}
