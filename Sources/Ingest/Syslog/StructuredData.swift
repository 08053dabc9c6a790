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

    /// Appends the pairs of a part that `end` has accepted. Returns how many.
    static func appendPairs(
        of source: [UInt8], _ range: Range<Int>, to pairs: inout [UInt8]
    ) -> Int {
        let bytes = source.span
        let end = range.upperBound
        var at = range.lowerBound
        var names: [[UInt8]] = []
        var value: [UInt8] = []
        while bytes.has(0x5B, at: at, before: end), let idEnd = nameEnd(bytes, at + 1, end) {
            let id = at + 1..<idEnd
            at = idEnd
            var count = 0
            while at < end, bytes[at] != 0x5D {
                guard bytes[at] == 0x20 else { return names.count }
                at += 1
                guard let nameStop = nameEnd(bytes, at, end), nameStop > at,
                    let quote = closingQuote(bytes, nameStop + 2, end)
                else { continue }
                unescape(bytes, nameStop + 2..<quote, into: &value)
                let name = unused(key(bytes, id, at..<nameStop), &names)
                PairBytes.append(name[...], value[...], to: &pairs)
                count += 1
                at = quote + 1
            }
            if count == 0 {
                let name = unused(key(bytes, id, 0..<0), &names)
                PairBytes.append(name[...], Array("true".utf8)[...], to: &pairs)
            }
            at += 1
        }
        return names.count
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
        value.removeAll(keepingCapacity: true)
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

    private static func key(
        _ bytes: Span<UInt8>, _ id: Range<Int>, _ name: Range<Int>
    ) -> [UInt8] {
        var key: [UInt8] = []
        key.reserveCapacity(id.count + name.count + 1)
        for at in id { key.append(bytes[at].isWordByte ? bytes[at] : 0x5F) }
        if !name.isEmpty { key.append(0x5F) }
        for at in name { key.append(bytes[at].isWordByte ? bytes[at] : 0x5F) }
        return key
    }

    /// `key`, or with a number behind it when it was used before.
    private static func unused(_ key: [UInt8], _ names: inout [[UInt8]]) -> [UInt8] {
        let times = names.reduce(0) { $0 + ($1 == key ? 1 : 0) }
        names.append(key)
        return times == 0 ? key : key + Array("_\(times + 1)".utf8)
    }
}
