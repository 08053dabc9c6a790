import Ingest
import Model
import Testing

/// A connection that sends to an intake, with a clock that is moved by hand.
struct JoiningBench {
    var intake: SyslogIntake
    private var framers: [UInt64: SyslogFramer] = [:]
    private let frameBytesMax: Int

    /// `start`: nil for no joining of lines.
    init(start: String? = #"^\S"#, _ change: (inout SyslogOptions) -> Void = { _ in }) throws {
        var options = SyslogOptions()
        options.joining.start = try start.map { try RegularExpression($0) }
        change(&options)
        frameBytesMax = options.lineBytesMax
        intake = SyslogIntake(options: options, seed: 1)
    }

    /// Sends on connection `connection`; with `isOver` it ends.
    mutating func send(_ text: String, on connection: UInt64 = 1, isOver: Bool = false) {
        send(Array(text.utf8)[...], on: connection, isOver: isOver)
    }

    mutating func send(_ bytes: ArraySlice<UInt8>, on connection: UInt64 = 1, isOver: Bool = false)
    {
        var framer = framers[connection] ?? SyslogFramer(frameBytesMax: frameBytesMax)
        var continuation = SyslogIntake.Continuation(connection: connection)
        framer.append(bytes)
        intake.drain(&framer, &continuation, isOver: isOver, arrival: Seen.arrival)
        framers[connection] = framer
    }

    mutating func datagram(_ text: String, from sender: UInt64) {
        let bytes = Array(text.utf8)
        intake.datagram(bytes, 0..<bytes.count, arrival: Seen.arrival, sender: sender)
    }

    /// What was written since the last call.
    mutating func written() -> [SeenLine] { Seen.lines(intake.takeBatch()) }
    mutating func texts() -> [String] { written().map(\.text) }

    /// As logspout writes it: `second` of 2026-11-24T12:00.
    static func line(
        _ text: String, app: String = "web", pid: Int = 7, second: Int = 0, priority: Int = 14
    ) -> String {
        let digits = second < 10 ? "0\(second)" : "\(second)"
        return "<\(priority)>1 2026-11-24T12:00:\(digits)Z host \(app) \(pid) - - \(text)\n"
    }
}

@Suite struct SyslogJoiningTests {
    static let trace = [
        "java.lang.IllegalStateException: no stock", "\tat shop.Cart.pay(Cart.java:12)", "",
        "  at shop.Main.main(Main.java:3)",
    ]

    @Test func aStackTraceBecomesOneRecordWithTheHeadOfItsFirstLine() throws {
        var bench = try JoiningBench()
        for (index, line) in Self.trace.enumerated() {
            bench.send(JoiningBench.line(line, second: index))
        }
        #expect(bench.texts().isEmpty)
        bench.send(JoiningBench.line("next", second: 9))
        let record = try #require(bench.written().first)
        #expect(record.text == Self.trace.joined(separator: "\n"))
        #expect(record.nanos == Seen.arrival)
        #expect(record.metadata == ["procid=7"])
        #expect(record.labels["app"] == "web" && record.labels["severity"] == "info")
        #expect(bench.intake.counts.joined == 3 && bench.intake.counts.structured == 5)
        bench.send("", isOver: true)
        #expect(bench.texts() == ["next"])
        #expect(bench.intake.recordCount == 0)
    }

    @Test func withoutAPatternEveryLineLeavesAtOnce() throws {
        var bench = try JoiningBench(start: nil)
        for line in Self.trace { bench.send(JoiningBench.line(line)) }
        #expect(bench.texts() == Self.trace)
        #expect(bench.intake.counts.joined == 0)
    }

