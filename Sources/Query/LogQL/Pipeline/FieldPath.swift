/// The path of a `json` parameter: `a.b[0]["c d"]`. For logfmt a path is one plain key.
struct FieldPath: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        case key([UInt8])
        case index(Int)
    }

    let steps: [Step]

    /// Nil unless `text` is a path.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        var steps: [Step] = []
        var offset = 0
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "["):
                guard let (step, next) = FieldPath.bracket(bytes, offset + 1) else { return nil }
                steps.append(step)
                offset = next
            case UInt8(ascii: "."):
                guard !steps.isEmpty, offset + 1 < bytes.count,
                    bytes[offset + 1] != UInt8(ascii: "."), bytes[offset + 1] != 0x5B
                else { return nil }
                offset += 1
            default:
                guard steps.isEmpty || bytes[offset - 1] == UInt8(ascii: ".") else { return nil }
                let key = bytes[offset...].prefix {
                    $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "[")
                }
                steps.append(.key(Array(key)))
                offset += key.count
            }
        }
        guard !steps.isEmpty else { return nil }
        self.steps = steps
    }

    private static func bracket(_ bytes: [UInt8], _ start: Int) -> (Step, next: Int)? {
        guard start < bytes.count else { return nil }
        if bytes[start] == UInt8(ascii: "\"") {
            guard let end = bytes[(start + 1)...].firstIndex(of: UInt8(ascii: "\"")),
                end + 1 < bytes.count, bytes[end + 1] == UInt8(ascii: "]")
            else { return nil }
            return (.key(Array(bytes[(start + 1)..<end])), end + 2)
        }
        guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "]")),
            bytes[start..<end].allSatisfy({ 0x30...0x39 ~= $0 }),
            let index = Int(String(decoding: bytes[start..<end], as: UTF8.self))
        else { return nil }
        return (.index(index), end + 1)
    }
}
