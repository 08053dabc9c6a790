import Encoding
import Model
import Platform
import Storage
import Testing

/// What the index prunes must never be missed: every search is held against a plain loop.
struct LogSearchTests {
    static let words = [
        "error", "Error", "timeout", "GET", "/api/v1/users", "user_id", "trace", "naïve", "kelvin",
        "Kubernetes", "status=200", "a", "x1", "deadbeef", "ERR-17",
    ]

    static func corpus(_ dice: inout Dice, count: Int) -> [PlainLine] {
        (0..<count).map { number in
            var text = ""
            for _ in 0...dice.below(8) {
                switch dice.below(9) {
                case 0: text += String(dice.next() % 100_000, radix: 16)
                case 1: text += "\(dice.below(1_000))"
                case 2: text += "10.\(dice.below(4)).\(dice.below(256)).\(dice.below(256))"
                case 3: text += "\u{1F600}"
                case 4: text += String(dice.next(), radix: 16, uppercase: dice.below(4) == 0)
                case 5: text += "\(dice.next() >> UInt64(dice.below(60)))00\(dice.below(99))"
                case 6:
                    text += String(dice.next(), radix: 16) + String(dice.next(), radix: 16)
                default: text += dice.pick(words)
                }
                text += dice.pick([" ", "=", "-", ".", "", "\n", "\u{0}"])
            }
            if dice.below(400) == 0 {
                text += String(repeating: "Qz9", count: dice.pick([40, 60, 85, 86, 100]))
            }
            return PlainLine(
                labels: Labels([("app", "a\(dice.below(3))"), ("pod", "p\(dice.below(40))")]),
                timestamp: Int64(number / 3 + dice.below(20)), text: text)
        }
    }

