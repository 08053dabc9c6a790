import Query
import Testing

@Suite struct LogQLParserTests {
    @Test(arguments: [
        ("{}", "{}"),
        ("{ a = \"b\" , c=~`d.*` }", "{a=\"b\", c=~\"d.*\"}"),
        ("{a=\"b\"}|=`x\"y`!=\"z\" or \"q\" # why", "{a=\"b\"} |= \"x\\\"y\" != \"z\" or \"q\""),
        ("{}|json|json a, b=\"c.d\"", "{} | json | json a=\"a\",b=\"c.d\""),
        ("{}|logfmt --strict --keep-empty a", "{} | logfmt --strict --keep-empty a=\"a\""),
        (
            "{} | a=1 or b>2s and c<=3KB, d!=\"e\"",
            "{} | a==1 or ((b>2s and c<=3KB) and d!=\"e\")"
        ),
        ("{}|json!=\"x\"", "{} | json != \"x\""),
        ("{}|json=\"x\"", "{} | json=\"x\""),
        ("rate({}[90s])", "rate({} [1m30s])"),
        ("rate(({} |= `a`)[5m] offset -1h)", "rate({} |= \"a\" [5m] offset -1h)"),
        ("sum(rate({}[1m])) by(a,b)", "sum by (a, b) (rate({} [1m]))"),
        ("topk(3,rate({}[1m]))", "topk(3, rate({} [1m]))"),
        ("1+2*3", "(1 + (2 * 3))"),
        ("2^3^2", "(2 ^ (3 ^ 2))"),
        (
            "vector(1)>bool on(a)group_left(b)vector(2)",
            "(vector(1) > bool on (a) group_left (b) vector(2))"
        ),
        (
            "quantile_over_time(0.99,{}|json|unwrap duration(t)[1m])by(x)",
            "quantile_over_time(0.99, {} | json | unwrap duration(t) [1m]) by (x)"
        ),
        (
            "{}|label_format a=b,c=`{{.d}}`|line_format `x`|drop a,b=\"c\"|keep d|decolorize"
                + "|unpack",
            "{} | label_format a=b,c=\"{{.d}}\" | line_format \"x\" | drop a,b=\"c\" | keep d"
                + " | decolorize | unpack"
        ),
        (
            "{} |= ip(\"10.0.0.1\") | x!=ip(\"::1/64\")",
            "{} |= ip(\"10.0.0.1\") | x!=ip(\"::1/64\")"
        ),
    ])
    func queryHasCanonicalText(_ text: String, _ canonical: String) throws {
        #expect(try LogQLQuery(text).description == canonical)
        #expect(try LogQLQuery(canonical).description == canonical)
    }

    @Test(arguments: [
        ("", 0, "empty"),
        ("   # nothing", 0, "empty"),
        ("{", 1, "unexpected end of query"),
        ("{a}", 2, "one of = != =~ !~"),
        ("{a=b}", 3, "label value in quotes"),
        ("{a=\"b}", 3, "string is not closed"),
        ("{a=\"\\q\"}", 4, "unknown escape"),
        ("{a=~\"(\"}", 4, "regular expression"),
        ("{} |~ \"[\"", 6, "regular expression"),
        ("{} | nonsense", 5, "unexpected nonsense"),
        ("{} | a > \"b\"", 9, "needs a number"),
        ("{} | a =~ 5", 10, "text in quotes"),
        ("{} | a > 5parsecs", 9, "not a number, a duration or a size"),
        ("{} | a = ip(\"300.1.1.1\")", 12, "invalid address"),
        ("{} | json a=\"b..c\"", 18, "invalid path"),
        ("{} | regexp \"x\"", 12, "named capture"),
        ("{} | pattern \"<a><b>\"", 13, "consecutive"),
        ("{} | pattern \"abc\"", 13, "at least one capture"),
        ("{} |> \"<a> x\"", 6, "named captures are not allowed"),
        ("{} | line_format \"{{.a\"", 17, "unclosed action"),
        ("{} | label_format a=b,a=c", 22, "multiple label name"),
        ("{} | unwrap a | json", 14, "only label filters may follow unwrap"),
        ("{} | unwrap parsecs(a)", 12, "unknown conversion"),
        ("rate({})", 7, "a range"),
        ("rate({}[x])", 8, "a range"),
        ("rate({}[0s])", 8, "invalid duration"),
        ("rate({}[1m]", 11, "\")\""),
        ("rate(5)", 5, "a log selector"),
        ("sum({})", 4, "needs numbers, not lines"),
        ("{} + 1", 3, "needs numbers on both sides"),
        ("1 or vector(1)", 2, "unexpected literal"),
        ("count_over_time({}[1m]) by (a)", 24, "grouping not allowed"),
        ("sum_over_time({}[1m])", 0, "without unwrap"),
        ("count_over_time({} | unwrap a [1m])", 0, "with unwrap"),
        ("topk(0, rate({}[1m]))", 5, "invalid parameter"),
        ("frobnicate(1)", 0, "unknown function"),
        ("{} {}", 3, "unexpected {"),
        ("{a=\"b\"} \u{7F}", 8, "unexpected character"),
    ])
    func problemIsNamedWhereItStands(_ text: String, _ offset: Int, _ words: String) {
        do {
            Issue.record("\(text) was read as \(try LogQLQuery(text))")
        } catch {
            guard case .parse(let message, let position) = error else {
                Issue.record("\(text): \(error)")
                return
            }
            #expect(message.contains(words), "\(text): \(message)")
            #expect(position.offset == offset, "\(text): \(message)")
        }
    }

