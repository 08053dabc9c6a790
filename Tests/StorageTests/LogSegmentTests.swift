import Model
import Platform
import Storage
import Testing

struct LogSegmentTests {
    static let web = Labels(["app": "web", "host": "a"])
    static let db = Labels(["app": "db", "host": "b"])

    /// Lines by timestamp; equal ones in order of arrival within a stream.
    static func ordered(_ lines: [PlainLine]) -> [PlainLine] {
        lines.enumerated().sorted {
            ($0.element.timestamp, $0.offset) < ($1.element.timestamp, $1.offset)
        }.map(\.element)
    }

    static let cases: [(name: String, lines: [PlainLine])] = [
        ("nothing", []),
        ("one", [PlainLine(labels: web, timestamp: 5, text: "hello")]),
        (
            "empty lines, NULs and bytes that are no UTF-8",
            [
                PlainLine(labels: web, timestamp: 1, text: ""),
                PlainLine(labels: web, timestamp: 2, bytes: [0, 0xFF, 0xFE, 0, 10, 13]),
                PlainLine(labels: web, timestamp: 3, text: ""),
            ]
        ),
        (
            "equal timestamps and equal lines",
            (0..<1_000).map { PlainLine(labels: web, timestamp: 7, text: "line \($0 % 3)") }
        ),
        (
            "a line of 1 MB",
            [
                PlainLine(labels: web, timestamp: 1, text: "before 17"),
                PlainLine(
                    labels: web, timestamp: 2,
                    bytes: (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }),
                PlainLine(labels: web, timestamp: 3, text: "after 18"),
            ]
        ),
        (
            "far apart timestamps",
            [Int64.min, -1, 0, 1, Int64.max - 1].map {
                PlainLine(labels: web, timestamp: $0, text: "at \($0)")
            }
        ),
        (
            "metadata on some lines",
            (0..<500).map {
                PlainLine(
                    labels: web, timestamp: Int64($0), text: "m \($0)",
                    metadata: $0 % 3 == 0
                        ? .empty : Labels([("trace", "\($0 * 7)"), ("level", "info")]))
            }
        ),
        (
            "a thousand streams of two lines",
            (0..<2_000).map {
                PlainLine(
                    labels: Labels([("app", "a\($0 % 7)"), ("pod", "p\($0 % 1_000)")]),
                    timestamp: Int64($0), text: "line \($0) of a small stream")
            }
        ),
    ]

