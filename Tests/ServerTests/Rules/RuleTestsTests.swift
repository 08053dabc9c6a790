import Server
import Testing

/// Tests of rules: alerts over time, and what is said when something is not as expected.
@Suite struct RuleTestsTests {
    private func run(_ rules: String, _ tests: String) async -> RuleTests.Result {
        await RuleTests(
            read: { $0.hasSuffix("rules.yaml") ? rules : tests }, expand: { [$0] }
        ).run("dir/tests.yaml")
    }

    private static let keeping = """
        groups:
        - name: g
          rules:
          - {alert: A, expr: a > 0, for: 2m, keep_firing_for: 3m}
        """

    @Test func anAlertPendsFiresIsKeptAndEnds() async {
        // True from 1m to 4m: fires at 3m, is kept from 5m on, and has ended at 8m.
        let tests = """
            rule_files: [rules.yaml]
            tests:
            - interval: 1m
              input_series: [{series: a, values: "0 1x3 0x10"}]
              alert_rule_test:
              - {eval_time: 2m, alertname: A}
              - {eval_time: 3m, alertname: A, exp_alerts: [{}]}
              - {eval_time: 7m, alertname: A, exp_alerts: [{}]}
              - {eval_time: 8m, alertname: A}
              promql_expr_test:
              - expr: count_over_time(ALERTS{alertstate="firing"}[20m:1m])
                eval_time: 12m
                exp_samples: [{labels: '{alertname="A", alertstate="firing"}', value: 5}]
            """
        let result = await run(Self.keeping, tests)
        #expect(result.failures.isEmpty, "\(result.failures)")
    }

    @Test func labelsAndAnnotationsAreTemplates() async {
        let rules = """
            groups:
            - name: g
              rules:
              - alert: A
                expr: a > 0
                labels: {to: '{{ $labels.x }}-{{ $externalLabels.site }}'}
                annotations:
                  text: '{{ $value }} of {{ with query "b" }}{{ . | first | value }}{{ end }} {{ $externalURL }}'
            """
        let tests = """
            rule_files: [rules.yaml]
            tests:
            - external_labels: {site: north}
              external_url: http://varve
              input_series:
              - {series: 'a{x="y"}', values: "3x10"}
              - {series: b, values: "7x10"}
              alert_rule_test:
              - eval_time: 2m
                alertname: A
                exp_alerts:
                - exp_labels: {x: y, to: y-north}
                  exp_annotations: {text: 3 of 7 http://varve}
            """
        let result = await run(rules, tests)
        #expect(result.failures.isEmpty, "\(result.failures)")
    }

    @Test func whatDiffersIsShown() async {
        let tests = """
            rule_files: [rules.yaml]
            tests:
            - name: wrong
              input_series: [{series: 'a{x="y"}', values: "1x10"}]
              alert_rule_test:
              - {eval_time: 5m, alertname: A, exp_alerts: [{exp_labels: {x: z}}]}
              promql_expr_test:
              - {expr: a, eval_time: 1m, exp_samples: [{labels: 'a{x="y"}', value: 2}]}
              - {expr: "a[1m]", eval_time: 1m}
            """
        let result = await run(Self.keeping, tests)
        #expect(result.failures.count == 3)
        let text = result.failures.joined(separator: "\n")
        for part in [
            "dir/tests.yaml:6: wrong: alert A at 5m", "- labels {alertname=\"A\", x=\"z\"}",
            "+ labels {alertname=\"A\", x=\"y\"}", "- {__name__=\"a\", x=\"y\"} 2",
            "+ {__name__=\"a\", x=\"y\"} 1", "neither a vector nor a number",
        ] {
            #expect(text.contains(part), "\(part) is not in \(text)")
        }
    }

    @Test func histogramsAndStaleSeries() async {
        let tests = """
            tests:
            - interval: 1m
              input_series:
              - series: h
                values: "{{schema:0 count:1 sum:1 buckets:[1]}}+{{count:2 sum:3 buckets:[2]}}x3"
              - {series: s, values: "1 stale _x2 0-1x2"}
              promql_expr_test:
              - expr: h
                eval_time: 2m
                exp_samples:
                - {labels: h, histogram: "{{schema:0 count:5 sum:7 buckets:[5]}}"}
              - {expr: s, eval_time: 1m}
              - {expr: s, eval_time: 6m, exp_samples: [{labels: s, value: -2}]}
            """
        let result = await run("", tests)
        #expect(result.failures.isEmpty, "\(result.failures)")
    }

    @Test(arguments: [
        "tests: [{input_series: [{series: a, values: 1y3}]}]",
        "tests: [{input_series: [{series: 'a{b=~\"c\"}', values: 1}]}]",
        "tests: [{alert_rule_test: [{eval_time: 1m}]}]", "test: []",
        "group_eval_order: [a, a]", "tests: [{input_series: [{series: a, values: '{{x:1}}'}]}]",
    ])
    func aWrongFileIsNamed(text: String) async {
        let result = await run("", text)
        #expect(result.failures.allSatisfy { $0.hasPrefix("dir/tests.yaml:1:") })
        #expect(!result.failures.isEmpty)
    }
}
