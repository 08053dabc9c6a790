import Encoding
import Testing

/// Lines that are read for a search are those that a plain loop finds, byte for byte.
struct TemplateLinesTests {
    static func lines(_ random: inout SplitMix) -> [[UInt8]] {
        let kinds = Int.random(in: 1...6, using: &random)
        return (0..<Int.random(in: 1...600, using: &random)).map { number in
            let id = random.next()
            var text =
                switch Int.random(in: 0..<kinds, using: &random) {
                case 0: "took \(id % 1_000) ms, Error of \(id >> 40) is e\(id % 7)"
                case 1: "10.\(id % 3).\(id >> 8 % 256).\(id % 256) traceID=\(hex(id)) Timeout"
                case 2:
                    "id=\(hex(id).prefix(8))-6c3a-09c4-aaaa-\(hex(id).prefix(12)) done 0x\(id % 9)"
                case 3: "node\(id % 4)x\(number)rror \(id % 12):\(id % 60)"
                case 4: "word\(id % 2 == 0 ? "A" : "a")1F2E3D\(id % 100)q \(number)"
                default: String(decoding: random.bytes(Int(id % 40)), as: UTF8.self)
                }
            if id % 50 == 0 { text += "\n\u{0}\(id)" }
            return Array(text.utf8)
        }
    }

    static func hex(_ id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func needle(_ lines: [[UInt8]], _ random: inout SplitMix) -> Needle {
        let words = ["error", "timeout", "10.2", "aaaa", "0", "e", "rror ", ": ", "f00", "-6c"]
        if Bool.random(using: &random) {
            return Needle(
                words[Int.random(in: 0..<words.count, using: &random)].utf8,
                ignoresCase: Bool.random(using: &random))
        }
        let line = lines[Int.random(in: 0..<lines.count, using: &random)]
        let start = Int.random(in: 0...line.count, using: &random)
        let end = min(line.count, start + Int.random(in: 0...20, using: &random))
        return Needle(line[start..<end], ignoresCase: Bool.random(using: &random))
    }

    @Test(arguments: 1...60, CodecTier.allCases)
    func missesNoLineThatHoldsAText(seed: UInt64, tier: CodecTier) throws {
        var random = SplitMix(seed: seed)
        let lines = TemplateLinesTests.lines(&random)
        let (bytes, ends) = LineTemplatesTests.joined(lines)
        let encoded = LineTemplates.encode(bytes, lineEnds: ends[...], tier: tier)
        var memory = TemplateMemory()
        for _ in 0..<20 {
            var reader = ByteReader(encoded)
            var block = try TemplateLines(
                &reader, lineCount: lines.count, rawBytes: bytes.count, memory: memory)
            let conditions = (0..<Int.random(in: 1...2, using: &random)).map { _ in
                (0..<Int.random(in: 1...2, using: &random)).map { _ in
                    TemplateLinesTests.needle(lines, &random)
                }
            }
            let rows = try block.rows(holding: conditions)
            #expect(rows == rows.sorted() && Set(rows).count == rows.count)
            let candidates = Set(rows)
            for (row, line) in lines.enumerated() where !candidates.contains(UInt32(row)) {
                let passes = conditions.allSatisfy { needles in
                    needles.contains { $0.isFound(in: line, from: 0, to: line.count) }
                }
                #expect(!passes, "seed \(seed): line \(row) is missed by \(conditions)")
            }
            let (found, foundEnds) = try block.lines(rows)
            let (wanted, wantedEnds) = LineTemplatesTests.joined(rows.map { lines[Int($0)] })
            #expect(found == wanted && foundEnds == wantedEnds, "seed \(seed)")
            memory = block.takeMemory()
        }
    }

    @Test func namesOnlyLinesOfTheValue() throws {
        let lines = (0..<500 as Range<UInt64>).map { number in
            Array("trace=\(TemplateLinesTests.hex(number &* 0x9e37_79b9_7f4a_7c15)) ok".utf8)
        }
        let (bytes, ends) = LineTemplatesTests.joined(lines)
        let encoded = LineTemplates.encode(bytes, lineEnds: ends[...], tier: .dense)
        var reader = ByteReader(encoded)
        var block = try TemplateLines(&reader, lineCount: 500, rawBytes: bytes.count)
        #expect(try block.rows(holding: [[Needle(lines[77][6..<22])]]) == [77])
        #expect(try block.rows(holding: [[Needle("absent".utf8)]]) == [])
    }
}