    /// Also those whose bytes, one after the other, would look alike.
    @Test func whatIsInterleavedIsKeptApart() throws {
        var bench = try JoiningBench()
        let heads: [(connection: UInt64, app: String, pid: Int, priority: Int)] = [
            (1, "web", 7, 14), (1, "web", 7, 11), (1, "web", 8, 14), (1, "we", 7, 14),
            (1, "db", 7, 14), (2, "web", 7, 14), (1, "web1", 2, 14), (1, "web", 12, 14),
        ]
        for part in ["start", "\tmore", "\tend"] {
            for (index, head) in heads.enumerated() {
                bench.send(
                    JoiningBench.line(
                        part + "\(index)", app: head.app, pid: head.pid, priority: head.priority),
                    on: head.connection)
            }
        }
        #expect(bench.intake.recordCount == heads.count)
        bench.send("", on: 1, isOver: true)
        bench.send("", on: 2, isOver: true)
        #expect(
            bench.texts().sorted() == heads.indices.map { "start\($0)\n\tmore\($0)\n\tend\($0)" })
    }

    @Test(arguments: [false, true])
    func howTheBytesAreCutDoesNotMatter(isCounted: Bool) throws {
        let lines = (Self.trace + ["next", " of next"]).map { JoiningBench.line($0) }
        let stream = Array(
            (isCounted ? lines.map { "\($0.utf8.count) \($0)" } : lines).joined().utf8)
        for cut in 0...stream.count {
            var bench = try JoiningBench()
            bench.send(stream[..<cut])
            bench.send(stream[cut...], isOver: true)
            let texts = bench.texts()
            try #require(
                texts == [Self.trace.joined(separator: "\n"), "next\n of next"], "at \(cut)")
        }
    }

    @Test func linesWithoutABeginningAreARecord() throws {
        var bench = try JoiningBench()
        bench.send(JoiningBench.line("\tat a") + JoiningBench.line("\tat b"))
        bench.send(JoiningBench.line("next"))
        #expect(bench.texts() == ["\tat a\n\tat b"])
    }

    @Test func aRecordIsWrittenWhenNothingCameForAWhile() throws {
        var bench = try JoiningBench { $0.joining.waitNanos = 500 }
        bench.intake.nowNanos = 1000
        bench.send(JoiningBench.line("a") + JoiningBench.line("b", app: "db"))
        bench.intake.nowNanos = 1400
        bench.send(JoiningBench.line("\tmore"))
        bench.intake.flushRecords(waitingSince: 1499)
        #expect(bench.texts().isEmpty)
        bench.intake.flushRecords(waitingSince: 1500)
        #expect(bench.texts() == ["b"])
        bench.intake.flushRecords(waitingSince: 1899)
        #expect(bench.texts().isEmpty)
        bench.intake.flushRecords(waitingSince: 1900)
        #expect(bench.texts() == ["a\n\tmore"])
    }

    @Test func aRecordOfTooManyLinesIsKeptInParts() throws {
        var bench = try JoiningBench { $0.joining.linesMax = 3 }
        bench.send(JoiningBench.line("s") + (0..<6).map { JoiningBench.line(" \($0)") }.joined())
        bench.send("", isOver: true)
        let lines = bench.written()
        #expect(lines.map(\.text) == ["s\n 0\n 1", " 2\n 3\n 4", " 5"])
        #expect(
            lines.map(\.metadata) == [
                ["procid=7", "varve_part=1"], ["procid=7", "varve_part=2"],
                ["procid=7", "varve_part=3", "varve_part_last=true"],
            ])
        #expect(lines.allSatisfy { $0.nanos == Seen.arrival })
        #expect(bench.intake.counts.recordsOfTooManyLines == 2)
    }

    @Test func aRecordOfTooManyBytesIsKeptInParts() throws {
        var bench = try JoiningBench { $0.lineBytesMax = 64 }
        let long = " " + String(repeating: "x", count: 15)
        bench.send("<14>web[7]: s\n" + String(repeating: "<14>web[7]: \(long)\n", count: 4))
        bench.send("", isOver: true)
        let joined = Array(repeating: long, count: 4)
        #expect(
            bench.texts() == [
                (["s"] + joined.prefix(3)).joined(separator: "\n"), long,
            ])
        #expect(bench.intake.counts.recordsOfTooManyBytes == 1)
    }

    @Test func aLineThatComesInPartsEndsTheRecordBeforeIt() throws {
        var bench = try JoiningBench { $0.lineBytesMax = 20 }
        let long = " " + String(repeating: "y", count: 30)
        bench.send("<14>web[7]: s\n<14>web[7]: \(long)\n<14>web[7]:  t\n", isOver: true)
        let texts = bench.texts()
        #expect(texts.first == "s" && texts.last == " t")
        #expect(texts.dropFirst().dropLast().joined() == long)
    }

    @Test func oneConnectionHasABoundOfRecords() throws {
        var bench = try JoiningBench { $0.joining.connectionRecordsMax = 2 }
        bench.send(JoiningBench.line("other"), on: 2)
        for pid in 0..<4 { bench.send(JoiningBench.line("r\(pid)", pid: pid)) }
        #expect(bench.texts() == ["r0", "r1"])
        #expect(bench.intake.counts.recordsTooManyOfConnection == 2)
        #expect(bench.intake.recordCount == 3)
    }

    @Test func allRecordsTogetherHaveBounds() throws {
        var bench = try JoiningBench { $0.joining.recordsMax = 3 }
        for pid in 0..<5 { bench.send(JoiningBench.line("r\(pid)", pid: pid), on: UInt64(pid)) }
        #expect(bench.texts() == ["r0", "r1"])
        #expect(bench.intake.counts.recordsTooMany == 2)

        bench = try JoiningBench { $0.joining.bytesMax = 40 }
        // The metadata counts too: `procid`, and lengths of a byte each.
        let text = String(repeating: "z", count: 10)
        for pid in 0..<4 { bench.send(JoiningBench.line(text, pid: pid), on: UInt64(pid)) }
        #expect(bench.texts() == [text, text])
        #expect(bench.intake.counts.recordsTooLarge == 2)
    }

    @Test func theEndOfAConnectionWritesItsRecordsAndMarksACutOne() throws {
        var bench = try JoiningBench()
        bench.send(JoiningBench.line("other"), on: 2)
        bench.send(JoiningBench.line("a") + JoiningBench.line("b", pid: 8))
        bench.send("<14>1 - host web 7 - - \tcu", isOver: true)
        let lines = bench.written()
        #expect(lines.map(\.text) == ["a\n\tcu", "b"])
        #expect(lines.map(\.metadata) == [["procid=7", "varve_cut=true"], ["procid=8"]])
        #expect(bench.intake.recordCount == 1)
    }

    @Test func datagramsAreJoinedBySender() throws {
        var bench = try JoiningBench()
        for (sender, text) in [(1, "a"), (2, "b"), (1, " a"), (2, " b")] as [(UInt64, String)] {
            bench.datagram("2026-11-24T12:00:00UTC app[web.1]: \(text)", from: sender)
        }
        bench.intake.flushRecords()
        let lines = bench.written()
        #expect(lines.map(\.text) == ["a\n a", "b\n b"])
        #expect(lines.allSatisfy { $0.metadata == ["procid=web.1"] && $0.labels["app"] == "app" })
    }

    @Test func whatHasNoReadableHeaderStandsAlone() throws {
        var bench = try JoiningBench()
        bench.send("<999> a\n<999> b\n")
        #expect(bench.texts() == ["<999> a", "<999> b"])
    }

    static let piece = String(repeating: "p", count: SyslogJoining.dockerPieceBytes)

    @Test func piecesOfDockersAreJoinedWithoutASeparator() throws {
        var bench = try JoiningBench(start: nil)
        bench.send(JoiningBench.line(Self.piece) + JoiningBench.line("another", app: "db"))
        #expect(bench.texts() == ["another"])
        bench.send(JoiningBench.line(Self.piece, second: 1) + JoiningBench.line("rest", second: 1))
        bench.send(JoiningBench.line("alone"))
        let lines = bench.written()
        #expect(lines.map(\.text) == [Self.piece + Self.piece + "rest", "alone"])
        #expect(lines.first?.nanos == Seen.arrival && lines.first?.metadata == ["procid=7"])
        #expect(bench.intake.counts.joined == 2 && bench.intake.recordCount == 0)
    }

    /// A line of exactly 16,384 bytes is followed by an empty piece.
    @Test func anEmptyPieceEndsALine() throws {
        var bench = try JoiningBench(start: nil)
        bench.send(JoiningBench.line(Self.piece) + JoiningBench.line(""))
        bench.send(JoiningBench.line("next"))
        #expect(bench.texts() == [Self.piece, "next"])
    }

    @Test func otherLengthsAreNoPieces() throws {
        var bench = try JoiningBench(start: nil)
        for text in [String(Self.piece.dropLast()), Self.piece + "p"] {
            bench.send(JoiningBench.line(text) + JoiningBench.line("next"))
            #expect(bench.texts() == [text, "next"])
        }
        bench = try JoiningBench(start: nil) { $0.joining.joinsDockerPieces = false }
        bench.send(JoiningBench.line(Self.piece) + JoiningBench.line("next"))
        #expect(bench.texts() == [Self.piece, "next"])
    }

    @Test func piecesAreJoinedWithinARecordOfSeveralLines() throws {
        var bench = try JoiningBench()
        // The rest of a piece may look like a beginning.
        for text in ["start", "\t" + Self.piece.dropFirst(), "rest", "\tend", "next"] {
            bench.send(JoiningBench.line(text))
        }
        #expect(bench.texts() == ["start\n\t" + Self.piece.dropFirst() + "rest\n\tend"])
    }

    @Test func aVeryLongLineOfPiecesIsKeptInParts() throws {
        var bench = try JoiningBench(start: nil) { $0.lineBytesMax = 40_000 }
        for _ in 0..<5 { bench.send(JoiningBench.line(Self.piece)) }
        bench.send(JoiningBench.line("end") + JoiningBench.line("next"))
        let lines = bench.written()
        #expect(
            lines.map(\.text) == [
                Self.piece + Self.piece, Self.piece + Self.piece, Self.piece + "end", "next",
            ])
        #expect(
            lines.map(\.metadata) == [
                ["procid=7", "varve_part=1"], ["procid=7", "varve_part=2"],
                ["procid=7", "varve_part=3", "varve_part_last=true"], ["procid=7"],
            ])
    }

    /// Whatever comes in whatever order with whatever bounds: every text is in some record, in
    /// order for its key, and all of it is written in the end.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func nothingIsLost(seed: UInt64) throws {
        var state = seed &* 977 &+ 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % bound
        }
        var bench = try JoiningBench {
            $0.lineBytesMax = 100 + next(200)
            $0.joining.linesMax = 1 + next(5)
            $0.joining.connectionRecordsMax = 1 + next(4)
            $0.joining.recordsMax = 1 + next(8)
            $0.joining.bytesMax = 1 + next(300)
        }
        var sent: [String: [String]] = [:]
        for number in 0..<2000 {
            let (connection, pid) = (UInt64(next(3)), next(4))
            let text = (next(3) == 0 ? "" : " ") + "\(number)."
            // The severity tells the connections apart in what is written.
            let line = JoiningBench.line(text, pid: pid, priority: 8 + Int(connection))
            sent["\(connection)/\(pid)", default: []].append(text)
            bench.intake.nowNanos += Int64(next(200_000_000))
            bench.send(line, on: connection)
            if next(20) == 0 { bench.intake.flushRecords(waitingSince: bench.intake.nowNanos) }
            if next(100) == 0 { bench.send("", on: connection, isOver: true) }
        }
        bench.intake.flushRecords()
        #expect(bench.intake.recordCount == 0)
        var seen: [String: [String]] = [:]
        for line in bench.written() {
            let connection =
                ["emerg": 0, "alert": 1, "crit": 2][line.labels["severity"] ?? ""] ?? 9
            let pid = line.metadata.first?.dropFirst("procid=".count) ?? ""
            seen["\(connection)/\(pid)", default: []] +=
                line.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        #expect(seen == sent)
    }
}
