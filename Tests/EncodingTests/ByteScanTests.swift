import Encoding
import Testing

@Suite struct ByteScanTests {
    @Test func masksAndIndicesAgreeWithALoop() {
        var random = SplitMix(seed: 1)
        for count in [0, 1, 15, 63, 64, 65, 127, 128, 129, 200] {
            let bytes = random.bytes(count).map { $0 % 5 }
            for from in stride(from: 0, through: count, by: 7) {
                for to in [from, (from + count) / 2, count] where to >= from {
                    let expected = (from..<to).filter { bytes[$0] == 3 }
                    var found: [Int32] = []
                    ByteScan.appendIndices(of: 3, in: bytes, from: from, to: to, into: &found)
                    #expect(found == expected.map(Int32.init))
                    #expect(
                        ByteScan.firstIndex(of: 3, in: bytes, from: from, to: to)
                            == expected.first)
                    #expect(
                        ByteScan.firstIndex(ofEither: 3, or: 1, in: bytes, from: from, to: to)
                            == (from..<to).first { bytes[$0] == 3 || bytes[$0] == 1 })
                    #expect(ByteScan.count(of: 3, in: bytes, from: from, to: to) == expected.count)
                    let mask = ByteScan.mask(of: 3, in: bytes, at: from, to: to)
                    #expect(
                        mask
                            == expected.filter { $0 < from + 64 }
                            .reduce(UInt64(0)) { $0 | 1 << UInt64($1 - from) })
                }
            }
        }
    }

    @Test func longRunsAreCountedWithoutOverflow() {
        let bytes = [UInt8](repeating: 10, count: 100_003)
        #expect(ByteScan.count(of: 10, in: bytes, from: 1, to: bytes.count) == 100_002)
        #expect(ByteScan.count(of: 11, in: bytes, from: 0, to: bytes.count) == 0)
    }

    @Test func needlesAreFoundWhereALoopFindsThem() {
        var random = SplitMix(seed: 2)
        for round in 0..<3_000 {
            let count = Int(random.next() % 300)
            let letters = Array("abAB@`".utf8)
            let hay = (0..<count).map { _ in letters[Int(random.next() % 6)] }
            let needle = (0..<Int(random.next() % 7)).map { _ in letters[Int(random.next() % 6)] }
            let from = Int(random.next() % UInt64(count + 1))
            let to = from + Int(random.next() % UInt64(count - from + 1))
            #expect(
                ByteScan.firstRange(of: needle, in: hay, from: from, to: to)
                    == naive(needle, in: hay, from, to), "round \(round)")
            let folded = Needle(needle, ignoresCase: true)
            #expect(
                folded.find(in: hay, from: from, to: to)
                    == naive(needle.map(lowered), in: hay.map(lowered), from, to),
                "round \(round)")
        }
    }

    @Test func aMatchMayNotCrossTheEnd() {
        let hay = Array("xxneedle".utf8)
        let needle = Needle("needle".utf8)
        #expect(needle.find(in: hay, from: 0, to: 8) == 2)
        #expect(needle.find(in: hay, from: 0, to: 7) == nil)
        #expect(needle.find(in: hay, from: 3, to: 8) == nil)
        #expect(needle.isFound(in: hay, from: 2, to: 8))
        #expect(Needle([]).find(in: [], from: 0, to: 0) == 0)
    }

    @Test(arguments: [
        ("", true), ("ascii", true), ("häß ☃ 𝄞", true),
        (String(repeating: "x", count: 130) + "é", true),
    ]) func textIsValidUTF8(_ text: String, _ isValid: Bool) {
        let bytes = Array(text.utf8)
        #expect(UTF8Check.isValid(bytes[...]) == isValid)
        #expect(UTF8Check.isValid(bytes, 0..<bytes.count) == isValid)
    }

    @Test(
        arguments: [
            [0x80], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xe0, 0x9f, 0xbf], [0xed, 0xa0, 0x80],
            [0xe2, 0x98], [0xf0, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80],
            [0xf5, 0x80, 0x80, 0x80],
            [0xff], [0xf0, 0x9d, 0x84], [0xc3, 0x28],
        ] as [[UInt8]])
    func brokenSequencesAreNot(_ bytes: [UInt8]) {
        for padding in [0, 1, 63, 64, 100] {
            let before = [UInt8](repeating: 0x61, count: padding)
            #expect(!UTF8Check.isValid((before + bytes)[...]))
            #expect(!UTF8Check.isValid((before + bytes + before + [0x20])[...]) || bytes == [])
        }
    }

    @Test func randomBytesAgreeWithTheStandardLibrary() {
        var random = SplitMix(seed: 9)
        for _ in 0..<20_000 {
            let count = Int(random.next() % 6)
            let bytes = (0..<count).map { _ in
                [0x61, 0x80, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0x8f, 0x90]
                    .randomElement(using: &random) ?? 0
            }.map { UInt8($0) }
            #expect(
                UTF8Check.isValid(bytes[...]) == (String(validating: bytes, as: UTF8.self) != nil))
        }
    }

    private func lowered(_ byte: UInt8) -> UInt8 {
        (0x41...0x5a).contains(byte) ? byte + 0x20 : byte
    }

    private func naive(_ needle: [UInt8], in hay: [UInt8], _ from: Int, _ to: Int) -> Int? {
        guard needle.count <= to - from else { return nil }
        return (from...to - needle.count).first {
            hay[$0..<$0 + needle.count].elementsEqual(needle)
        }
    }
}
