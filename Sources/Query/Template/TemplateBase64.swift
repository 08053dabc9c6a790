/// Base 64 with padding.
///
/// Source: RFC 4648, section 4; Go, encoding/base64.
enum TemplateBase64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let part = bytes[index..<min(index + 3, bytes.count)]
            var value: UInt32 = 0
            for place in 0..<3 {
                let byte = place < part.count ? part[index + place] : 0
                value = value << 8 | UInt32(byte)
            }
            for place in 0..<4 {
                let digit = Int(value >> UInt32(18 - 6 * place)) & 63
                result.append(place <= part.count ? alphabet[digit] : UInt8(ascii: "="))
            }
            index += 3
        }
        return result
    }

    /// What `bytes` stands for; what is wrong with it, as a text, when it stands for nothing.
    static func decoded(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var value: UInt32 = 0
        var count = 0
        var index = 0
        while index < bytes.count, bytes[index] != UInt8(ascii: "=") {
            let byte = bytes[index]
            index += 1
            if byte == 0x0A || byte == 0x0D { continue }
            guard let digit = alphabet.firstIndex(of: byte) else { return problem(index - 1) }
            value = value << 6 | UInt32(digit)
            count += 1
            if count % 4 == 0 {
                result += [
                    UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF),
                ]
                value = 0
            }
        }
        let rest = bytes[index...].filter { $0 != 0x0A && $0 != 0x0D }
        switch count % 4 {
        case 0: return rest.isEmpty ? result : problem(index)
        case 2 where rest == [0x3D, 0x3D]: return result + [UInt8(value >> 4 & 0xFF)]
        case 3 where rest == [0x3D]:
            return result + [UInt8(value >> 10 & 0xFF), UInt8(value >> 2 & 0xFF)]
        default: return problem(index)
        }
    }

    private static func problem(_ index: Int) -> [UInt8] {
        Array("illegal base64 data at input byte \(index)".utf8)
    }
}
