import Model
import Query
import Testing

/// Templates of Go's text/template as `line_format` carries them out. What is wanted was printed by
/// Go 1.19 for the same templates over the same data, with missingkey=zero as in Loki.
@Suite struct TemplateLanguageTests {
    struct Case: Sendable, CustomStringConvertible {
        enum Kind { case output, failure, refusal }

        let template: String
        let kind: Kind
        let wanted: String

        init(_ template: String, _ kind: Kind, _ wanted: String) {
            (self.template, self.kind, self.wanted) = (template, kind, wanted)
        }

        var description: String { template }
    }

    static let labels = Labels([
        ("app", "web"), ("msg", "Hello World"), ("n", "42"), ("a-b", "dash"), ("u", "grün"),
    ])

    @Test(arguments: cases)
    func templateDoesWhatGoDoes(_ one: Case) async throws {
        let lines = [
            LogMemoryQuerier.Line(
                labels: TemplateLanguageTests.labels, nanos: 5, text: Array("text".utf8),
                metadata: .empty)
        ]
        let quoted = one.template.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
        let query: LogQLQuery
        do {
            query = try LogQLQuery("{app=\"web\"} | line_format \"\(quoted)\"")
        } catch {
            #expect(one.kind == .refusal)
            #expect("\(error)".hasSuffix("invalid line template: \(one.wanted)"), "\(error)")
            return
        }
        let request = LogQLRequest(
            tenant: .standard, query: query, start: Timestamp(nanos: 0),
            end: Timestamp(nanos: 10), budget: QueryBudget())
        let engine = LogQLEngine(querier: LogMemoryQuerier(lines))
        let answer = try await engine.query(request)
        guard case .streams(let streams) = answer.answer.value, let stream = streams.first else {
            Issue.record("no line")
            return
        }
        let text = String(decoding: stream.lines.bytes, as: UTF8.self)
        let details = stream.labels["__error_details__"]
        switch one.kind {
        case .output:
            #expect(text == one.wanted)
            #expect(details == nil)
        case .failure:
            #expect(text == "text")
            #expect(details == one.wanted)
            #expect(stream.labels["__error__"] == "TemplateFormatErr")
        case .refusal: Issue.record("was not refused: \(text)")
        }
    }

