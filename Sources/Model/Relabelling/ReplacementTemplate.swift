/// `$1`, `${1}`, `$name`, `${name}` and `$$` in a replacement; unknown groups are empty.
/// Source: Go's package regexp, Expand, which Prometheus replaces with.
package struct ReplacementTemplate: Sendable, Hashable {
    private enum Piece: Sendable, Hashable {
        case text([UInt8])
        case group(Int)
    }

    private var pieces: [Piece] = []

    /// `groupNames`: of groups 1….
    package init(_ template: String, groupNames: [String?]) {
        var rest = Array(template.utf8)[...]
        var text: [UInt8] = []
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "$"), let reference = Self.reference(&rest) else {
                text.append(byte)
                continue
            }
            if reference == "$" {
                text.append(byte)
                continue
            }
            if !text.isEmpty { pieces.append(.text(text)) }
            text = []
            if let number = Int(reference) {
                pieces.append(.group(number))
            } else if let place = groupNames.firstIndex(of: reference) {
                pieces.append(.group(place + 1))
            }
        }
        if !text.isEmpty { pieces.append(.text(text)) }
    }

    /// The name behind a `$`, or "$" for a second one, or nil when the dollar stands for itself.
    private static func reference(_ rest: inout ArraySlice<UInt8>) -> String? {
        var tail = rest
        guard let first = tail.first else { return nil }
        if first == UInt8(ascii: "$") {
            rest = tail.dropFirst()
            return "$"
        }
        let isBraced = first == UInt8(ascii: "{")
        if isBraced { tail = tail.dropFirst() }
        let name = tail.prefix { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
            default: false
            }
        }
        tail = tail.dropFirst(name.count)
        guard !name.isEmpty, !isBraced || tail.first == UInt8(ascii: "}") else { return nil }
        rest = isBraced ? tail.dropFirst() : tail
        return String(decoding: name, as: UTF8.self)
    }

    /// What replaces a match. `groups`: ranges in `value`, element 0 the whole match.
    package func expanded(_ value: [UInt8], _ groups: [Range<Int>?]) -> String {
        var bytes: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .text(let text): bytes.append(contentsOf: text)
            case .group(let number):
                if number < groups.count, let range = groups[number] {
                    bytes.append(contentsOf: value[range])
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
