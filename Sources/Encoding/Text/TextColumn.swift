/// A column of short texts in the form that suits them, chosen by looking at all of them:
///
///     0 constant: varint length, bytes       │ 1 numbers: integers
///     2 numbers of one width: varint width, integers
///     3 hexadecimal of one even width, lower case: varint width, two digits per byte
///     4 UUIDs, lower case: 16 bytes each     │ 5 any: each followed by a byte that none holds (u8)
///     6 any: varint length each, then all    │ 7 few distinct: varint count, each varint length and
///       bytes, then one byte per text
///
/// Integers are `IntegerCodec` vectors.
enum TextColumn {
    enum Form: UInt8 {
        case constant = 0
        case numbers = 1
        case wideNumbers = 2
        case hexadecimal = 3
        case uuids = 4
        case terminated = 5
        case counted = 6
        case few = 7
    }

    /// Digits that always fit in 63 bits.
    static let digitsMax = 18

    /// What all texts of a column have in common.
    private struct Look {
        var isConstant = true
        var isNumber = true
        var isOneWidth = true
        var isDigits = true
        var isHex = true
        var isUUID = true
    }

    /// Encodes the texts at `ranges` of `bytes`.
    static func append(
        _ ranges: [Range<Int>], of bytes: [UInt8], tier: CodecTier, to writer: inout ByteWriter
    ) {
        guard let first = ranges.first else { return }
        let look = look(at: ranges, of: bytes)
        if look.isConstant {
            writer.u8(Form.constant.rawValue)
            writer.lengthPrefixed(bytes[first])
        } else if appendFew(ranges, of: bytes, isShort: look.isNumber, to: &writer) {
            return
        } else if look.isNumber {
            writer.u8(Form.numbers.rawValue)
            IntegerCodec.encode(
                ranges.map { number(bytes[$0]) }, tier: tier, into: &writer)
        } else if look.isDigits, look.isOneWidth, first.count <= digitsMax {
            writer.u8(Form.wideNumbers.rawValue)
            writer.varint(UInt64(first.count))
            IntegerCodec.encode(
                ranges.map { number(bytes[$0]) }, tier: tier, into: &writer)
        } else if look.isUUID {
            writer.u8(Form.uuids.rawValue)
            for range in ranges { appendHex(bytes[range], to: &writer) }
        } else if look.isHex, look.isOneWidth, first.count % 2 == 0, !first.isEmpty {
            writer.u8(Form.hexadecimal.rawValue)
            writer.varint(UInt64(first.count))
            for range in ranges { appendHex(bytes[range], to: &writer) }
        } else {
            appendText(ranges, of: bytes, to: &writer)
        }
    }

    private static func look(at ranges: [Range<Int>], of bytes: [UInt8]) -> Look {
        var look = Look()
        let first = ranges[0]
        for range in ranges {
            if range.count != first.count { look.isOneWidth = false }
            if look.isConstant, !bytes[range].elementsEqual(bytes[first]) {
                look.isConstant = false
            }
            guard look.isDigits || look.isHex || look.isUUID else {
                if look.isConstant || look.isOneWidth { continue }
                return look
            }
            var digits = !range.isEmpty
            var hex = digits
            for byte in bytes[range] {
                let isDigit = byte &- 0x30 < 10
                digits = digits && isDigit
                hex = hex && (isDigit || byte &- 0x61 < 6)
            }
            look.isDigits = look.isDigits && digits
            look.isHex = look.isHex && hex
            look.isUUID = look.isUUID && range.count == 36 && isUUID(bytes[range])
            if !digits || range.count > digitsMax
                || range.count > 1 && bytes[range.lowerBound] == 0x30
            {
                look.isNumber = false
            }
        }
        return look
    }

    private static func isUUID(_ text: ArraySlice<UInt8>) -> Bool {
        for (index, byte) in text.enumerated() {
            switch index {
            case 8, 13, 18, 23: if byte != 0x2D { return false }
            default: if byte &- 0x30 >= 10, byte &- 0x61 >= 6 { return false }
            }
        }
        return true
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64 {
        var value: Int64 = 0
        for byte in digits { value = value * 10 + Int64(byte &- 0x30) }
        return value
    }

    /// Skips what is no digit, so that UUIDs come without their dashes.
    private static func appendHex(_ digits: ArraySlice<UInt8>, to writer: inout ByteWriter) {
        var high: UInt8?
        for byte in digits where byte != 0x2D {
            let nibble = byte < 0x40 ? byte &- 0x30 : byte &- 0x57
            if let upper = high {
                writer.u8(upper << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
    }

    /// True when there are few distinct texts, and they were written as such.
    private static func appendFew(
        _ ranges: [Range<Int>], of bytes: [UInt8], isShort: Bool, to writer: inout ByteWriter
    ) -> Bool {
        let countMax = min(256, isShort ? ranges.count / 8 : ranges.count / 2)
        guard countMax >= 2 else { return false }
        var codes: [ArraySlice<UInt8>: UInt8] = [:]
        var distinct: [Range<Int>] = []
        var column: [UInt8] = []
        column.reserveCapacity(ranges.count)
        for range in ranges {
            if let code = codes[bytes[range]] {
                column.append(code)
                continue
            }
            guard distinct.count < countMax else { return false }
            let code = UInt8(distinct.count)
            codes[bytes[range]] = code
            distinct.append(range)
            column.append(code)
        }
        writer.u8(Form.few.rawValue)
        writer.varint(UInt64(distinct.count))
        for range in distinct { writer.lengthPrefixed(bytes[range]) }
        writer.raw(column)
        return true
    }

    private static func appendText(
        _ ranges: [Range<Int>], of bytes: [UInt8], to writer: inout ByteWriter
    ) {
        var isUsed = [Bool](repeating: false, count: 256)
        for range in ranges { for byte in bytes[range] { isUsed[Int(byte)] = true } }
        let free = [0x0A, 0x00, 0x01, 0xFF].first { !isUsed[$0] }
        if let free {
            writer.u8(Form.terminated.rawValue)
            writer.u8(UInt8(free))
            for range in ranges {
                writer.raw(bytes[range])
                writer.u8(UInt8(free))
            }
            return
        }
        writer.u8(Form.counted.rawValue)
        for range in ranges { writer.varint(UInt64(range.count)) }
        for range in ranges { writer.raw(bytes[range]) }
    }
}
