import Encoding
import Testing

struct LineTemplatesTests {
    static let cases: [[String]] = [
        [],
        [""],
        ["", "", "7", ""],
        (0..<500).map {
            "took \($0) ms, id \(String($0 &* 2_654_435_761, radix: 16)) of 0\($0 % 10)"
        },
        (0..<300).map { "2024-05-02T12:17:\(10 + $0 % 50).\(600_000_000 + $0 &* 7_919)Z up" },
        (0..<100).map { "id=54680f2e-6c3a-09c4-aaaa-\(100_000_000_000 + $0)x y" },
        (0..<100).map { "id=54680f2e-6c3a-09c4-aaaa-\(100_000_000_000 + $0) \($0 % 3)" },
        (0..<100).map { "word\($0 % 2 == 0 ? "A" : "a")1F2E3D4C \($0)" },
        (0..<100).map { "\($0 % 4 == 0 ? "000" : "")\($0) leading" },
        (0..<100).map { "\(String(repeating: "9", count: 1 + $0 % 40)) long" },
        (0..<600).map { String(repeating: "x", count: $0) + " \($0) " },
        (0..<2_000).map { "t\(String(repeating: "y", count: $0 / 5)) \($0)" },
        (0..<100).map { "a\u{0}b\n\u{1}\($0)\u{FF}é\($0 % 3)" },
    ]

    static func joined(_ lines: [[UInt8]]) -> (bytes: [UInt8], ends: [UInt32]) {
        var bytes: [UInt8] = []
        var ends: [UInt32] = []
        for line in lines {
            bytes += line
            ends.append(UInt32(bytes.count))
        }
        return (bytes, ends)
    }

    @Test(arguments: cases.indices, CodecTier.allCases)
    func givesBackEveryByte(number: Int, tier: CodecTier) throws {
        let (bytes, ends) = LineTemplatesTests.joined(
            LineTemplatesTests.cases[number].map { Array($0.utf8) })
        let encoded = LineTemplates.encode(bytes, lineEnds: ends[...], tier: tier)
        var reader = ByteReader(encoded)
        let (found, foundEnds) = try LineTemplates.decode(
            &reader, lineCount: ends.count, rawBytes: bytes.count)
        #expect(found == bytes)
        #expect(foundEnds == ends)
        #expect(reader.isAtEnd)
    }

    @Test(arguments: [1, 2, 3])
    func givesBackRandomBytes(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let alphabet = Array("0123456789abcdefxyzABC -./\u{0}\n\u{FE}".utf8)
        let lines = (0..<800).map { _ in
            (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
        }
        let (bytes, ends) = LineTemplatesTests.joined(lines)
        let encoded = LineTemplates.encode(bytes, lineEnds: ends[...], tier: .hot)
        var reader = ByteReader(encoded)
        let (found, _) = try LineTemplates.decode(
            &reader, lineCount: ends.count, rawBytes: bytes.count)
        #expect(found == bytes)
    }

    @Test func damageIsAnErrorNeverATrap() {
        let (bytes, ends) = LineTemplatesTests.joined(
            LineTemplatesTests.cases[3].map { Array($0.utf8) })
        let encoded = LineTemplates.encode(bytes, lineEnds: ends[...], tier: .dense)
        var random = SplitMix(seed: 4)
        for round in 0..<2_000 {
            var damaged = encoded
            if round % 3 == 0 {
                damaged.removeLast(Int.random(in: 0..<encoded.count, using: &random))
            } else {
                for _ in 0..<1 + round % 5 {
                    damaged[Int.random(in: 0..<encoded.count, using: &random)] = UInt8(
                        truncatingIfNeeded: random.next())
                }
            }
            var reader = ByteReader(damaged)
            do throws(EncodingError) {
                _ = try LineTemplates.decode(
                    &reader, lineCount: ends.count, rawBytes: bytes.count)
            } catch {}
        }
    }
}
