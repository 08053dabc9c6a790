import Model
import Query
import Testing

/// `| context` against what a person would do: go through the lines of each stream with a finger.
@Suite struct ContextSearchTests {
    private struct Random {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }

    /// The texts of the lines shown, those around a match with `-` or `+` before them, in groups of
    /// what stands together. Matches lie in `range`, the others too unless `isBeyond`.
    private func expected(
        _ lines: [LogMemoryQuerier.Line], _ range: Range<Int64>, isBeyond: Bool, before: Int,
        after: Int
    ) -> Set<[String]> {
        var groups: Set<[String]> = []
        for stream in Set(lines.map(\.labels)) {
            let own = lines.enumerated()
                .filter {
                    $0.element.labels == stream && (isBeyond || range.contains($0.element.nanos))
                }
                .sorted { ($0.element.nanos, $0.offset) < ($1.element.nanos, $1.offset) }
                .map(\.element)
            func isMatch(_ line: LogMemoryQuerier.Line) -> Bool {
                range.contains(line.nanos) && line.text.last == UInt8(ascii: "x")
            }
            var group: [String] = []
            var rest = 0
            for (index, line) in own.enumerated() {
                let text = String(decoding: line.text, as: UTF8.self)
                if isMatch(line) {
                    group.append(text)
                    rest = after
                } else if rest > 0 {
                    group.append("+" + text)
                    rest -= 1
                } else if own[index...].prefix(before + 1).contains(where: isMatch) {
                    group.append("-" + text)
                } else if !group.isEmpty {
                    groups.insert(group)
                    group = []
                }
            }
            if !group.isEmpty { groups.insert(group) }
        }
        return groups
    }

    @Test(arguments: 0..<60)
    func linesAroundAreThoseOfAFinger(seed: Int) async throws {
        var random = Random(state: UInt64(seed) &* 77 &+ 5)
        let rarity = 2 + random.next(12)
        let spread = 1 + random.next(60)
        let lines = (0..<120).map { number in
            LogMemoryQuerier.Line(
                // The second stream has the labels of the first and more.
                labels: [Labels(["a": "1"]), Labels(["a": "1", "b": "2"]), Labels(["a": "3"])][
                    random.next(3)],
                nanos: Int64(random.next(spread)),
                text: Array("\(number) \(random.next(rarity) == 0 ? "x" : "y")".utf8),
                metadata: .empty)
        }
        let (before, after) = (random.next(5), random.next(5))
        let range = Int64(random.next(spread))..<Int64(spread) + 1
        let ways = [LogQLRequest.Direction.forward, .backward].flatMap {
            [($0, false), ($0, true)]
        }
        for (direction, isBeyond) in ways {
            let request = LogQLRequest(
                tenant: .standard,
                query: try LogQLQuery("{} |= \"x\" | context -B \(before) -A \(after)"),
                start: Timestamp(nanos: range.lowerBound), end: Timestamp(nanos: range.upperBound),
                direction: direction, readsContextBeyond: isBeyond, budget: QueryBudget())
            var found: [Int: [String]] = [:]
            var times: [Int64] = []
            _ = try await LogQLEngine(querier: LogMemoryQuerier(lines)).stream(request) { batch in
                for index in 0..<batch.lines.count {
                    let stream = batch.streams[Int(batch.lines.streamIndexes[index])]
                    let mark = ["before": "-", "after": "+"][stream.parsed["__context__"] ?? ""]
                    let text = batch.lines.bytes[batch.lines.lineRange(index)]
                    found[batch.groupNumbers[index], default: []]
                        .append((mark ?? "") + String(decoding: text, as: UTF8.self))
                    times.append(batch.lines.timestamps[index])
                }
                return true
            }
            let groups = found.values.map { direction == .forward ? $0 : $0.reversed() }
            let wanted = expected(
                lines, range, isBeyond: isBeyond, before: before, after: after)
            #expect(Set(groups) == wanted, "seed \(seed)")
            #expect(groups.count == wanted.count, "seed \(seed): a line came twice")
            let isOrdered = zip(times, times.dropFirst()).allSatisfy {
                direction == .forward ? $0 <= $1 : $0 >= $1
            }
            #expect(isOrdered, "seed \(seed)")
        }
    }

    @Test func tooManyMatchesAreRefusedByName() async throws {
        let lines = (0..<1_001).map { number in
            LogMemoryQuerier.Line(
                labels: Labels(["a": "1"]), nanos: Int64(number), text: Array("x".utf8),
                metadata: .empty)
        }
        let request = LogQLRequest(
            tenant: .standard, query: try LogQLQuery("{} | context -A 1"), start: .distantPast,
            end: .distantFuture, budget: QueryBudget())
        await #expect(
            throws: QueryError.limit(name: "query.context_matches_max", allowed: 1_000)
        ) {
            _ = try await LogQLEngine(querier: LogMemoryQuerier(lines)).query(request)
        }
        var limited = request
        limited.limit = 1_000
        _ = try await LogQLEngine(querier: LogMemoryQuerier(lines)).query(limited)
    }
}
