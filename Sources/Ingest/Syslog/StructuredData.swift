internal import Encoding

/// RFC 5424's structured data, `[id name="value" …][…]`: where it ends, and its pairs as structured
/// metadata.
///
/// A parameter becomes `id_name`; characters outside of [A-Za-z0-9_] become `_`, so that queries
/// need no quotes: `[exampleSDID@32473 iut="3"]` is `exampleSDID_32473_iut="3"`. A name that
/// repeats gets `_2`, `_3` …; an element without parameters is `id="true"`. Inside of quotes `\"`,
/// `\\` and `\]` are escapes, a backslash before anything else is itself, and a bare `]` is text.
enum StructuredData {
    /// Behind the last `]` of the elements that begin at `start`; nil when there is none or one is
    /// not well formed.
    static func end(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var at = start
        guard bytes.has(0x5B, at: at, before: end) else { return nil }
        while bytes.has(0x5B, at: at, before: end) {
            guard let stop = element(bytes, at, end) else { return nil }
            at = stop
        }
        return at
    }

    /// Behind the `]` of the element at `start`.
    private static func element(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        guard let idEnd = nameEnd(bytes, start + 1, end), idEnd > start + 1 else { return nil }
        var at = idEnd
        while at < end {
            if bytes[at] == 0x5D { return at + 1 }
            guard bytes[at] == 0x20 else { return nil }
            at += 1
            if bytes.has(0x5D, at: at, before: end) || bytes.has(0x20, at: at, before: end) {
                continue
            }
            guard let name = nameEnd(bytes, at, end), name > at,
                bytes.has(0x3D, at: name, before: end), bytes.has(0x22, at: name + 1, before: end),
                let quote = closingQuote(bytes, name + 2, end)
            else { return nil }
            at = quote + 1
        }
        return nil
    }

    /// Appends the pairs of a part that `end` has accepted.
    static func appendPairs(of source: [UInt8], _ range: Range<Int>, to pairs: inout [UInt8]) {
        let bytes = source.span
        let end = range.upperBound
        let first = pairs.count
        var pairCount = 0
        var at = range.lowerBound
        while bytes.has(0x5B, at: at, before: end), let idEnd = nameEnd(bytes, at + 1, end) {
            let id = at + 1..<idEnd
            at = idEnd
            let countBefore = pairCount
            while at < end, bytes[at] != 0x5D {
                guard bytes[at] == 0x20 else { return }
                at += 1
                guard let nameStop = nameEnd(bytes, at, end), nameStop > at,
                    let quote = closingQuote(bytes, nameStop + 2, end)
                else { continue }
                appendName(bytes, id, at..<nameStop, to: &pairs, since: first, pairCount)
                appendValue(source, nameStop + 2..<quote, to: &pairs)
                pairCount += 1
                at = quote + 1
            }
            if pairCount == countBefore {
                appendName(bytes, id, 0..<0, to: &pairs, since: first, pairCount)
                PairBytes.appendField(trueText[...], to: &pairs)
                pairCount += 1
            }
            at += 1
        }
    }

    private static let trueText = Array("true".utf8)
    /// Names of pairs behind this many are not compared with those before: a repeated one stays
    /// repeated. Bounds the work that one line can ask for.
    private static let comparedCountMax = 32

    /// Length and bytes of `id_name`, with a number when a pair since `first` has that name.
    private static func appendName(
        _ bytes: Span<UInt8>, _ id: Range<Int>, _ name: Range<Int>, to pairs: inout [UInt8],
        since first: Int, _ pairCount: Int
    ) {
        let start = pairs.count
        appendKey(bytes, id, name, suffix: [], to: &pairs)
        guard pairCount > 0, pairCount < comparedCountMax else { return }
        var number = 1
        while PairBytes.hasName(pairs, in: first..<start, nameAt: start) {
            number += 1
            pairs.removeLast(pairs.count - start)
            appendKey(bytes, id, name, suffix: Array("_\(number)".utf8), to: &pairs)
        }
    }

    private static func appendKey(
        _ bytes: Span<UInt8>, _ id: Range<Int>, _ name: Range<Int>, suffix: [UInt8],
        to pairs: inout [UInt8]
    ) {
        let joint = name.isEmpty ? 0 : 1
        Varint.append(UInt64(id.count + joint + name.count + suffix.count), to: &pairs)
        for at in id { pairs.append(bytes[at].isWordByte ? bytes[at] : 0x5F) }
        if joint > 0 { pairs.append(0x5F) }
        for at in name { pairs.append(bytes[at].isWordByte ? bytes[at] : 0x5F) }
        pairs.append(contentsOf: suffix)
    }

    /// The value between the quotes, without its escapes.
    private static func appendValue(
        _ source: [UInt8], _ range: Range<Int>, to pairs: inout [UInt8]
    ) {
        let bytes = source.span
        guard bytes.firstIndex(of: 0x5C, from: range.lowerBound, to: range.upperBound) != nil
        else { return PairBytes.appendField(source[range], to: &pairs) }
        var value: [UInt8] = []
        unescape(bytes, range, into: &value)
        PairBytes.appendField(value[...], to: &pairs)
    }

    /// SD-NAME: up to a space, `=`, `]` or `"`.
    private static func nameEnd(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var at = start
        while at < end {
            let byte = bytes[at]
            if byte == 0x20 || byte == 0x3D || byte == 0x5D || byte == 0x22 { return at }
            at += 1
        }
        return nil
    }

    private static func closingQuote(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var at = start
        while at < end {
            if bytes[at] == 0x22 { return at }
            at += bytes[at] == 0x5C ? 2 : 1
        }
        return nil
    }

    private static func unescape(
        _ bytes: Span<UInt8>, _ range: Range<Int>, into value: inout [UInt8]
    ) {
        var at = range.lowerBound
        while at < range.upperBound {
            if bytes[at] == 0x5C, at + 1 < range.upperBound,
                bytes[at + 1] == 0x22 || bytes[at + 1] == 0x5C || bytes[at + 1] == 0x5D
            {
                at += 1
            }
            value.append(bytes[at])
            at += 1
        }
    }
}
