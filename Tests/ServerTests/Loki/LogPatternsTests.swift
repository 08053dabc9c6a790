import Encoding
import Model
import Query
import Server
import Testing

@Suite struct LogPatternsTests {
    /// Lines of one stream, a second apart.
    static func batch(_ lines: [String], level: String = "") -> LogEntryBatch {
        let metadata = level.isEmpty ? Labels.empty : Labels(["detected_level": level])
        var batch = LogEntryBatch(streams: [
            LogStreamLabels(
                labels: metadata, stream: .empty, metadata: metadata, parsed: .empty)
        ])
        for (index, line) in lines.enumerated() {
            batch.lines.append(
                streamIndex: 0, timestamp: Int64(index) * 1_000_000_000, line: Array(line.utf8)[...]
            )
        }
        return batch
    }

    @Test func numbersAndIdsAreLeftOut() {
        let bytes = Array(
            "took 15ms for 550e8400-e29b-41d4-a716-446655440000took 7ms for x".utf8)
        let patterns = LinePatterns(bytes, lineEnds: [50, 64])
        #expect(
            patterns.texts.map { String(decoding: $0, as: UTF8.self) }
                == ["took <_>ms for <_>", "took <_>ms for x"])
        #expect(patterns.numbers == [0, 1])
    }

    @Test func linesThatDifferInAFewWordsAreOnePattern() {
        var patterns = LogPatterns(stepNanos: 10_000_000_000)
        let users = ["ann", "bob", "eve"]
        patterns.add(
            Self.batch((0..<30).map { "user \(users[$0 % 3]) logged in from 10.0.0.\($0) at noon" })
        )
        patterns.add(Self.batch(["server started", "server started"], level: "info"))
        let found = patterns.mostFrequent(10)
        #expect(
            found.map(\.text) == [
                "user <_> logged in from <_>.<_>.<_>.<_> at noon", "server started",
            ])
        #expect(found.map(\.level) == ["", "info"])
        #expect(found[0].counts == [0: 10, 10_000_000_000: 10, 20_000_000_000: 10])
        #expect(patterns.mostFrequent(1).count == 1)
        #expect(
            String(decoding: patterns.answer(limit: 10, warnings: []), as: UTF8.self).hasSuffix(
                #"{"pattern":"server started","level":"info","samples":[[0,2]]}]}"#))
    }

    @Test func thereAreNotEndlesslyMany() {
        var patterns = LogPatterns(stepNanos: 1)
        let letters = Array("abcdefghijklmnopqrstuvwxyz").map(String.init)
        var lines: [String] = []
        for a in letters {
            for b in letters { for c in letters.prefix(4) { lines.append("\(a)\(b)\(c) z") } }
        }
        patterns.add(Self.batch(lines))
        #expect(patterns.patterns.count <= LogPatterns.patternsMax)
        let counted = patterns.patterns.reduce(0) { $0 + $1.total }
        #expect(counted + patterns.otherCount == lines.count)
        #expect(patterns.otherCount > 0)
    }

    @Test func timesAtTheEndsOfTimeAreNoTrouble() {
        var batch = Self.batch(["x", "", " "])
        batch.lines.timestamps = [.min, .max, -1]
        var patterns = LogPatterns(stepNanos: .max)
        patterns.add(batch)
        #expect(patterns.otherCount == 2)
    }
}
