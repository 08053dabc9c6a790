/// Reads the protobuf wire format from a span, field by field; knows no schema. Everything is
/// checked against the end of the message at hand, so truncated and hostile bytes throw.
/// Source: protobuf.dev, "Encoding". Groups (wire types 3 and 4) are long gone and refused.
enum ProtobufReader {
    /// A field's number and wire type.
    struct Tag: Equatable {
        var field: Int
        var wire: Int

        init(field: Int, wire: Int) {
            self.field = field
            self.wire = wire
        }
    }

    static let varintWire = 0
    static let fixed64Wire = 1
    static let bytesWire = 2
    static let fixed32Wire = 5

    @inline(__always)
    static func varint(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) -> UInt64 {
        if at < end, bytes[at] < 0x80 {
            defer { at += 1 }
            return UInt64(bytes[at])
        }
        return try longVarint(bytes, &at, end)
    }

    private static func longVarint(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) -> UInt64 {
        let start = at
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while at < end {
            let byte = bytes[at]
            at += 1
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw .malformed(what: "protobuf: bad number", place: .offset(start))
    }

    @inline(__always)
    static func tag(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) -> Tag {
        let start = at
        let value = try varint(bytes, &at, end)
        guard value >> 3 > 0, value >> 3 < 1 << 29 else {
            throw .malformed(what: "protobuf: bad field number", place: .offset(start))
        }
        return Tag(field: Int(value >> 3), wire: Int(value & 7))
    }

    /// The content of a length-delimited field.
    @inline(__always)
    static func content(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) -> Range<Int> {
        let start = at
        let count = try varint(bytes, &at, end)
        guard count <= UInt64(end - at) else {
            throw .malformed(what: "protobuf: field ends behind its message", place: .offset(start))
        }
        defer { at += Int(count) }
        return at..<at + Int(count)
    }

    @inline(__always)
    static func fixed64(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) -> UInt64 {
        guard end - at >= 8 else {
            throw .malformed(what: "protobuf: number cut", place: .offset(at))
        }
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[at + index]) &<< UInt64(8 * index) }
        at += 8
        return value
    }

    static func double(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) -> Double {
        Double(bitPattern: try fixed64(bytes, &at, end))
    }

    static func zigzag(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) -> Int64 {
        let value = try varint(bytes, &at, end)
        return Int64(bitPattern: (value &>> 1) ^ (0 &- (value & 1)))
    }

    /// Passes over a field of no interest.
    static func skip(
        _ tag: Tag, _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) throws(IngestError) {
        switch tag.wire {
        case varintWire: _ = try varint(bytes, &at, end)
        case fixed64Wire: _ = try fixed64(bytes, &at, end)
        case bytesWire: _ = try content(bytes, &at, end)
        case fixed32Wire:
            guard end - at >= 4 else {
                throw .malformed(what: "protobuf: number cut", place: .offset(at))
            }
            at += 4
        default:
            throw .malformed(what: "protobuf: wire type \(tag.wire)", place: .offset(at))
        }
    }
}
