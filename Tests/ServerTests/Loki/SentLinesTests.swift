import Model
import Query
import Testing

@testable import Server

/// A gap in a tail: what is read afterwards is sent when it was not sent before, and then only.
@Suite struct SentLinesTests {
    private static let start: Int64 = 1_000_000_000_000
    private static let second: Int64 = 1_000_000_000

    private static func batch(_ lines: [(Int64, String)]) -> LogEntryBatch {
        let labels = Labels([("app", "a")])
        var batch = LogEntryBatch(streams: [
            LogStreamLabels(labels: labels, stream: labels, metadata: .empty, parsed: .empty)
        ])
        for (nanos, text) in lines {
            batch.lines.append(streamIndex: 0, timestamp: nanos, line: Array(text.utf8)[...])
        }
        return batch
    }

    private static func texts(_ batch: LogEntryBatch) -> [String] {
        (0..<batch.lines.count).map {
            String(decoding: batch.lines.bytes[batch.lines.lineRange($0)], as: UTF8.self)
        }
    }

    @Test func whatWasSentIsLeftOutAsOftenAsItWas() throws {
        var sent = SentLines(sinceNanos: Self.start)
        let at = Self.start + 100 * Self.second
        sent.note(Self.batch([(at, "a"), (at, "twice"), (at, "twice"), (at + 1, "b")]))
        #expect(sent.resumeNanos(gapNanos: at) == at - 60 * Self.second)
        var sieve = sent.sieve
        let first = sieve.rest(of: Self.batch([(at, "a"), (at, "twice"), (at, "new")]))
        #expect(Self.texts(first) == ["new"])
        let second = sieve.rest(
            of: Self.batch([(at, "twice"), (at, "twice"), (at + 1, "b"), (at + 2, "b")]))
        #expect(Self.texts(second) == ["twice", "b"])
    }

    /// What lay there before the tail began was not asked for.
    @Test func nothingIsReadFromBeforeTheBeginning() {
        let sent = SentLines(sinceNanos: Self.start)
        #expect(sent.resumeNanos(gapNanos: Self.start) == Self.start)
        #expect(sent.resumeNanos(gapNanos: Self.start + 3) == Self.start)
    }

    @Test func whoSentTooMuchSinceCanNotTell() {
        var sent = SentLines(sinceNanos: Self.start)
        let count = Int64(SentLines.countMax)
        for number in 0..<count + 100 {
            sent.note(Self.batch([(Self.start + number * Self.second, "same")]))
        }
        // A hundred lines are forgotten, the last of them is number 99.
        #expect(sent.resumeNanos(gapNanos: Self.start + 99 * Self.second) == nil)
        #expect(
            sent.resumeNanos(gapNanos: Self.start + 100 * Self.second)
                == Self.start + 99 * Self.second + 1)
        var sieve = sent.sieve
        let page = Self.batch((98..<count + 102).map { (Self.start + $0 * Self.second, "same") })
        #expect(
            sieve.rest(of: page).lines.timestamps
                == [98, 99, count + 100, count + 101].map { Self.start + $0 * Self.second })
    }
}
