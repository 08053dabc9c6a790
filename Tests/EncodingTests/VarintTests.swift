import Encoding
import Testing

@Suite struct VarintTests {
    static let edges: [UInt64] =
        (0..<64).flatMap { shift -> [UInt64] in
            let power = UInt64(1) << UInt64(shift)
            return [power - 1, power, power + 1]
        } + [.max - 1, .max]

    @Test func everyWidthReadsBack() throws {
        for value in Self.edges {
            var bytes: [UInt8] = []
            Varint.append(value, to: &bytes)
            #expect(bytes.count == Varint.byteCount(value))
            #expect(bytes.count <= Varint.byteCountMax)
            var reader = ByteReader(bytes)
            #expect(try reader.varint() == value)
            #expect(reader.isAtEnd)
        }
    }

    @Test func zigzagInterleavesTheSigns() {
        #expect([0, -1, 1, -2, 2].map(Varint.zigzag) == [0, 1, 2, 3, 4])
        for value in [Int64.min, .min + 1, -1, 0, 1, .max] {
            #expect(Varint.unzigzag(Varint.zigzag(value)) == value)
        }
    }

    @Test(arguments: [
        [UInt8](repeating: 0xff, count: 11),
        [UInt8](repeating: 0xff, count: 9) + [0x02],
        [UInt8](repeating: 0x80, count: 10) + [0x00],
    ]) func moreThan64BitsAreCorrupt(_ bytes: [UInt8]) {
        #expect(throws: EncodingError.corrupt(what: "varint", offset: 0)) {
            var reader = ByteReader(bytes)
            _ = try reader.varint()
        }
    }

    /// Ascending numbers by their differences, short and long ones mixed.
    @Test func sumsReadBackAndArePassedOver() throws {
        var random = SplitMix(seed: 5)
        for _ in 0..<200 {
            let count = Int(random.next() % 40)
            var sums: [Int64] = []
            var bytes: [UInt8] = [7]
            for _ in 0..<count {
                let width = random.next() % 5 == 0 ? UInt64(100_000) : 127
                let difference = Int64(random.next() % width) + 1
                sums.append((sums.last ?? -1) + difference)
                Varint.append(UInt64(difference), to: &bytes)
            }
            bytes += [9]
            for skips in [false, true] {
                // A slice that does not begin at 0.
                var reader = ByteReader(bytes[1...])
                var read: [Int64] = []
                if skips {
                    try reader.skipVarints(count: count)
                } else {
                    try reader.sums(count: count, from: -1, limit: sums.last ?? 0) {
                        read.append($0)
                    }
                    #expect(read == sums)
                }
                #expect(try reader.u8() == 9)
            }
            guard count > 0 else { continue }
            let end = bytes.count - 2
            #expect(throws: EncodingError.self) {
                var reader = ByteReader(bytes[1...end])
                try reader.skipVarints(count: count + 1)
            }
            #expect(throws: EncodingError.self) {
                var reader = ByteReader(bytes[1...end])
                try reader.sums(count: count + 1, from: -1, limit: .max) { _ in }
            }
            #expect(throws: EncodingError.self) {
                var reader = ByteReader(bytes[1...])
                try reader.sums(count: count, from: -1, limit: (sums.last ?? 0) - 1) { _ in }
            }
        }
    }

    @Test func aDifferenceOfZeroIsCorrupt() {
        for bytes: [UInt8] in [[0], [1, 0], [0x80, 0]] {
            #expect(throws: EncodingError.self) {
                var reader = ByteReader(bytes)
                try reader.sums(count: 2, from: -1, limit: 100) { _ in }
            }
        }
    }
}
