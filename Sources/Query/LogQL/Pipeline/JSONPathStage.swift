/// `| json a="b.c[0]", d`: one label per path. Strings are unescaped, numbers and booleans taken
/// as written, objects and arrays as raw JSON; null and what is missing make no label.
struct JSONPathStage: Sendable {
    private let targets: [(name: Int, path: FieldPath)]
    private var decodedKey: [UInt8] = []

    /// Only what `needs` includes is looked for.
    init(_ extractions: [FieldExtraction], needs: FieldNeeds, names: inout FieldNames) {
        var targets: [(name: Int, path: FieldPath)] = []
        for extraction in extractions where needs.includes(extraction.name) {
            guard let path = FieldPath(extraction.path) else { continue }
            targets.append((names.number(of: extraction.name), path))
        }
        self.targets = targets
    }

    /// Reads `text[range]`.
    mutating func apply(_ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields) {
        do throws(JSONProblem) {
            for target in targets {
                var scanner = JSONScanner(text, range)
                let first = scanner.next(text)
                guard first == UInt8(ascii: "{") || first == UInt8(ascii: "[") else {
                    throw .notAnObject
                }
                guard try seek(target.path, text, &scanner) else { continue }
                let isNull = scanner.next(text) == UInt8(ascii: "n")
                let value = try scanner.value(text)
                if isNull { continue }
                let start = fields.mark
                if value.hasEscapes {
                    JSONScanner.unescape(text, value.range, into: &fields)
                } else {
                    fields.append(text, value.range)
                }
                let name = fields.parsedNameReplacing(target.name)
                fields.place(name, .parsed, start..<fields.mark)
            }
        } catch {
            fields.setError("JSONParserErr", error.details)
        }
    }

    /// Steps to the value at `path`; false when there is none.
    private mutating func seek(
        _ path: FieldPath, _ text: [UInt8], _ scanner: inout JSONScanner
    ) throws(JSONProblem) -> Bool {
        for step in path.steps {
            let isFound =
                switch step {
                case .key(let key): try seek(key: key, text, &scanner)
                case .index(let index): try seek(index: index, text, &scanner)
                }
            guard isFound else { return false }
        }
        return true
    }

    private mutating func seek(
        key wanted: [UInt8], _ text: [UInt8], _ scanner: inout JSONScanner
    ) throws(JSONProblem) -> Bool {
        guard scanner.accept(UInt8(ascii: "{"), text) else { return false }
        if scanner.accept(UInt8(ascii: "}"), text) { return false }
        while true {
            guard scanner.accept(UInt8(ascii: "\""), text) else { throw .badKey }
            let key = try scanner.string(text)
            guard scanner.accept(UInt8(ascii: ":"), text) else { throw .missingColon }
            if isEqual(text, key.range, key.hasEscapes, wanted) { return true }
            _ = try scanner.value(text)
            if scanner.accept(UInt8(ascii: ","), text) { continue }
            guard scanner.accept(UInt8(ascii: "}"), text) else { throw .missingComma }
            return false
        }
    }

    private mutating func seek(
        index wanted: Int, _ text: [UInt8], _ scanner: inout JSONScanner
    ) throws(JSONProblem) -> Bool {
        guard scanner.accept(UInt8(ascii: "["), text) else { return false }
        if scanner.next(text) == UInt8(ascii: "]") { return false }
        var index = 0
        while index < wanted {
            _ = try scanner.value(text)
            if scanner.accept(UInt8(ascii: ","), text) {
                index += 1
                continue
            }
            guard scanner.accept(UInt8(ascii: "]"), text) else { throw .missingComma }
            return false
        }
        return true
    }

    private mutating func isEqual(
        _ text: [UInt8], _ range: Range<Int>, _ hasEscapes: Bool, _ wanted: [UInt8]
    ) -> Bool {
        guard hasEscapes else { return text[range].elementsEqual(wanted) }
        decodedKey.removeAll(keepingCapacity: true)
        JSONScanner.unescape(text, range, into: &decodedKey)
        return decodedKey == wanted
    }
}
