import Server
import Testing

/// Files of rules are read strictly, and what is wrong is said with its place.
@Suite struct RuleFileTests {
    @Test(arguments: [
        ("groups:\n- name: a\n  rulez: []\n", ":3:3: groups[0].rulez: no such key"),
        ("groups:\n- rules: []\n", "groups[0].name: it is missing"),
        ("groups:\n- {name: a}\n- {name: a}\n", "stands in this file twice"),
        ("groups:\n- {name: a, interval: soon}\n", "groups[0].interval: \"soon\" is no duration"),
        ("groups:\n- {name: a, limit: -1}\n", "no whole number"),
        ("groups: {name: a}\n", "groups: a list is expected"),
        ("groups:\n- name: a\n  rules:\n  - {record: b, expr: \"sum(\"}\n", ":4:"),
        ("groups:\n- {name: a, rules: [{expr: b}]}\n", "record or alert is expected"),
        ("groups:\n- {name: a, rules: [{record: b, alert: c, expr: d}]}\n", "not both"),
        ("groups:\n- {name: a, rules: [{record: b}]}\n", "expr: it is missing"),
        ("groups:\n- {name: a, rules: [{record: \"b{}\", expr: d}]}\n", "has braces"),
        ("groups:\n- {name: a, rules: [{record: b, expr: d, for: 1m}]}\n", "only alerts"),
        (
            "groups:\n- {name: a, rules: [{record: b, expr: d, labels: {__name__: x}}]}\n",
            "no valid name"
        ),
        (
            "groups:\n- {name: a, rules: [{record: b, expr: d}, {record: b, expr: d}]}\n",
            "the same rule"
        ),
        ("groups:\n- {name: a, type: sql}\n", "is not one of promql, logql"),
        (
            "groups:\n- {name: a, type: logql, rules: [{record: b, expr: '{x=\"y\"}'}]}\n",
            "a query of numbers"
        ),
        (
            "groups:\n- {name: a, rules: [{alert: b, expr: d, annotations: {c: '{{ nothing }}'}}]}\n",
            "annotations.c: error parsing template"
        ),
        ("groups: [\n", "not YAML"),
        ("groups: []\ngroups: []\n", "stands here twice"),
    ])
    func namesWhatIsWrong(text: String, part: String) {
        let (_, result) = RuleTests.check(path: "r.yaml", text: text)
        #expect(
            result.failures.contains { $0.hasPrefix("r.yaml") && $0.contains(part) },
            "\(result.failures)")
    }

    @Test func findsAllFaultsAtOnce() {
        let text = "groups:\n- {name: a, limit: x, rules: [{record: b, expr: \"(\"}, {foo: 1}]}\n"
        #expect(RuleTests.check(path: "r.yaml", text: text).result.failures.count >= 3)
    }

    @Test func readsWhatPrometheusReads() {
        let text = """
            groups:
            - name: a
              interval: 30s
              query_offset: 1m
              limit: 10
              labels: {team: x}
              rules:
              - record: job:a:sum
                expr: |
                  sum by (job) (a)
              - alert: A
                expr: job:a:sum > 1
                for: 5m
                keep_firing_for: 10m
                labels: {severity: page, count: 1}
                annotations: {summary: ""}
            - name: lines
              type: logql
              rules: [{record: errors, expr: 'sum(rate({app="a"} |= "error" [1m]))'}]
            """
        let (count, result) = RuleTests.check(path: "r.yaml", text: text)
        #expect(count == 3 && result.failures.isEmpty, "\(result.failures)")
    }

    @Test func anEmptyFileHasNoRules() {
        let (count, result) = RuleTests.check(path: "r.yaml", text: "")
        #expect(count == 0 && result.failures.isEmpty)
    }
}
