import Model
import Query
import Testing

@Suite struct LogFollowerTests {
    private func batch(_ lines: [(Labels, String)], knowsLabels: Bool = true) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard)
        for (index, (labels, text)) in lines.enumerated() {
            var reference = SeriesReference(tenant: .standard, labels: labels)
            if !knowsLabels { reference.labels = nil }
            batch.streams.append(reference)
            batch.lines.append(
                streamIndex: UInt32(index), timestamp: Int64(index), line: Array(text.utf8)[...])
        }
        return batch
    }

    private func texts(_ batch: LogEntryBatch) -> [String] {
        (0..<batch.lines.count).map {
            String(decoding: batch.lines.bytes[batch.lines.lineRange($0)], as: UTF8.self)
        }
    }

    @Test func followingAppliesSelectorFiltersAndPipeline() throws {
        var follower = try LogFollower(
            try LogQLQuery("{app=\"a\"} |= \"keep\" | logfmt | n > 1 | line_format \"{{.n}}\""))
        let a = Labels(["app": "a"])
        let b = Labels(["app": "b"])
        let found = follower.process(
            batch([(a, "keep n=1"), (a, "keep n=2"), (a, "n=3"), (b, "keep n=4"), (a, "keep n=5")])
        )
        #expect(texts(found) == ["2", "5"])
        #expect(found.streams.map(\.parsed) == [Labels(["n": "2"]), Labels(["n": "5"])])
        #expect(found.streams.allSatisfy { $0.stream == a })
    }

    @Test func labelsAreRememberedAskedForOrCounted() throws {
        var follower = try LogFollower(try LogQLQuery("{app=\"a\"}"))
        let a = Labels(["app": "a"])
        #expect(texts(follower.process(batch([(a, "1")], knowsLabels: false))) == [])
        #expect(follower.unknownLineCount == 1)
        let asked = follower.process(batch([(a, "2")], knowsLabels: false)) { _ in a }
        #expect(texts(asked) == ["2"])
        #expect(texts(follower.process(batch([(a, "3")], knowsLabels: false))) == ["3"])
        #expect(follower.unknownLineCount == 1)
    }

    @Test func metricQueriesCannotBeFollowed() throws {
        let query = try LogQLQuery("rate({}[1m])")
        #expect(throws: QueryError.self) { try LogFollower(query) }
    }

    @Test func distinctHoldsOverBatches() throws {
        var follower = try LogFollower(try LogQLQuery("{} | logfmt | distinct n"))
        let a = Labels(["app": "a"])
        #expect(texts(follower.process(batch([(a, "n=1"), (a, "n=1 again")]))) == ["n=1"])
        #expect(texts(follower.process(batch([(a, "n=1"), (a, "n=2")]))) == ["n=2"])
    }

    @Test(arguments: ["{} | context -A 1", "{} | patterns"])
    func whatNeedsAllLinesCannotBeFollowed(query: String) throws {
        let query = try LogQLQuery(query)
        #expect(query.isWhole)
        #expect(throws: QueryError.self) { try LogFollower(query) }
    }
}
