internal import Encoding

/// A value of an OTLP attribute or body: `AnyValue`. Texts are UTF-8 as they came, bytes in base64.
/// Source: opentelemetry-proto, common.proto.
indirect enum OTLPValue {
    case none
    case text(ArraySlice<UInt8>)
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    case list([OTLPValue])
    case map([OTLPAttribute])

    var isEmpty: Bool {
        switch self {
        case .none: true
        case .text(let text): text.isEmpty
        default: false
        }
    }

    /// As text: texts and numbers as they are, lists and maps as JSON with their keys ascending.
    var text: ArraySlice<UInt8> {
        switch self {
        case .none: return []
        case .text(let text): return text
        case .boolean(let value): return Array((value ? "true" : "false").utf8)[...]
        case .integer(let value): return Array(String(value).utf8)[...]
        case .double(let value):
            var bytes: [UInt8] = []
            DoubleText.append(value, to: &bytes)
            return bytes[...]
        case .list, .map:
            var bytes: [UInt8] = []
            append(to: &bytes)
            return bytes[...]
        }
    }

    private func append(to json: inout [UInt8]) {
        switch self {
        case .none: json += Array("null".utf8)
        case .text(let text): OTLPValue.append(quoted: text, to: &json)
        case .double(let value) where !value.isFinite:
            OTLPValue.append(quoted: self.text, to: &json)
        case .boolean, .integer, .double: json += text
        case .list(let items):
            json.append(0x5B)
            for (index, item) in items.enumerated() {
                if index > 0 { json.append(0x2C) }
                item.append(to: &json)
            }
            json.append(0x5D)
        case .map(let members):
            json.append(0x7B)
            let sorted = members.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            for (index, member) in sorted.enumerated() {
                if index > 0 { json.append(0x2C) }
                OTLPValue.append(quoted: member.key, to: &json)
                json.append(0x3A)
                member.value.append(to: &json)
            }
            json.append(0x7D)
        }
    }

    private static func append(quoted text: ArraySlice<UInt8>, to json: inout [UInt8]) {
        json.append(0x22)
        for byte in text {
            switch byte {
            case 0x22, 0x5C: json += [0x5C, byte]
            case 0x0A: json += Array("\\n".utf8)
            case 0x0D: json += Array("\\r".utf8)
            case 0x09: json += Array("\\t".utf8)
            case 0..<0x20:
                json +=
                    Array("\\u00".utf8) + [hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            default: json.append(byte)
            }
        }
        json.append(0x22)
    }

    static let hexDigits = Array("0123456789abcdef".utf8)

    /// Lower-case hexadecimal, as ids are shown.
    static func hex(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        bytes.flatMap { [hexDigits[Int($0 >> 4)], hexDigits[Int($0 & 15)]] }[...]
    }

    /// RFC 4648 base64 with padding.
    static func base64(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var at = bytes.startIndex
        while at < bytes.endIndex {
            let rest = bytes.endIndex - at
            var group = UInt32(bytes[at]) << 16
            if rest > 1 { group |= UInt32(bytes[at + 1]) << 8 }
            if rest > 2 { group |= UInt32(bytes[at + 2]) }
            text.append(digits[Int(group >> 18)])
            text.append(digits[Int(group >> 12 & 63)])
            text.append(rest > 1 ? digits[Int(group >> 6 & 63)] : 0x3D)
            text.append(rest > 2 ? digits[Int(group & 63)] : 0x3D)
            at += min(3, rest)
        }
        return text[...]
    }
}

/// A named value: `KeyValue`.
struct OTLPAttribute {
    var key: ArraySlice<UInt8>
    var value: OTLPValue
}

/// A name and a text, both ready to be stored.
struct OTLPPair {
    var name: ArraySlice<UInt8>
    var value: ArraySlice<UInt8>
}

extension [OTLPAttribute] {
    /// Names as Loki writes them, maps taken apart: `{a: {b: 1}}` is `a_b=1`. Names are cut at
    /// `OTLPNames.nameBytesMax`; a map whose name passes that stays JSON.
    var flattened: [OTLPPair] {
        var pairs: [OTLPPair] = []
        flatten(after: [], to: &pairs)
        return pairs
    }

    private func flatten(after prefix: ArraySlice<UInt8>, to pairs: inout [OTLPPair]) {
        for attribute in self {
            let key = prefix.isEmpty ? attribute.key : prefix + [0x5F] + attribute.key
            let name = OTLPNames.label(key.prefix(OTLPNames.nameBytesMax))
            if case .map(let members) = attribute.value, key.count <= OTLPNames.nameBytesMax {
                members.flatten(after: name, to: &pairs)
            } else {
                pairs.append(OTLPPair(name: name, value: attribute.value.text))
            }
        }
    }
}
