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
}
