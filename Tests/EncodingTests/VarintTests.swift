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
}
