/// The template of `line_format` and `label_format`, in the manner of Go's text/template: text,
/// `{{.label}}`, `{{__line__}}`, `{{__timestamp__}}`, trimming by `{{-` and `-}}`. Functions are
/// refused by name until they are built.
///
/// Source: Go, text/template; Loki 3, pkg/logql/log/fmt.go.
struct LineTemplate: Sendable, Equatable {
    /// What is wrong with a template's text.
    struct Problem: Error, Equatable {
        var message: String
    }

    enum Part: Sendable, Equatable {
        case text([UInt8])
        case label(String)
        case line
        case timestamp
    }

    let parts: [Part]

    init(_ source: String) throws(Problem) {
        var parts: [Part] = []
        let bytes = Array(source.utf8)
        var offset = 0
        var trimsNext = false
        while offset < bytes.count {
            let open = LineTemplate.firstIndex(of: [0x7B, 0x7B], in: bytes, from: offset)
            var text = bytes[offset..<(open ?? bytes.count)]
            if trimsNext { text = text.drop { LineTemplate.isBlank($0) } }
            trimsNext = false
            guard let open else {
                if !text.isEmpty { parts.append(.text(Array(text))) }
                break
            }
            var inner = open + 2
            if inner + 1 < bytes.count, bytes[inner] == UInt8(ascii: "-"),
                LineTemplate.isBlank(bytes[inner + 1])
            {
                while let last = text.last, LineTemplate.isBlank(last) { text.removeLast() }
                inner += 1
            }
            if !text.isEmpty { parts.append(.text(Array(text))) }
            guard let close = LineTemplate.firstIndex(of: [0x7D, 0x7D], in: bytes, from: inner)
            else { throw Problem(message: "unclosed action") }
            var action = bytes[inner..<close]
            if action.count >= 2, action.last == UInt8(ascii: "-"),
                LineTemplate.isBlank(action[action.endIndex - 2])
            {
                action.removeLast()
                trimsNext = true
            }
            if let part = try LineTemplate.part(of: action) { parts.append(part) }
            offset = close + 2
        }
        self.parts = parts
    }

    private static func part(of action: ArraySlice<UInt8>) throws(Problem) -> Part? {
        var body = action.drop { isBlank($0) }
        while let last = body.last, isBlank(last) { body.removeLast() }
        let text = String(decoding: body, as: UTF8.self)
        if text.hasPrefix("/*"), text.hasSuffix("*/") { return nil }
        switch text {
        case "": throw Problem(message: "missing value for command")
        case "__line__": return .line
        case "__timestamp__": return .timestamp
        default: break
        }
        let name = text.dropFirst()
        let isName =
            !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
                default: false
                }
            }
        if text.hasPrefix("."), isName { return .label(String(name)) }
        let word = text.prefix { $0 != " " && $0 != "|" && $0 != "(" }
        throw Problem(message: "\(word.isEmpty ? text : String(word)) is not supported yet")
    }

    /// Names of the labels it reads.
    var labels: [String] {
        parts.compactMap { part in
            guard case .label(let name) = part else { return nil }
            return name
        }
    }

    private static func firstIndex(of pair: [UInt8], in bytes: [UInt8], from: Int) -> Int? {
        ByteSearch.firstIndex(of: pair, in: bytes, from..<bytes.count)
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}

/// A template with its labels resolved.
struct LineTemplateStage: Sendable {
    private let template: LineTemplate
    /// Label number by part, −1 for other parts.
    private let names: [Int]

    init(_ template: LineTemplate, names: inout FieldNames) {
        self.template = template
        var numbers: [Int] = []
        for part in template.parts {
            if case .label(let name) = part {
                numbers.append(names.number(of: name))
            } else {
                numbers.append(-1)
            }
        }
        self.names = numbers
    }

    /// Appends the text made of the line `text[range]` at `timestamp`, ns.
    func render(
        _ text: [UInt8], _ range: Range<Int>, timestamp: Int64, _ fields: LineFields,
        into result: inout [UInt8]
    ) {
        for (index, part) in template.parts.enumerated() {
            switch part {
            case .text(let literal): result.append(contentsOf: literal)
            case .label: result.append(contentsOf: fields.bytes(of: names[index]))
            case .line: result.append(contentsOf: text[range])
            case .timestamp: result.append(contentsOf: String(timestamp).utf8)
            }
        }
    }
}
