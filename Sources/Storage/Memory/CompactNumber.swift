internal import Encoding

/// A double in 1 to 9 bytes: whole numbers up to 2^53 as a varint, everything else behind an
/// escape with its eight bytes, so that it is bit-exact (−0.0 and NaN payloads included).
///
///     varint v:  v even → whole number unzigzag(v / 2)
///                v = 1  → the 8 bytes that follow
enum CompactNumber {
    static let wholeMax = 9_007_199_254_740_992.0

    static func write(_ value: Double, to writer: inout ByteWriter) {
        if abs(value) <= wholeMax {
            let whole = Int64(value)
            if Double(whole).bitPattern == value.bitPattern {
                writer.varint(Varint.zigzag(whole) << 1)
                return
            }
        }
        writer.varint(1)
        writer.f64(value)
    }

    static func read(_ reader: inout ByteReader) throws(EncodingError) -> Double {
        let marker = try reader.varint()
        if marker & 1 == 0 { return Double(Varint.unzigzag(marker >> 1)) }
        guard marker == 1 else { throw .corrupt(what: "number", offset: reader.offset) }
        return try reader.f64()
    }
}
