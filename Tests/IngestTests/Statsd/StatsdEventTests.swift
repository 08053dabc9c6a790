import Ingest
import Testing

@Suite("DogStatsD events and service checks")
struct StatsdEventTests {
    static let rows: [StatsdProtocolTests.Row] = [
        (
            "_e{5,4}:title|text",
            ["line @5 title: text {kind=\"event\", title=\"title\"}"], [:]
        ),
        (
            "_e{2,5}:ab|x|y|z|d:1700000000|h:web-1|k:key|p:low|s:src|t:error|#env:prod,bare",
            [
                "line @1700000000000000000 ab: x|y|z {kind=\"event\", title=\"ab\", "
                    + "host=\"web-1\", aggregation_key=\"key\", "
                    + "priority=\"low\", source_type=\"src\", "
                    + "alert_type=\"error\", env=\"prod\", bare=\"true\"}"
            ], [:]
        ),
        ("_e{1,4}:a|b\\nc", ["line @5 a: b\nc {kind=\"event\", title=\"a\"}"], [:]),
        ("_e{2,2}:ü|ö", ["line @5 ü: ö {kind=\"event\", title=\"ü\"}"], [:]),
        ("_e{1,0}:a|\r", ["line @5 a {kind=\"event\", title=\"a\"}"], [:]),
        (
            "_e{1,1}:a|b|#title:x",
            ["line @5 a: b {kind=\"event\", title=\"a\", tag_title=\"x\"}"], [:]
        ),
        ("_e{9999999999999999999999,1}:a|b", [], [.badEvent: 1]),
        ("_e{9223372036854775807,1}:a|b", [], [.badEvent: 1]),
        ("_e{1,9}:a|b", [], [.badEvent: 1]), ("_e{0,1}:|b", [], [.badEvent: 1]),
        ("_e{1}:a|b", [], [.badEvent: 1]), ("_e{1,1}a|b", [], [.badEvent: 1]),
        ("_e{1,1}:ab|c", [], [.badEvent: 1]), ("_e{1,1}:a|bc", [], [.badEvent: 1]),
        ("_e{-1,1}:a|b", [], [.badEvent: 1]), ("_e{", [], [.badEvent: 1]),
        ("_e{1,1}:ü|b", [], [.badEvent: 1]),
        ("_e{1,1}:a|b|d:x", [], [.badTimestamp: 1]),
        (
            "_sc|redis.up|2|d:1700000000|h:db|#env:x|m:no|bar\\nline",
            [
                "line @1700000000000000000 redis.up critical: no|bar\nline "
                    + "{kind=\"service_check\", check=\"redis.up\", status=\"critical\", "
                    + "host=\"db\", env=\"x\"}"
            ], [:]
        ),
        (
            "_sc|a|0", ["line @5 a ok {kind=\"service_check\", check=\"a\", status=\"ok\"}"], [:]
        ),
        ("_sc|a|4", [], [.badServiceCheck: 1]), ("_sc|a", [], [.badServiceCheck: 1]),
        ("_sc||0", [], [.badServiceCheck: 1]), ("_sc|a|x", [], [.badServiceCheck: 1]),
        ("_sc|", [], [.badServiceCheck: 1]),
    ]

    @Test("become lines", arguments: rows.indices)
    func become(index: Int) { StatsdProtocolTests.check(Self.rows[index]) }

    @Test("are bounded per interval")
    func bounded() {
        let options = StatsdFixture.options { $0.limits.logLineMax = 3 }
        let text = String(repeating: "_e{1,1}:a|b\n", count: 5)
        let outcome = StatsdFixture.run(text, options)
        #expect(outcome.series.count == 3)
        #expect(outcome.reasons == [.logLineLimit: 2])
    }
}
