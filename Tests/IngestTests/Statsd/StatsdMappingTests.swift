import Ingest
import Model
import Testing

@Suite("Statsd mapping file")
struct StatsdMappingTests {
    private static let file = """
        defaults:
          ttl: 1m
        mappings:
        - match: "test.dispatcher.*.*.*"
          name: "dispatcher_events_total"
          labels:
            processor: "$1"
            action: "$2"
            outcome: "${3}_x"
            job: "test_dispatcher"
        - match: "*.signup.*.*"
          name: "signup_total"
          labels: { provider: "$2" }
          honor_labels: true
        - match: 'client\\.(.*)\\.rtt'
          match_type: regex
          match_metric_type: timer
          name: "rtt_seconds"
          labels: { target: "$1" }
          scale: 0.001
        - match: "drop.*"
          action: drop
        - match: "."
          match_type: regex
          match_metric_type: gauge
          name: "other_$0"
        """

    private static func rows(_ text: String) throws -> StatsdFixture.Outcome {
        let mapping = try StatsdMapping(yaml: file)
        let options = StatsdFixture.options { $0.mapping = mapping }
        let fast = StatsdFixture.run(text, options)
        #expect(fast == StatsdFixture.run(text, options, isSlow: true))
        return fast
    }

    @Test("globs and expressions turn parts into labels")
    func maps() throws {
        let outcome = try Self.rows(
            """
            test.dispatcher.FooProcessor.send.success:1|c
            test.dispatcher.FooProcessor.send.success:1|c
            a.signup.facebook.failure:1|c
            a.signup.facebook.failure:2|c|#provider:mine
            client.eu.west.rtt:250|ms
            client.eu.west.rtt:250|ms
            client.x.rtt:1|c
            drop.me:1|c
            drop.me:1|c
            temp:3|g
            """)
        #expect(
            outcome.series == [
                "client_x_rtt += 1.0",
                "dispatcher_events_total{action=\"send\", job=\"test_dispatcher\", "
                    + "outcome=\"success_x\", processor=\"FooProcessor\"} += 2.0",
                "other_t = 3.0",
                "rtt_seconds{target=\"eu.west\"} h5 n=2.0 sum=0.5 zero=0.0 [-64][2.0]",
                "signup_total{provider=\"facebook\"} += 1.0",
                "signup_total{provider=\"mine\"} += 2.0",
            ])
        #expect(outcome.reasons == [.mappingDrop: 2])
    }

    @Test("a rule's time to live decides when its series is forgotten")
    func timeToLive() throws {
        let mapping = try StatsdMapping(
            yaml: "mappings: [{match: \"a.*\", name: \"a\", ttl: 20s}]")
        let options = StatsdFixture.options { $0.mapping = mapping }
        var aggregator = StatsdAggregator(options: options, seed: 1)
        let bytes = Array("a.x:1|c\nb:1|c".utf8)
        aggregator.take(bytes, ranges: [0..<bytes.count], arrivedNanos: 0)
        let counts = (1...4).map { aggregator.flush(endNanos: $0 * 10_000_000_000)[0].series.count }
        #expect(counts == [2, 2, 2, 1])
    }

    @Test(
        "a wrong file is refused by the name of the key",
        arguments: [
            ("mappings: 5", "mappings"), ("mapings: []", "mapings"),
            ("mappings: [{name: x}]", "mappings[0].match"),
            ("mappings: [{match: a}]", "mappings[0].name"),
            ("mappings: [{match: a, name: b, lables: {}}]", "mappings[0].lables"),
            ("mappings: [{match: a, name: b, match_type: globb}]", "mappings[0].match_type"),
            (
                "mappings: [{match: a, name: b, match_metric_type: x}]",
                "mappings[0].match_metric_type"
            ),
            ("mappings: [{match: a, name: b, action: x}]", "mappings[0].action"),
            ("mappings: [{match: a, name: b, ttl: soon}]", "mappings[0].ttl"),
            ("mappings: [{match: a, name: b, scale: big}]", "mappings[0].scale"),
            ("mappings: [{match: a, name: b, honor_labels: 3}]", "mappings[0].honor_labels"),
            ("mappings: [{match: '(', match_type: regex, name: b}]", "mappings[0].match"),
            ("mappings: [{match: 'a.*', name: 'b_$2'}]", "mappings[0].name"),
            ("mappings: [{match: a, name: b, labels: {c: '$1'}}]", "mappings[0].labels.c"),
            ("mappings: [{match: a, name: b, labels: {'c-d': x}}]", "mappings[0].labels.c-d"),
            ("mappings: [{match: a, name: b, labels: [1]}]", "mappings[0].labels"),
            ("defaults: {match_type: x}", "defaults.match_type"), ("- a", ""),
            ("a: [", ""),
        ])
    func wrongFiles(yaml: String, key: String) {
        do {
            _ = try StatsdMapping(yaml: yaml)
            Issue.record("\(yaml) was accepted")
        } catch {
            #expect(error.key == key, "\(error)")
        }
    }

    @Test("an empty file has no rules", arguments: ["", "# nothing\n", "mappings: []"])
    func empty(yaml: String) throws { _ = try StatsdMapping(yaml: yaml) }
}