    static let cases = [
        Case(
            #"{{.app}} {{ .msg | printf "%8.3s|%-6d|%q" .app 3 }}"#, .output,
            #"web      web|3     |"Hello World""#),
        Case(#"{{- if eq .app "web" -}} yes {{- else -}} no {{- end -}}"#, .output, #"yes"#),
        Case(#"{{if eq .app "x"}}a{{else if eq .n "42"}}b{{else}}c{{end}}"#, .output, #"b"#),
        Case(
            #"{{range $k, $v := .}}{{$k}}={{$v}};{{end}}"#, .output,
            #"a-b=dash;app=web;msg=Hello World;n=42;u=grün;"#),
        Case(
            #"{{range $i, $c := slice .msg 0 3}}{{$i}}{{end}}"#, .failure,
            #"template: line:1:31: executing "line" at <3>: range can't iterate over Hel"#),
        Case(#"{{with .gone}}x{{else}}none{{end}}{{with .app}}{{.}}{{end}}"#, .output, #"noneweb"#),
        Case(
            #"{{define "t"}}<{{.}}>{{end}}{{template "t" .app}}{{template "t" .n}}"#, .output,
            #"<web><42>"#),
        Case(#"{{block "b" .msg}}[{{.}}]{{end}}"#, .output, #"[Hello World]"#),
        Case(#"{{$x := .app}}{{$x = "new"}}{{$x}} {{$.n}}"#, .output, #"new 42"#),
        Case(#"{{index . "a-b"}} {{index . "zz"}}|"#, .output, #"dash |"#),
        Case(
            #"{{printf "%d %s %v" "hi" 5}} {{printf "%d" 1 2}}"#, .output,
            #"%!d(string=hi) %!s(int=5) %!v(MISSING) 1%!(EXTRA int=2)"#),
        Case(
            #"{{printf "%e %f %g %.3g %8.2f|%-8.2f|%+d|%05d|%x|%X|%c|%U|%t" 1234.5678 1.5 1e21 123456.0 3.14159 2.5 7 42 255 "hi" 'x' 0x1F600 true}}"#,
            .output,
            #"1.234568e+03 1.500000 1e+21 1.23e+05     3.14|2.50    |+7|00042|ff|6869|x|U+1F600|true"#
        ),
        Case(
            #"{{printf "%q %#q %+q" "a\"b" "raw" "grün"}}"#, .output, #""a\"b" `raw` "gr\u00fcn""#),
        Case(
            #"{{print 1 2 "a" "b" 3 4.0 nil true}} {{println "x" 1}}"#, .output,
            #"1 2ab3 4 <nil> true x 1\#n"#),
        Case(
            #"{{1e6}} {{123456789.0}} {{0.1}} {{1e-7}} {{100000.0}} {{-0.0}}"#, .output,
            #"1e+06 1.23456789e+08 0.1 1e-07 100000 -0"#),
        Case(
            #"{{and 1 0}} {{or 0 "x"}} {{not 1}} {{len .msg}} {{html "<a&'>"}} {{js "it's <b>"}} {{urlquery "a b&c/ü"}}"#,
            .output, #"0 x false 11 &lt;a&amp;&#39;&gt; it\'s \u003Cb\u003E a+b%26c%2F%C3%BC"#),
        Case(
            #"{{lt 1 2}} {{le 2 2}} {{gt 1.5 0.5}} {{ge "b" "a"}} {{eq 1 2 3 1}} {{ne .app .n}}"#,
            .output, #"true true true true true true"#),
        Case(
            #"{{lt 1 "a"}}"#, .failure,
            #"template: line:1:2: executing "line" at <lt 1 "a">: error calling lt: incompatible types for comparison"#
        ),
        Case(
            #"{{.app.foo}}"#, .failure,
            #"template: line:1:6: executing "line" at <.app.foo>: can't evaluate field foo in type string"#
        ),
        Case(
            #"{{nil}}"#, .failure,
            #"template: line:1:2: executing "line" at <nil>: nil is not a command"#),
        Case(#"{{foo .app}}"#, .refusal, #"template: line:1: function "foo" not defined"#),
        Case(#"{{if .app}}"#, .refusal, #"template: line:1: unexpected EOF"#),
        Case(#"{{.app"#, .refusal, #"template: line:1: unclosed action"#),
        Case(
            #"{{range .app}}x{{end}}"#, .failure,
            #"template: line:1:8: executing "line" at <.app>: range can't iterate over web"#),
        Case(
            #"{{index .app 99}}"#, .failure,
            #"template: line:1:2: executing "line" at <index .app 99>: error calling index: index out of range: 99"#
        ),
        Case(
            #"{{eq 1}}"#, .failure,
            #"template: line:1:2: executing "line" at <eq 1>: error calling eq: missing argument for comparison"#
        ),
        Case(
            #"{{.app | .n}}"#, .failure,
            #"template: line:1:9: executing "line" at <.n>: n is not a method but has arguments"#),
        Case(
            #"line\#n{{ printf 3 }}"#, .failure,
            #"template: line:2:10: executing "line" at <3>: expected string; found 3"#),
        Case(#"{{/* c */ -}}   a{{- /* d */}}"#, .output, #"a"#),
        Case(#"{{break}}"#, .refusal, #"template: line:1: {{break}} outside {{range}}"#),
        Case(
            #"{{range $k, $_ := .}}{{if eq $k "msg"}}{{break}}{{end}}{{if eq $k "app"}}{{continue}}{{end}}{{$k}} {{end}}"#,
            .output, #"a-b "#),
        Case(#"{{(printf "%s-%s" .app .n) | printf "<%s>"}}"#, .output, #"<web-42>"#),
        Case(
            #"{{slice .msg 1 4}} {{`raw\n`}} {{'a'}} {{"\u00e9\x41\101"}}"#, .output,
            #"ell raw\n 97 éAA"#),
        Case(
            #"{{template "nope"}}"#, .failure,
            #"template: line:1:11: executing "line" at <{{template "nope"}}>: template "nope" not defined"#
        ),
        Case(#"{{$y}}"#, .refusal, #"template: line:1: undefined variable "$y""#),
        Case(
            #"{{.n | len | printf "%03d"}} {{true}} {{printf "%v %v" .gone nil}}"#, .output,
            #"002 true  <nil>"#),
        Case(#"{{end}}"#, .refusal, #"template: line:1: unexpected {{end}}"#),
        Case(#"{{if}}x{{end}}"#, .refusal, #"template: line:1: missing value for if"#),
        Case(
            #"{{printf "%6.2f%%" 12.345}} {{printf "%!"}} {{printf "%s"}} {{printf "%z" 3}}"#,
            .output, #" 12.35% %!!(MISSING) %!s(MISSING) %!z(int=3)"#),
        Case(#"{{.app}}}} {{"}}"}}"#, .output, #"web}} }}"#),
    ]
}
