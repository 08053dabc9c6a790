import Encoding
import Testing

@Suite("LineScan")
struct LineScanTests {
    struct Cut: Equatable {
        var name: String
        var value: String
        var rest: String
        var number: Double?
        var isSigned: Bool
    }

    private static func text(_ bytes: [UInt8], _ from: UInt32, _ to: UInt32) -> String {
        String(decoding: bytes[Int(min(from, to))..<Int(to)], as: UTF8.self)
    }

    private static func cuts(_ bytes: [UInt8], _ ranges: [Range<Int>]) -> [Cut] {
        var scan = LineScan(seed: 1)
        var result: [Cut] = []
        scan.begin()
        while scan.fill(bytes, ranges: ranges) {
            for index in 0..<scan.count {
                let line = scan[index]
                result.append(
                    Cut(
                        name: text(bytes, line.start, line.nameEnd),
                        value: text(bytes, line.nameEnd + 1, line.valueEnd),
                        rest: text(bytes, line.valueEnd, line.end),
                        number: line.form == .other ? nil : line.number,
                        isSigned: line.form == .signed))
            }
        }
        return result
    }

    private static func cut(_ line: String) -> Cut? {
        let bytes = Array(line.utf8)
        return cuts(bytes, [0..<bytes.count]).first
    }

    @Test(
        "plain decimals are read, correctly rounded",
        arguments: [
            ("a:1|c", 1.0), ("a:0|c", 0), ("a:-1.5|g", -1.5), ("a:+5|g", 5), ("a:.5|c", 0.5),
            ("a:5.|c", 5), ("a:-.25|c", -0.25), ("a:0.1|c", 0.1), ("a:0.30000000000000004|c", nil),
            ("a:9007199254740993|g", 9007199254740992),
            ("a:123456789012345678|g", 1.2345678901234568e17),
            ("a:9999999999999999999|g", 1e19), ("a:18446744073709551615|g", nil),
            ("a:1e3|c", nil), ("a:0x10|c", nil), ("a:1_000|c", nil), ("a:1,5|c", nil),
            ("a:NaN|c", nil), ("a:|c", nil), ("a:.|c", nil), ("a:-|c", nil), ("a:1:2|c", nil),
            ("a: 1|c", nil), ("a:1", nil), ("a:+-1|c", nil), ("a:1.2.3|c", nil),
            ("a:3.14159|ms|@0.1|#x:y", 3.14159),
        ] as [(String, Double?)])
    func numbers(line: String, expected: Double?) {
        #expect(Self.cut(line)?.number == expected)
    }

    @Test("a sign is told apart, and minus zero keeps it")
    func signs() {
        #expect(Self.cut("a:+5|g")?.isSigned == true)
        #expect(Self.cut("a:5|g")?.isSigned == false)
        #expect(Self.cut("a:-0|g")?.number?.sign == .minus)
    }

    @Test("lines are cut at the first colon and the first bar behind it")
    func fields() {
        let bytes = Array("x|y:1|c\n\n\nnothing\nno:bar\n:|\na:b:c|s|#k:v\r\nlast:7|g".utf8)
        let cuts = Self.cuts(bytes, [0..<bytes.count])
        #expect(
            cuts.map { [$0.name, $0.value, $0.rest] } == [
                ["x|y", "1", "|c"], ["nothing", "", ""], ["no", "bar", ""], ["", "", "|"],
                ["a", "b:c", "|s|#k:v\r"], ["last", "7", "|g"],
            ])
    }

    /// Vectors of 64 bytes, the tail of the buffer and range ends must all cut alike.
    @Test("the result does not depend on where in the buffer a line lies")
    func position() {
        var lines: [String] = []
        for index in 0..<200 {
            let long = String(repeating: "n", count: index % 150)
            lines.append("\(long)k\(index):\(index).\(index % 7)|ms|#tag:\(long)")
        }
        let joined = Array(lines.joined(separator: "\n").utf8)
        let expected = lines.compactMap(Self.cut)
        #expect(expected.count == 200)
        #expect(Self.cuts(joined, [0..<joined.count]) == expected)
        var slab: [UInt8] = []
        var ranges: [Range<Int>] = []
        for line in lines {
            let start = slab.count
            slab += Array(line.utf8)
            ranges.append(start..<slab.count)
            // What lies between the ranges must not matter.
            slab += Array("::\n|junk:1|c".utf8)
        }
        #expect(Self.cuts(slab, ranges) == expected)
    }

    @Test("empty buffers and ranges have no lines")
    func empty() {
        #expect(Self.cuts([], []) == [])
        #expect(Self.cuts([], [0..<0]) == [])
        #expect(Self.cuts(Array("\n\n\n".utf8), [0..<3, 3..<3]) == [])
    }
}
