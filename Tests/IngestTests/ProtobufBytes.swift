import Encoding

/// Writes protobuf by hand, so that the readers are tested against bytes and not against
/// themselves.
struct ProtobufBytes {
    var bytes: [UInt8] = []

    init() {}

    init(_ build: (inout ProtobufBytes) -> Void) { build(&self) }

    mutating func varint(_ field: Int, _ value: UInt64) {
        Varint.append(UInt64(field << 3), to: &bytes)
        Varint.append(value, to: &bytes)
    }

    mutating func varint(_ field: Int, signed value: Int64) {
        varint(field, UInt64(bitPattern: value))
    }

    mutating func zigzag(_ field: Int, _ value: Int64) { varint(field, Varint.zigzag(value)) }

    mutating func double(_ field: Int, _ value: Double) {
        Varint.append(UInt64(field << 3 | 1), to: &bytes)
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
    }

    mutating func data(_ field: Int, _ content: [UInt8]) {
        Varint.append(UInt64(field << 3 | 2), to: &bytes)
        Varint.append(UInt64(content.count), to: &bytes)
        bytes += content
    }

    mutating func text(_ field: Int, _ text: String) { data(field, Array(text.utf8)) }

    mutating func message(_ field: Int, _ build: (inout ProtobufBytes) -> Void) {
        data(field, ProtobufBytes(build).bytes)
    }

    mutating func packedZigzag(_ field: Int, _ values: [Int64]) {
        var content: [UInt8] = []
        for value in values { Varint.append(Varint.zigzag(value), to: &content) }
        data(field, content)
    }

    mutating func packedDoubles(_ field: Int, _ values: [Double]) {
        var content = ProtobufBytes()
        for value in values { content.double(1, value) }
        // Without the tags.
        data(
            field,
            stride(from: 0, to: content.bytes.count, by: 9).flatMap {
                content.bytes[($0 + 1)..<($0 + 9)]
            })
    }

    /// A label, or a pair of Loki's structured metadata.
    mutating func pair(_ field: Int, _ name: String, _ value: String) {
        message(field) {
            $0.text(1, name)
            $0.text(2, value)
        }
    }

    /// A series of remote write with its samples.
    mutating func series(_ labels: KeyValuePairs<String, String>, _ samples: [(Double, Int64)]) {
        message(1) { series in
            for (name, value) in labels { series.pair(1, name, value) }
            for (value, millis) in samples {
                series.message(2) {
                    $0.double(1, value)
                    $0.varint(2, signed: millis)
                }
            }
        }
    }
}

/// Deterministic numbers for mutation tests.
struct Dice {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func roll(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(truncatingIfNeeded: state >> 33) % bound
    }

    /// A few bytes of `bytes` changed, taken out or put in.
    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...roll(4) where !bytes.isEmpty {
            switch roll(3) {
            case 0: bytes[roll(bytes.count)] = UInt8(roll(256))
            case 1: bytes.remove(at: roll(bytes.count))
            default: bytes.insert(UInt8(roll(256)), at: roll(bytes.count + 1))
            }
        }
        return bytes
    }
}
