internal import Encoding

/// How a series' float samples lie in memory: one tag byte per sample and what it announces.
/// Bit-exact for every double and every timestamp. In memory only, so it needs no version.
///
///     tag:   bits 7–6  time    0: as far after the last sample as that was after its own
///                              1: varint, zigzag of the change of that distance in ms
///                              2: the same in ns
///            bits 5–0  value   0: the bits of the last one          1: 8 bytes follow
///                              2–9: n = tag − 1 bytes, zigzag difference of scaled integers
///                              10–45: XOR with the last bits, n bytes from byte t (see `xorMode`)
///                              46–62: difference tag − 54 of scaled integers
///                              63: one byte follows, the decimal scale from now on
///
/// A scaled integer is value · 10^scale where that is whole, below 2^53 and divides back exactly.
struct SampleRun: Sendable {
    /// What the next sample is coded against. The same values arise when reading.
    struct State: Sendable {
        var timestamp: Int64 = 0
        var distance: Int64 = 0
        var bits: UInt64 = 0
        var scale: UInt8 = 0
    }

    static let scaleMax: UInt8 = 4
    /// The values are no short decimals: only XOR is tried from now on.
    static let noScale: UInt8 = 5
    private static let powers: [Double] = [1, 10, 100, 1_000, 10_000, 1]

    var count: Int
    var bytes: [UInt8]

    /// `value` · 10^scale, or nil when that is not exact.
    @inline(__always)
    static func scaled(_ bits: UInt64, _ power: Double) -> Int64? {
        let product = (Double(bitPattern: bits) * power).rounded()
        guard abs(product) < CompactNumber.wholeMax else { return nil }
        // Through the integer: −0.0 must not come back as 0.
        let whole = Int64(product)
        return (Double(whole) / power).bitPattern == bits ? whole : nil
    }

    static func power(_ scale: UInt8) -> Double {
        switch scale {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1_000
        case 4: 10_000
        default: .nan
        }
    }

    /// The mode of an XOR whose `count` bytes begin at byte `trailing`: 10 to 45.
    static func xorMode(count: Int, trailing: Int) -> UInt8 {
        // Row n has 9 − n entries; rows before it have 8 + 7 + … of them.
        UInt8(10 + (count - 1) * (18 - count) / 2 + trailing)
    }

    /// The inverse of `xorMode`.
    static func xorShape(_ mode: UInt8) -> (count: Int, trailing: Int) {
        var rest = Int(mode) - 10
        var count = 1
        while rest >= 9 - count {
            rest -= 9 - count
            count += 1
        }
        return (count, rest)
    }

    /// The samples in order of arrival.
    func decode(timestamps: inout [Int64], values: inout [Double]) {
        var reader = RunReader(bytes: bytes)
        var state = State()
        for _ in 0..<count {
            var tag = reader.byte()
            while tag & 63 == 63 {
                state.scale = reader.byte()
                tag = reader.byte()
            }
            switch tag >> 6 {
            case 0: break
            case 1: state.distance &+= Varint.unzigzag(reader.varint()) &* 1_000_000
            default: state.distance &+= Varint.unzigzag(reader.varint())
            }
            state.timestamp &+= state.distance
            SampleRun.readValue(tag & 63, &state, &reader)
            timestamps.append(state.timestamp)
            values.append(Double(bitPattern: state.bits))
        }
    }

    private static func readValue(_ mode: UInt8, _ state: inout State, _ reader: inout RunReader) {
        switch mode {
        case 0: break
        case 1: state.bits = reader.word(8)
        case 2...9:
            add(Varint.unzigzag(reader.word(Int(mode) - 1)), to: &state)
        case 10...45:
            let (count, trailing) = xorShape(mode)
            state.bits ^= reader.word(count) &<< UInt64(8 * trailing)
        default: add(Int64(mode) - 54, to: &state)
        }
    }

    private static func add(_ difference: Int64, to state: inout State) {
        let power = power(state.scale)
        let before = Int64((Double(bitPattern: state.bits) * power).rounded())
        state.bits = (Double(before &+ difference) / power).bitPattern
    }
}

/// Reads a run that this process wrote: no checks beyond the array's own.
private struct RunReader {
    let bytes: [UInt8]
    var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func byte() -> UInt8 {
        defer { place &+= 1 }
        return bytes[place]
    }

    mutating func word(_ count: Int) -> UInt64 {
        var result: UInt64 = 0
        for index in 0..<count { result |= UInt64(bytes[place + index]) &<< UInt64(8 * index) }
        place += count
        return result
    }

    mutating func varint() -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = byte()
            result |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return result }
            shift += 7
        }
    }
}
