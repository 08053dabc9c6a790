import Testing

@testable import Query

@Suite struct TimeZoneRulesTests {
    private typealias Kind = TimeZoneRules.Kind

    /// A file of version 2: its transitions, its kinds (offset and name), and the rule behind them.
    private static func file(
        _ transitions: [(Int64, Int)], _ kinds: [(Int32, String)], _ rule: String
    ) -> [UInt8] {
        func big(_ value: Int64, _ count: Int) -> [UInt8] {
            (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        let names: [UInt8] = kinds.flatMap { (kind) -> [UInt8] in Array(kind.1.utf8) + [0] }
        var starts: [Int] = []
        for index in kinds.indices {
            starts.append(kinds[..<index].reduce(0) { $0 + $1.1.utf8.count + 1 })
        }
        func block(_ timeBytes: Int) -> [UInt8] {
            var bytes = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15 + 12)
            for count in [transitions.count, kinds.count, names.count] {
                bytes += big(Int64(count), 4)
            }
            for transition in transitions { bytes += big(transition.0, timeBytes) }
            bytes += transitions.map { UInt8($0.1) }
            for (index, kind) in kinds.enumerated() {
                bytes += big(Int64(kind.0), 4)
                bytes += [0, UInt8(starts[index])] as [UInt8]
            }
            return bytes + names
        }
        return block(4) + block(8) + Array("\n\(rule)\n".utf8)
    }

    private static let berlin = file(
        [(-2_422_054_408, 1), (796_179_600, 2), (814_323_600, 1)],
        [(3_208, "LMT"), (3_600, "CET"), (7_200, "CEST")], "CET-1CEST,M3.5.0,M10.5.0/3")

    @Test func whatClocksShow() throws {
        let rules = try #require(TimeZoneRules(Self.berlin))
        #expect(rules.kind(at: -3_000_000_000) == Kind(offset: 3_208, name: "LMT"))
        #expect(rules.kind(at: 0) == Kind(offset: 3_600, name: "CET"))
        #expect(rules.kind(at: 796_179_599).name == "CET")
        #expect(rules.kind(at: 796_179_600).name == "CEST")
        // By the rule: 30 March and 26 October 2025, 01:00 UTC.
        for (seconds, name) in [
            (1_743_296_399, "CET"), (1_743_296_400, "CEST"), (1_761_440_399, "CEST"),
            (1_761_440_400, "CET"),
        ] as [(Int64, String)] {
            #expect(rules.kind(at: seconds).name == name)
        }
        // 02:30 does not exist on that day, and comes twice on the other.
        #expect(rules.kind(ofLocal: 1_743_301_800).offset == 3_600)
        #expect(rules.kind(ofLocal: 1_761_445_800).offset == 3_600)
        #expect(rules.offset(named: "CEST", ofLocal: 1_761_445_800) == 7_200)
        #expect(rules.offset(named: "MST", ofLocal: 0) == nil)
    }

    @Test(
        arguments: [
            // South of the equator the year begins in summer.
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_735_689_600, 39_600, "AEDT"),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_751_328_000, 36_000, "AEST"),
            ("<+0530>-5:30", 0, 19_800, "+0530"),
            ("EST5EDT4,J60,J300", 1_709_251_200, -18_000, "EST"),
            ("EST5EDT4,J60,J300", 1_709_276_400, -14_400, "EDT"),
            ("XXX3YYY,0/0,364/23", 1_750_000_000, -7_200, "YYY"),
            // Greenland's changes lie on the day before.
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_743_296_400, -3_600, "-01"),
            ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 1_743_296_399, -7_200, "-02"),
        ] as [(String, Int64, Int, String)])
    func rulesOfAYear(text: String, seconds: Int64, offset: Int, name: String) throws {
        let rule = try #require(PosixTimeZone(Array(text.utf8)[...]))
        #expect(rule.kind(at: seconds) == Kind(offset: offset, name: name))
        let rules = try #require(TimeZoneRules(Self.file([], [(Int32(offset), name)], text)))
        #expect(rules.kind(at: seconds) == Kind(offset: offset, name: name))
    }

    @Test(arguments: [
        "", "C1", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J1", "CET-168",
        "CET-1CEST,M3.5.0,M10.5.0,", "<CET-1", "CET-1:60", "CET-1CEST,366,1",
    ])
    func whatIsNoRule(text: String) {
        #expect(PosixTimeZone(Array(text.utf8)[...]) == nil)
    }

    @Test func damagedFilesAreNone() throws {
        for length in 0..<Self.berlin.count {
            // Cut before the rule that follows the last newline it is a file without a rule.
            let cut = TimeZoneRules(Array(Self.berlin.prefix(length)))
            if let cut { #expect(cut.kind(at: 1_761_440_399).name == "CET") }
        }
        for place in Self.berlin.indices {
            for value in [0, 0x7F, 0xFF] as [UInt8] {
                var bytes = Self.berlin
                bytes[place] = value
                _ = TimeZoneRules(bytes)?.kind(at: 1_761_440_400)
            }
        }
    }

    @Test func namesStayInTheirFolder() {
        for name in ["", "/etc/passwd", "../x", "a/../../b", "a b", "a\u{0}b"] {
            #expect(TimeZoneFiles.rules(named: name) == nil)
        }
    }
}
