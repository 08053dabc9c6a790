/// `| decolorize`: takes ANSI escape sequences out of the line.
///
/// Source: ECMA-48, 5.3 and 5.4. Sequences: ESC [ parameters intermediates final; ESC ] … up to BEL
/// or ESC \ (titles, links); ESC intermediates final. What is cut off at the end of the line goes,
/// too; but for a ] that nothing ends: then only the two bytes do.
enum Decolorizer {
    /// Appends `text[range]` without them.
    static func append(_ text: [UInt8], _ range: Range<Int>, to result: inout [UInt8]) {
        var index = range.lowerBound
        while index < range.upperBound {
            if text[index] == 0x1B, index + 1 < range.upperBound,
                let next = end(text, index + 1, range.upperBound)
            {
                index = next
            } else {
                result.append(text[index])
                index += 1
            }
        }
    }

    /// Behind the sequence whose byte behind ESC is at `start`; nil when it is none.
    private static func end(_ text: [UInt8], _ start: Int, _ limit: Int) -> Int? {
        var index = start
        switch text[start] {
        case UInt8(ascii: "["):
            index += 1
            while index < limit, 0x20...0x3F ~= text[index] { index += 1 }
            return min(index + 1, limit)
        case UInt8(ascii: "]"):
            while index < limit {
                if text[index] == 0x07 { return index + 1 }
                if text[index] == 0x1B, index + 1 < limit, text[index + 1] == 0x5C {
                    return index + 2
                }
                index += 1
            }
            return start + 1
        case 0x20...0x2F:
            while index < limit, 0x20...0x2F ~= text[index] { index += 1 }
            return min(index + 1, limit)
        case 0x30...0x7E: return start + 1
        default: return nil
        }
    }
}
