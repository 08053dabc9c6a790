internal import Encoding

/// Writes name/value pairs in the encoding of `Labels`, in order of arrival: the form of structured
/// metadata. Values that are not UTF-8 are repaired with U+FFFD.
enum PairBytes {
    static func append(_ name: String, _ value: ArraySlice<UInt8>, to pairs: inout [UInt8]) {
        Varint.append(UInt64(name.utf8.count), to: &pairs)
        pairs.append(contentsOf: name.utf8)
        appendField(value, to: &pairs)
    }

    static func append(_ name: String, _ value: String, to pairs: inout [UInt8]) {
        Varint.append(UInt64(name.utf8.count), to: &pairs)
        pairs.append(contentsOf: name.utf8)
        Varint.append(UInt64(value.utf8.count), to: &pairs)
        pairs.append(contentsOf: value.utf8)
    }

    static func append(
        _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>, to pairs: inout [UInt8]
    ) {
        appendField(name, to: &pairs)
        appendField(value, to: &pairs)
    }

    /// Length and bytes, repaired when need be.
    static func appendField(_ bytes: ArraySlice<UInt8>, to pairs: inout [UInt8]) {
        var all: UInt8 = 0
        for byte in bytes { all |= byte }
        if all < 0x80 {
            Varint.append(UInt64(bytes.count), to: &pairs)
            pairs.append(contentsOf: bytes)
        } else {
            let repaired = String(decoding: bytes, as: UTF8.self)
            Varint.append(UInt64(repaired.utf8.count), to: &pairs)
            pairs.append(contentsOf: repaired.utf8)
        }
    }

    /// `bytes`, with what is not UTF-8 replaced by U+FFFD.
    static func repaired(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var all: UInt8 = 0
        for byte in bytes { all |= byte }
        return all < 0x80 ? bytes : Array(String(decoding: bytes, as: UTF8.self).utf8)[...]
    }

    /// Whether a pair in pairs[range] has the name whose length stands at `place`.
    static func hasName(_ pairs: [UInt8], in range: Range<Int>, nameAt place: Int) -> Bool {
        let bytes = pairs.span
        var start = place
        let count = length(bytes, &start)
        var at = range.lowerBound
        while at < range.upperBound {
            let nameCount = length(bytes, &at)
            if nameCount == count {
                var index = 0
                while index < count, bytes[at + index] == bytes[start + index] { index += 1 }
                if index == count { return true }
            }
            at += nameCount
            let valueCount = length(bytes, &at)
            at += valueCount
        }
        return false
    }

    /// A varint that was written here.
    private static func length(_ bytes: Span<UInt8>, _ at: inout Int) -> Int {
        var value = 0
        var shift = 0
        while bytes[at] >= 0x80 {
            value |= Int(bytes[at] & 0x7F) << shift
            shift += 7
            at += 1
        }
        value |= Int(bytes[at]) << shift
        at += 1
        return value
    }
}