    @Test(arguments: [
        ("{} | distinct a", "distinct"),
        ("variants(rate({}[1m])) of ({}[1m])", "variants"),
    ])
    func whatIsNotBuiltIsRefusedByName(_ text: String, _ name: String) {
        do {
            Issue.record("\(text) was read as \(try LogQLQuery(text))")
        } catch {
            guard case .unsupported(name, _) = error else {
                Issue.record("\(text): \(error)")
                return
            }
        }
    }

    @Test func depthLengthAndStagesAreLimited() {
        let deep = String(repeating: "(", count: 100_000) + "1"
        #expect(throws: QueryError.limit(name: "query.depth_max", allowed: 100)) {
            try LogQLQuery(deep)
        }
        let filters = "{} | " + String(repeating: "(", count: 50_000) + "a=1"
        #expect(throws: QueryError.limit(name: "query.depth_max", allowed: 100)) {
            try LogQLQuery(filters)
        }
        let long = "{} |= \"" + String(repeating: "x", count: 200_000) + "\""
        #expect(throws: QueryError.limit(name: "query.text_bytes_max", allowed: 131_072)) {
            try LogQLQuery(long)
        }
        let many = "{}" + String(repeating: " | json", count: 101)
        #expect(throws: QueryError.limit(name: "query.pipeline_stages_max", allowed: 100)) {
            try LogQLQuery(many)
        }
        let powers = String(repeating: "1^", count: 500) + "1"
        #expect(throws: QueryError.limit(name: "query.depth_max", allowed: 100)) {
            try LogQLQuery(powers)
        }
    }

    /// A left-leaning tree grows without nesting in the text.
    @Test(arguments: [
        "1" + String(repeating: "+1", count: 20_000),
        "{} | a=1" + String(repeating: " or a=1", count: 15_000),
    ])
    func chainsOfOperatorsAreLimited(_ chain: String) {
        #expect(throws: QueryError.limit(name: "query.operators_max", allowed: 500)) {
            try LogQLQuery(chain)
        }
    }

    @Test func garbledQueriesNeverCrash() {
        let seeds = [
            "sum by (a) (rate({x=\"y\"}|=\"z\" | json a=\"b[0].c\" | d>5s [5m] offset 1h)) > 3",
            "{a=~\"b|c\"}!=`d` or \"e\" | logfmt --strict | f=\"g\" or h<=1KB"
                + " | line_format `{{.i}}`",
            "quantile_over_time(0.9, {} | regexp \"(?P<x>.)\" | unwrap bytes(y) [1h]) by (z)",
            "label_replace(vector(1), \"a\", \"$1\", \"b\", \"(.*)\") / on (c)"
                + " group_left (d) 2 ^ -1",
        ]
        let alphabet = Array("{}()[]|=!~<>\"`\\,.:;#-+*/%^ \n0aZ_\u{E9}".utf8)
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        var readCount = 0
        for round in 0..<8_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0...next(6) where !bytes.isEmpty {
                let place = next(bytes.count)
                switch next(4) {
                case 0: bytes[place] = alphabet[next(alphabet.count)]
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(alphabet[next(alphabet.count)], at: place)
                default: bytes.removeSubrange(place..<min(bytes.count, place + next(20)))
                }
            }
            guard let query = try? LogQLQuery(String(decoding: bytes, as: UTF8.self)) else {
                continue
            }
            readCount += 1
            let canonical = query.description
            #expect((try? LogQLQuery(canonical))?.description == canonical)
        }
        #expect(readCount > 100)
    }
}