    static func pattern(
        _ dice: inout Dice, _ lines: [PlainLine]
    ) throws -> LineFilter.Pattern {
        let line = dice.pick(lines).text
        let start = dice.below(line.count + 1)
        let count = 1 + dice.below(dice.below(4) == 0 ? 300 : 14)
        let piece = Array(line[start..<min(line.count, start + count)])
        switch dice.below(4) {
        case 0: return .contains(piece)
        case 1: return .containsFolded(piece.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 })
        case 2: return .contains(Array(dice.pick(words).utf8))
        default:
            let text = dice.pick(words)
            let expressions = [
                "(?i)\(text)", "\(text)[=-]\\d+", "(error|timeout)\\W", "^\(text)", "\(text)$",
                "10\\.3\\.(1|2)7", "u(ser)?_id", "(?i:kelvin|naïve)x?", "\\bGET\\b", ".*",
                "stat(us|e)=2", "[0-9a-f]{14}0", "\\.2[0-9]{2}\\b", "dead", "(?i)F00", "0000?",
                "[Ee]rror+", "Qz9Qz", "x{0}1|tr(?:ac)e", "\\QERR-\\E17",
            ]
            return .matches(try RegularExpression(dice.pick(expressions)))
        }
    }

    static func passes(_ filter: LineFilter, _ line: [UInt8]) -> Bool {
        let isMatch = filter.alternatives.contains { pattern in
            switch pattern {
            case .contains(let bytes): holds(line, bytes)
            case .containsFolded(let bytes):
                holds(line.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }, bytes)
            case .matches(let expression): expression.matches(in: line[...])
            }
        }
        return isMatch != filter.negated
    }

    static func holds(_ line: [UInt8], _ bytes: [UInt8]) -> Bool {
        guard bytes.count <= line.count else { return false }
        return (0...line.count - bytes.count).contains {
            line[$0..<$0 + bytes.count].elementsEqual(bytes)
        }
    }

    @Test(arguments: [1, 2, 3])
    func findsExactlyWhatAPlainLoopFinds(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let lines = LogSearchTests.corpus(&dice, count: 3_000)
        let scratch = try ScratchDisk()
        let third = lines.count / 3
        let first = try scratch.write(try memtable(Array(lines[..<third])).seal())
        let second = try scratch.write(try memtable(Array(lines[third..<2 * third])).seal())
        let last = memtable(Array(lines[(2 * third)...]))
        let merged = try scratch.write(
            try LogMerge.merge([first, second]) { _, _ in .distantPast })
        for round in 0..<40 {
            var filters: [LineFilter] = []
            for _ in 0..<dice.below(3) {
                var alternatives: [LineFilter.Pattern] = []
                for _ in 0...dice.below(2) {
                    alternatives.append(try LogSearchTests.pattern(&dice, lines))
                }
                filters.append(LineFilter(alternatives, negated: dice.below(5) == 0))
            }
            let selector =
                dice.below(2) == 0
                ? Selector.everything : Selector([try Matcher("pod", .matches, "p1.?|p2")])
            let start = Int64(dice.below(500))
            let end = start + Int64(dice.below(1_000))
            let expected = LogSegmentTests.ordered(
                lines.filter { line in
                    line.timestamp >= start && line.timestamp < end
                        && selector.matches(line.labels)
                        && filters.allSatisfy { LogSearchTests.passes($0, line.text) }
                })
            for sources in [
                [LogSource.segment(first), .segment(second), .memtable(last)],
                [.segment(merged), .memtable(last)],
            ] {
                let order: LineRequest.Order = dice.pick([.forward, .backward, .any])
                let limit: Int? = dice.below(2) == 0 ? nil : 1 + dice.below(30)
                let found = try search(
                    sources, selector: selector, start: start, end: end, filters: filters,
                    order: order, limit: limit)
                #expect(found.completeness.isComplete)
                check(
                    found.lines, expected, order: order, limit: limit,
                    "seed \(seed) round \(round) \(filters)")
            }
        }
    }

    /// Between streams equal timestamps have an order of their own; within one it is arrival.
    private func check(
        _ found: [PlainLine], _ expected: [PlainLine], order: LineRequest.Order, limit: Int?,
        _ note: String
    ) {
        let whole = order == .backward ? expected.reversed() : expected
        #expect(found.count == min(limit ?? .max, whole.count), Comment(rawValue: note))
        if order == .any {
            var counts: [PlainLine: Int] = [:]
            for line in whole { counts[line, default: 0] += 1 }
            for line in found { counts[line, default: 0] -= 1 }
            #expect(counts.values.allSatisfy { $0 >= 0 }, Comment(rawValue: note))
            return
        }
        #expect(
            found.map(\.timestamp) == whole.prefix(found.count).map(\.timestamp),
            Comment(rawValue: note))
        for stream in Set(found.map(\.labels)) {
            let mine = found.filter { $0.labels == stream }
            #expect(
                mine == Array(whole.filter { $0.labels == stream }.prefix(mine.count)),
                Comment(rawValue: note))
        }
    }

    @Test func readsOnlyTheBlocksThatMayHoldTheWord() throws {
        var lines = (0..<60_000).map {
            PlainLine(
                labels: LogSegmentTests.web, timestamp: Int64($0),
                text: "GET /item/\($0 &* 7_919 % 100_003) took \($0 % 977) ms")
        }
        lines[30_000].text = Array("trace 54680f2e6c3a09c4 found".utf8)
        let segment = try ScratchDisk().write(try memtable(lines).seal())
        #expect(segment.summary.blockCount >= 6)
        for needle in ["54680f2e6c3a09c4", "680F2e6c3a09", " 54680f2e6c3a09c4 f", "absent-word"] {
            let budget = QueryBudget()
            let filter = LineFilter([
                needle == "680F2e6c3a09"
                    ? .containsFolded(Array(needle.lowercased().utf8))
                    : .contains(Array(needle.utf8))
            ])
            let found = try search([.segment(segment)], filters: [filter], budget: budget)
            #expect(found.lines.count == (needle == "absent-word" ? 0 : 1))
            #expect(budget.bytesCharged <= (needle == "absent-word" ? 0 : 256 << 10), "\(needle)")
        }
    }

    @Test func aLimitStopsBeforeAllIsRead() throws {
        let lines = (0..<60_000).map {
            PlainLine(
                labels: LogSegmentTests.web, timestamp: Int64($0),
                text: "GET /item/\($0 &* 7_919 % 100_003) took \($0 % 977) ms")
        }
        let segment = try ScratchDisk().write(try memtable(lines).seal())
        for order in [LineRequest.Order.forward, .backward, .any] {
            let budget = QueryBudget()
            let found = try search([.segment(segment)], order: order, limit: 10, budget: budget)
            #expect(found.lines.count == 10)
            #expect(budget.bytesCharged <= 256 << 10)
        }
    }

    @Test func budgetAndSinkStopTheSearch() throws {
        let table = memtable(
            (0..<20_000).map {
                PlainLine(labels: LogSegmentTests.web, timestamp: Int64($0), text: "line \($0)")
            })
        let poor = QueryBudget(limits: QueryBudget.Limits(bytesMax: 1_000))
        #expect(throws: QueryLimitError.exceeded(limit: "query.bytes_max", allowed: 1_000)) {
            try search([.memtable(table)], budget: poor)
        }
        let gone = QueryBudget()
        gone.cancel()
        #expect(throws: QueryLimitError.cancelled) {
            try search([.memtable(table)], budget: gone)
        }
        var batches = 0
        let request = LineRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            order: .forward, budget: QueryBudget())
        _ = try LogSearch(request, sources: [.memtable(table)]).run { _ in
            batches += 1
            return false
        }
        #expect(batches == 1)
    }

    @Test func mergeKeepsOrderAndDropsWhatIsExpired() throws {
        let scratch = try ScratchDisk()
        let gone = Tenant("gone")!
        var all: [PlainLine] = []
        var segments: [LogSegment] = []
        for part in 0..<3 {
            let lines = (0..<3_000).map { number in
                PlainLine(
                    tenant: number % 7 == 0 ? gone : .standard,
                    labels: Labels([("app", "a\(number % 5)")]), timestamp: Int64(number / 2),
                    text: "part \(part) line \(number)", metadata: Labels(["n": "\(number % 3)"]))
            }
            all += lines
            segments.append(try scratch.write(try memtable(lines).seal()))
        }
        let keep = { (_: Int, series: IndexedSeries) -> Timestamp? in
            series.tenant == gone ? nil : Timestamp(nanos: series.labels["app"] == "a1" ? 700 : 0)
        }
        let built = try LogMerge.merge(segments, keepFrom: keep)
        #expect(built.data == (try LogMerge.merge(segments, keepFrom: keep)).data)
        let merged = try scratch.write(built)
        #expect(merged.index.tenants == [.standard])
        for app in 0..<5 {
            let labels = Labels([("app", "a\(app)")])
            let expected = all.enumerated().filter {
                $0.element.tenant == .standard && $0.element.labels == labels
                    && (app != 1 || $0.element.timestamp >= 700)
            }.sorted {
                ($0.element.timestamp, $0.offset) < ($1.element.timestamp, $1.offset)
            }.map(\.element)
            let found = try search(
                [.segment(merged)], selector: Selector([Matcher("app", equals: "a\(app)")]))
            #expect(found.lines == expected)
        }
        let inspection = try LogInspection(merged)
        #expect(inspection.failures.isEmpty)
        #expect(inspection.summary == built.summary)
        let nothing = try LogMerge.merge(segments) { _, _ in nil }
        #expect(nothing.summary.lineCount == 0)
        #expect(try search([.segment(try scratch.write(nothing))]).lines.isEmpty)
    }
}
