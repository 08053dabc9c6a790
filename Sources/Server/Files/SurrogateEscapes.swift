/// JSON's escapes of characters beyond the first 65,536, which are pairs and the one thing of JSON that
/// YAML does not know. Source: RFC 8259 §7.
enum SurrogateEscapes {
    private static let backslash = UInt8(ascii: "\\")

    /// `json` with each such pair as the character itself; all else stays.
    static func resolved(_ json: String) -> String {
        let bytes = Array(json.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            if let high = unit(bytes, at), (0xD800..<0xDC00).contains(high),
                let low = unit(bytes, at + 6), (0xDC00..<0xE000).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
            {
                result += Character(scalar).utf8
                at += 12
                continue
            }
            // Whatever an escape names is no beginning of another.
            let length = bytes[at] == backslash && at + 1 < bytes.count ? 2 : 1
            result += bytes[at..<at + length]
            at += length
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The value of `\uNNNN` at `at`.
    private static func unit(_ bytes: [UInt8], _ at: Int) -> UInt32? {
        guard at + 6 <= bytes.count, bytes[at] == backslash, bytes[at + 1] == UInt8(ascii: "u")
        else { return nil }
        return UInt32(String(decoding: bytes[at + 2..<at + 6], as: UTF8.self), radix: 16)
    }
}
