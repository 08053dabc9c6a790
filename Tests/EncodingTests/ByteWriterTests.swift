import Encoding
import Testing

@Suite struct ByteWriterTests {
    @Test func everyNumberReadsBackAsWritten() throws {
        var writer = ByteWriter(reserving: 64)
        writer.u8(0xfe)
        writer.u16(0xfedc)
        writer.u32(0xfedc_ba98)
        writer.u64(0xfedc_ba98_7654_3210)
        writer.i64(.min)
        writer.f64(Double(bitPattern: 0x7ff0_0000_0000_0002))
        writer.f64(-0.0)
        writer.varint(300)
        writer.zigzag(-2)
        writer.raw([1, 2, 3][...])
        writer.lengthPrefixed("häß".utf8)
        writer.lengthPrefixed([UInt8]())
        var reader = ByteReader(writer.bytes)
        #expect(try reader.u8() == 0xfe)
        #expect(try reader.u16() == 0xfedc)
        #expect(try reader.u32() == 0xfedc_ba98)
        #expect(try reader.u64() == 0xfedc_ba98_7654_3210)
        #expect(try reader.i64() == .min)
        #expect(try reader.f64().bitPattern == 0x7ff0_0000_0000_0002)
        #expect(try reader.f64().bitPattern == (-0.0).bitPattern)
        #expect(try reader.varint() == 300)
        #expect(try reader.zigzag() == -2)
        #expect(try reader.raw(3) == [1, 2, 3])
        #expect(try reader.lengthPrefixed().elementsEqual("häß".utf8))
        #expect(try reader.lengthPrefixed().isEmpty)
        #expect(reader.isAtEnd)
        #expect(reader.remaining == 0)
    }

    @Test func numbersAreLittleEndian() {
        var writer = ByteWriter()
        writer.u16(0x0102)
        writer.u32(0x0304_0506)
        writer.varint(0x80)
        #expect(writer.bytes == [2, 1, 6, 5, 4, 3, 0x80, 1])
    }

    @Test func columnsReadBackWholeAndAppend() throws {
        var writer = ByteWriter()
        writer.column([Int64.min, -1, .max])
        writer.column([UInt64.max])
        writer.column([Double.infinity, -0.0])
        writer.column([UInt32(7), 8])
        writer.column([UInt16(9)])
        writer.column([UInt8(10), 11])
        writer.column([Int64(1), 2, 3][1...])
        #expect(writer.count == 24 + 8 + 16 + 8 + 2 + 2 + 16)
        var reader = ByteReader([0xff] + writer.bytes)
        try reader.skip(1)
        var signed: [Int64] = [5]
        var unsigned: [UInt64] = []
        var doubles: [Double] = []
        var words: [UInt32] = []
        var halves: [UInt16] = []
        var bytes: [UInt8] = []
        try reader.column(count: 3, into: &signed)
        try reader.column(count: 1, into: &unsigned)
        try reader.column(count: 2, into: &doubles)
        try reader.column(count: 2, into: &words)
        try reader.column(count: 1, into: &halves)
        try reader.column(count: 2, into: &bytes)
        try reader.column(count: 2, into: &signed)
        try reader.column(count: 0, into: &signed)
        #expect(signed == [5, .min, -1, .max, 2, 3])
        #expect(unsigned == [.max])
        #expect(doubles.map(\.bitPattern) == [Double.infinity.bitPattern, (-0.0).bitPattern])
        #expect(words == [7, 8])
        #expect(halves == [9])
        #expect(bytes == [10, 11])
        #expect(reader.isAtEnd)
    }

    @Test func patchOverwritesInPlace() throws {
        var writer = ByteWriter([9])
        writer.u32(0)
        writer.u64(0)
        writer.u8(7)
        writer.patch(u32: 0x0102_0304, at: 1)
        writer.patch(u64: .max, at: 5)
        #expect(writer.bytes == [9, 4, 3, 2, 1] + Array(repeating: 0xff, count: 8) + [7])
    }

    @Test(arguments: 0..<8) func aCutBufferIsTruncatedAndNotRead(_ count: Int) {
        let bytes = [UInt8](repeating: 0x80, count: count)
        #expect(throws: EncodingError.truncated(offset: 0)) {
            var reader = ByteReader(bytes)
            _ = try reader.u64()
        }
        #expect(throws: EncodingError.truncated(offset: 0)) {
            var reader = ByteReader(bytes)
            _ = try reader.varint()
        }
        #expect(throws: EncodingError.truncated(offset: 0)) {
            var reader = ByteReader(bytes)
            _ = try reader.slice(count + 1)
        }
        #expect(throws: EncodingError.truncated(offset: 0)) {
            var reader = ByteReader(bytes)
            var column: [Int64] = []
            try reader.column(count: .max, into: &column)
        }
        #expect(throws: EncodingError.truncated(offset: 0)) {
            var reader = ByteReader(bytes)
            try reader.skip(-1)
        }
    }

    @Test func aSliceIsReadFromItsOwnStart() throws {
        let bytes: [UInt8] = [1, 2, 3, 4, 5, 6]
        var reader = ByteReader(bytes[2..<5])
        #expect(reader.remaining == 3)
        #expect(try reader.u16() == 0x0403)
        #expect(reader.offset == 2)
        #expect(Array(reader.rest) == [5])
        #expect(throws: EncodingError.truncated(offset: 2)) { _ = try reader.u16() }
    }

    @Test func aLengthBeyondTheEndOrTheLimitIsRefused() {
        #expect(throws: EncodingError.truncated(offset: 0)) {
            var reader = ByteReader([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0])
            _ = try reader.lengthPrefixed()
        }
        #expect(throws: EncodingError.tooLarge(limit: 10)) {
            var reader = ByteReader([11])
            _ = try reader.count(limit: 10)
        }
    }
}

extension ByteWriterTests {
    @Test func pairsAreTheirWordsAndTheMark() {
        var writer = ByteWriter()
        writer.u8(9)
        writer.pairs([1, 2, .max, 4], markedBy: 0)
        writer.u64(5)
        writer.u64(6)
        writer.u8(7)
        var reader = ByteReader(writer.bytes[1...])
        var words: [UInt64] = []
        // The third ends in another mark, and there is no fourth.
        reader.pairs(upTo: 4, markedBy: 0, into: &words)
        #expect(words == [1, 2, .max, 4])
        #expect(reader.remaining == 17)
        reader.pairs(upTo: 0, markedBy: 7, into: &words)
        #expect(words.count == 4)
        reader.pairs(upTo: 9, markedBy: 7, into: &words)
        #expect(words.suffix(2) == [5, 6])
        #expect(reader.isAtEnd)
    }
}