    @Test(arguments: cases.indices)
    func keepsEveryLineInOrder(number: Int) throws {
        let (name, lines) = LogSegmentTests.cases[number]
        let expected = LogSegmentTests.ordered(lines)
        let table = memtable(lines)
        #expect(table.lineCount == lines.count)
        let scratch = try ScratchDisk()
        let built = try table.seal()
        let segment = try scratch.write(built)
        try segment.verify()
        #expect(segment.summary == built.summary)
        for source in [LogSource.memtable(table), .segment(segment)] {
            for order in [LineRequest.Order.forward, .backward] {
                let found = try search([source], order: order)
                #expect(found.completeness.isComplete)
                #expect(
                    found.lines == (order == .forward ? expected : expected.reversed()), "\(name)")
                let few = try search([source], order: order, limit: 3)
                #expect(few.lines == Array(found.lines.prefix(3)), "\(name)")
            }
            #expect(Set(try search([source], order: .any).lines) == Set(expected))
        }
        #expect(
            try LogSegment.rebuildIndex(disk: scratch.disk, path: segment.path) == built.index)
    }

    @Test func outOfOrderTimestampsAreSortedStably() throws {
        var dice = Dice(seed: 3)
        let lines = (0..<5_000).map {
            PlainLine(
                labels: dice.below(2) == 0 ? LogSegmentTests.web : LogSegmentTests.db,
                timestamp: Int64(dice.below(500)), text: "arrived \($0)")
        }
        let table = memtable(lines)
        let segment = try ScratchDisk().write(try table.seal())
        for stream in [LogSegmentTests.web, LogSegmentTests.db] {
            let expected = LogSegmentTests.ordered(lines.filter { $0.labels == stream })
            let selector = Selector([Matcher("host", equals: stream["host"]!)])
            #expect(try search([.memtable(table)], selector: selector).lines == expected)
            #expect(try search([.segment(segment)], selector: selector).lines == expected)
        }
    }

    @Test func sameLinesGiveTheSameBytes() throws {
        let lines = LogSegmentTests.cases[7].lines
        let a = try memtable(lines, batchLines: 1).seal()
        let b = try memtable(lines, batchLines: 5_000).seal()
        #expect(a.data == b.data)
        #expect(a.index == b.index)
        #expect(a.name == b.name)
    }

    @Test func aFrozenMemtableDoesNotSeeLaterLines() throws {
        var table = memtable([PlainLine(labels: LogSegmentTests.web, timestamp: 1, text: "a")])
        let frozen = table
        var more = LineColumns()
        more.append(streamIndex: 0, timestamp: 2, line: [0x62])
        table.append(
            more, streams: [IndexedSeries(tenant: .standard, labels: LogSegmentTests.web)])
        #expect(try search([.memtable(frozen)]).lines.count == 1)
        #expect(try search([.memtable(table)]).lines.count == 2)
    }

    @Test func tenantsDoNotSeeEachOther() throws {
        let acme = Tenant("acme")!
        let lines = (0..<100).map {
            PlainLine(
                tenant: $0 % 2 == 0 ? .standard : acme, labels: LogSegmentTests.web,
                timestamp: Int64($0), text: "secret \($0)")
        }
        let segment = try ScratchDisk().write(try memtable(lines).seal())
        let found = try search(
            [.segment(segment), .memtable(memtable(lines))], tenant: acme,
            filters: [LineFilter([.contains(Array("secret".utf8))])])
        #expect(found.lines.count == 100)
        #expect(found.lines.allSatisfy { $0.tenant == acme && $0.timestamp % 2 == 1 })
    }

    @Test func aDamagedBlockIsNamedAndTheRestIsAnswered() throws {
        let lines = (0..<40_000).map {
            PlainLine(
                labels: LogSegmentTests.web, timestamp: Int64($0),
                text: "request \($0 &* 7_919) took \($0 % 977) ms for user\($0 % 4_001)")
        }
        var built = try memtable(lines).seal()
        #expect(built.summary.blockCount > 3)
        built.data[100] ^= 1
        let segment = try ScratchDisk().write(built)
        let found = try search([.segment(segment)])
        #expect(!found.completeness.isComplete)
        #expect(found.completeness.missing[0].contains(segment.path.string))
        #expect(found.lines.count > lines.count / 2 && found.lines.count < lines.count)
        #expect(throws: StorageError.self) { try segment.verify() }
    }

    @Test func damageIsAnErrorNeverATrap() throws {
        let lines = (0..<3_000).map {
            PlainLine(
                labels: Labels([("app", "a\($0 % 5)")]), timestamp: Int64($0),
                text: "line \($0) id=\($0 &* 48_271 % 65_537)", metadata: Labels(["n": "\($0 % 9)"])
            )
        }
        let built = try memtable(lines).seal()
        var dice = Dice(seed: 11)
        let scratch = try ScratchDisk()
        for round in 0..<300 {
            var damaged = built
            if round % 5 == 0 {
                damaged.data.removeLast(dice.below(built.data.count))
            } else {
                for _ in 0...dice.below(4) {
                    let place =
                        round % 2 == 0
                        ? dice.below(built.data.count)
                        : built.data.count - 1 - dice.below(400)
                    damaged.data[place] ^= UInt8(1 + dice.below(255))
                }
            }
            do {
                let segment = try scratch.write(damaged)
                _ = try search([.segment(segment)])
            } catch is StorageError {}
        }
    }
}
