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
        (
            "SUM BY (a) (RATE({} | JSON | a=1 OR b=2 [1m] OFFSET 1h))",
            "sum by (a) (rate({} | json | a==1 or b==2 [1m] offset 1h))"
        ),
        ("{}|distinct a , b", "{} | distinct a,b"),
        ("{} |= `x` | context -A 3", "{} |= \"x\" | context -B 0 -A 3"),
        ("{} | context -C 2", "{} | context -B 2 -A 2"),
        ("{} | json | patterns", "{} | json | patterns"),
        ("{} | context=\"a\" | patterns!=\"b\"", "{} | context=\"a\" | patterns!=\"b\""),
        (
            "count_distinct_over_time(user,{}|json[5m])by(app)",
            "count_distinct_over_time(user, {} | json [5m]) by (app)"
        ),
        (
            "variants(rate({}[1m]),sum(bytes_rate({}[1m])))of({}[1m] offset 1h)",
            "variants(rate({} [1m]), sum(bytes_rate({} [1m]))) of ({} [1m] offset 1h)"
        ),
        ("count_over_time({}[5m] offset 1h | json)", "count_over_time({} | json [5m] offset 1h)"),
        ("count_over_time(({} | json)[5m])", "count_over_time({} | json [5m])"),
        ("count_over_time(({}[5m] | json))", "count_over_time({} | json [5m])"),
        ("sum_over_time({}[5m] | unwrap a)", "sum_over_time({} | unwrap a [5m])"),
        ("{} |= `a` or ip(`::1`)", "{} |= \"a\" or ip(\"::1\")"),
        ("{} |> `a <_>` or `b` !> `c`", "{} |> \"a <_>\" or \"b\" !> \"c\""),
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
        ("", 0, "syntax error: unexpected $end"),
        ("   # nothing", 0, "empty"),
        ("{", 1, "syntax error: unexpected $end, expecting IDENTIFIER or }"),
        ("{a}", 2, "syntax error: unexpected }, expecting = or =~ or !~ or !="),
        ("{a=b}", 3, "syntax error: unexpected IDENTIFIER, expecting STRING"),
        ("{a=\"b\", 5}", 8, "syntax error: unexpected NUMBER, expecting IDENTIFIER"),
        ("{a=\"b\"", 6, "syntax error: unexpected $end, expecting } or ,"),
        ("{a=\"b}", 3, "literal not terminated"),
        ("{a=\"\\q\"}", 4, "invalid char escape"),
        ("{a=~\"(\"}", 4, "regular expression"),
        ("{} |~ \"[\"", 6, "regular expression"),
        ("{} |= x", 6, "syntax error: unexpected IDENTIFIER, expecting STRING"),
        ("{} |", 4, "syntax error: unexpected $end"),
        ("{} | nonsense", 5, "syntax error: unexpected IDENTIFIER"),
        ("{} | a > \"b\"", 9, "unexpected STRING, expecting BYTES or NUMBER or DURATION"),
        ("{} | a > ip(\"::1\")", 9, "unexpected ip, expecting BYTES or NUMBER or DURATION"),
        ("{} | a =~ 5", 10, "unexpected NUMBER, expecting STRING"),
        ("{} | a > 5parsecs", 9, "not a NUMBER, a DURATION or BYTES"),
        ("{} | a = ip(\"300.1.1.1\")", 12, "invalid pattern (300.1.1.1)"),
        ("{} |~ ip(\"::1\")", 6, "filter needs |= or !="),
        ("{} | json a=\"b..c\"", 18, "cannot parse expression [b..c]"),
        (
            "{} | regexp \"x\"", 12,
            "invalid regexp parser: at least one named capture must be supplied"
        ),
        ("{} | regexp \"(?P<a>.)(?P<a>.)\"", 12, "invalid regexp parser: "),
        ("{} | pattern \"<a><b>\"", 13, "invalid pattern parser: found consecutive capture"),
        ("{} | pattern \"abc\"", 13, "invalid pattern parser: at least one capture"),
        ("{} |> \"<a> x\"", 6, "named captures are not allowed"),
        (
            "{} | line_format \"{{.a\"", 17,
            "invalid line template: template: line:1: unclosed action"
        ),
        ("{} | label_format a=\"{{.a\"", 18, "invalid template for label 'a': "),
        ("{} | label_format __error__=a", 18, "__error__ cannot be formatted"),
        (
            "{} | label_format a=b,a=c", 22,
            "multiple label name 'a' not allowed in a single format operation"
        ),
        ("{} | unwrap a | json", 14, "only label filters may follow unwrap"),
        ("{} | unwrap a", 5, "syntax error: unexpected unwrap"),
        ("{} | unwrap parsecs(a)", 12, "unknown conversion parsecs"),
        ("unk({ foo = \"bar\" }[5m])", 0, "syntax error: unexpected IDENTIFIER"),
        ("rate({})", 7, "syntax error: unexpected ), expecting RANGE"),
        ("rate({}[x])", 8, "syntax error: unexpected IDENTIFIER, expecting RANGE"),
        ("rate({}[5minutes])", 8, "not a valid duration string: \"5minutes\""),
        ("rate({}[0s])", 8, "not a valid duration string: \"0s\""),
        ("rate({}[1m]", 11, "syntax error: unexpected $end, expecting )"),
        ("rate({}[1m][2m])", 11, "syntax error: unexpected RANGE"),
        ("rate(0.5, {}[1m])", 5, "parameter 0.5 not supported for operation rate"),
        ("quantile_over_time({} | unwrap a [1m])", 19, "parameter required for operation"),
        ("rate(a)", 5, "syntax error: unexpected IDENTIFIER, expecting { or ("),
        ("min({}[5m])", 6, "syntax error: unexpected RANGE"),
        ("sum({})", 4, "needs numbers, not lines"),
        ("sum(3 ,rate({}[5h]))", 4, "unsupported parameter for operation sum(3,"),
        ("topk(rate({}[5h]))", 5, "parameter required for operation topk"),
        ("topk(he,rate({}[5h]))", 5, "syntax error: unexpected IDENTIFIER"),
        ("bottomk(1.2,rate({}[5h]))", 8, "invalid parameter bottomk(1.2,"),
        (
            "topk(0, rate({}[1m]))", 5, "invalid parameter (must be greater than 0) topk(0"
        ),
        ("sort(rate({}[1m])) by (a)", 0, "sort and sort_desc doesn't allow grouping by"),
        (
            "approx_topk(3, rate({}[1m])) by (a)", 0,
            "grouping not allowed for approx_topk aggregation"
        ),
        (
            "{} + 1", 3,
            "unexpected type for left leg of binary operation (+)"
        ),
        (
            "1 + {}", 2,
            "unexpected type for right leg of binary operation (+)"
        ),
        (
            "1 or vector(1)", 2,
            "unexpected literal for left leg of logical/set binary operation (or): 1"
        ),
        ("vector(1) + bool vector(1)", 12, "bool modifier can only be used on comparison"),
        (
            "absent_over_time({}[5h]) by (foo)", 25,
            "grouping not allowed for absent_over_time aggregation"
        ),
        ("sum_over_time({}[1m])", 0, "invalid aggregation sum_over_time without unwrap"),
        (
            "count_over_time({} | unwrap a [1m])", 0,
            "invalid aggregation count_over_time with unwrap"
        ),
        (
            "label_replace(rate({}[5m]),\"\")", 29,
            "syntax error: unexpected ), expecting ,"
        ),
        (
            "label_replace(vector(1),\"a\",\"\",\"b\",\"(\")", 35,
            "invalid regex in label_replace: "
        ),
        ("variants({}) of ({}[1m])", 9, "variants needs numbers, not lines"),
        ("variants(rate({}[1m])) ({}[1m])", 23, "unexpected (, expecting of"),
        ("variants(rate({}[1m])) of ({})", 29, "unexpected ), expecting RANGE"),
        ("frobnicate(1)", 0, "unknown function frobnicate"),
        ("{} {}", 3, "syntax error: unexpected {"),
        ("{} json", 3, "syntax error: unexpected json"),
        ("{} sum(1)", 3, "syntax error: unexpected SUM"),
        ("{a=\"b\"} \u{7F}", 8, "unexpected character"),
        ("{} | context", 12, "expecting -A, -B or -C"),
        ("{} | context -X 3", 5, "unknown option -X"),
        ("{} | context -A 3 | json", 18, "must be the last"),
        ("{} | patterns |= \"x\"", 14, "must be the last"),
        ("{} | distinct a | context -A 1", 18, "context cannot follow distinct"),
        ("rate({} | distinct a [1m])", 0, "distinct is for log queries"),
        ("rate({} | patterns [1m])", 0, "context and patterns are for log queries"),
        ("count_distinct_over_time({}[1m])", 25, "unexpected {, expecting IDENTIFIER"),
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

    /// Whole texts, as people know them from Grafana.
    @Test(arguments: [
        (
            "{a=b}",
            "parse error at line 1, col 4: syntax error: unexpected IDENTIFIER, expecting STRING"
        ),
        (
            "sum by (a) (\n  rate({é=\"é\"} | json | ä [5m]))",
            "parse error at line 2, col 9: syntax error: unexpected character \"é\""
        ),
        (
            "{a=\"é\"} |= ",
            "parse error at line 1, col 12: syntax error: unexpected $end, expecting STRING"
        ),
    ])
    func placesAreWrittenAsLokiDoes(_ text: String, _ wanted: String) {
        do {
            Issue.record("\(text) was read as \(try LogQLQuery(text))")
        } catch {
            #expect(error.description == wanted)
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
            "{} | distinct a, b | context -A 3 -B 2 | patterns",
            "count_distinct_over_time(a, {} | json [5m]) by (b) / approx_topk(3, vector(1))",
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
