import Model
import Query
import Testing

/// Labels and annotations of alerts, as Prometheus documents its template functions.
@Suite struct AlertTemplateTests {
    static let cases: [(template: String, wanted: String)] = [
        ("plain", "plain"),
        (
            "{{ $labels.instance }} {{ .Labels.job }} {{ $labels.gone }}|",
            "db.example.com:9100 node |"
        ),
        (
            "{{ $value }} {{ $value | humanize }} {{ humanize1024 1048576 }}",
            "1.234567e+06 1.235M 1Mi"
        ),
        ("{{ humanizeDuration 93784 }} {{ humanizeDuration 0.012 }}", "1d 2h 3m 4s 12ms"),
        ("{{ humanizePercentage 0.1234567 }}", "12.35%"),
        ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        (
            "{{ (toTime 1435065584).Format \"15:04\" }} {{ toDuration 90 }} {{ now }}",
            "13:19 1m30s 5"
        ),
        ("{{ title \"aa bb\" }} {{ toUpper \"aB\" }} {{ toLower \"aB\" }}", "Aa Bb AB ab"),
        (
            "{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }}",
            "db.example.com db:9100"
        ),
        ("{{ match \"a+\" \"aa\" }} {{ reReplaceAll \"(.)b\" \"${1}x\" \"abab\" }}", "true axax"),
        ("{{ graphLink \"up == 0\" }}", "/graph?g0.expr=up+%3D%3D+0&g0.tab=0"),
        (
            "{{ pathPrefix }} {{ externalURL }} {{ $externalURL }} {{ $externalLabels.dc }}",
            "/prom http://h/prom http://h/prom eu"
        ),
        ("{{ parseDuration \"1h\" }} {{ parseDurationTime \"90s\" }}", "3600 1m30s"),
        (
            "{{ range query \"up\" | sortByLabel \"job\" }}{{ .Labels.job }}={{ .Value }};{{ end }}",
            "a=1;b=2;"
        ),
        (
            "{{ with query \"up\" }}{{ . | first | value }} {{ first . | label \"job\" }}{{ end }}",
            "2 b"
        ),
        ("{{ define \"x\" }}<{{ .arg0 }}>{{ end }}{{ tmpl \"x\" (args 3) }}", "<3>"),
    ]

    @Test(arguments: cases)
    func templateSaysWhatPrometheusSays(_ template: String, _ wanted: String) async throws {
        let text = try await AlertTemplate(template).expand(
            labels: Labels([("instance", "db.example.com:9100"), ("job", "node")]),
            value: 1_234_567, externalLabels: Labels([("dc", "eu")]),
            externalURL: "http://h/prom", at: Timestamp(nanos: 5_000_000_000)
        ) { _ in
            [
                AlertSample(labels: Labels([("job", "b")]), value: 2),
                AlertSample(labels: Labels([("job", "a")]), value: 1),
            ]
        }
        #expect(text == wanted)
    }

    @Test func unknownFunctionIsRefusedAtOnce() {
        #expect(throws: TemplateError.self) { try AlertTemplate("{{ nope }}") }
    }

    @Test func queryThatFailsIsNamed() async throws {
        let template = try AlertTemplate("{{ query \"up\" }}", name: "__alert_Down")
        await #expect(throws: TemplateError.self) {
            try await template.expand(
                labels: .empty, value: 1, at: Timestamp(nanos: 0)
            ) { (_) async throws(QueryError) in throw QueryError.timeout }
        }
    }
}
