import Model
import Query
import Testing

/// What is refused, where, and how queries are printed.
@Suite struct PromQLParserTests {
    struct Refusal: CustomTestStringConvertible {
        var query: String
        /// `line:column` and words of the message.
        var place: String
        var words: String
        var testDescription: String { query }

        init(_ query: String, _ place: String, _ words: String) {
            self.query = query
            self.place = place
            self.words = words
        }
    }

    static let refusals: [Refusal] = [
        Refusal("", "1:1", "no expression found in input"),
        Refusal("# only a comment", "1:17", "no expression found in input"),
        Refusal("1 +", "1:4", "unexpected end of input"),
        Refusal("(1", "1:3", "unexpected end of input in paren expression, expected \")\""),
        Refusal("1)", "1:2", "unexpected \")\" after expression"),
        Refusal("a b", "1:3", "unexpected identifier \"b\""),
        Refusal("sum(a) by", "1:10", "expected \"(\""),
        Refusal("sum by (a, 1) (b)", "1:12", "in grouping opts, expected label"),
        Refusal("sum(a, b)", "1:1", "expected 1, got 2"),
        Refusal("topk(a)", "1:1", "expected 2, got 1"),
        Refusal("sum()", "1:1", "no arguments for aggregate expression provided"),
        Refusal("foo(1)", "1:1", "unknown function with name \"foo\""),
        Refusal("rate(a[5m],)", "1:12", "trailing commas not allowed"),
        Refusal("rate(a[5m]", "1:11", "unexpected end of input in function call"),
        Refusal("rate()", "1:1", "expected 1 argument(s) in call to \"rate\", got 0"),
        Refusal("rate(1)", "1:6", "expected type range vector in call to function \"rate\""),
        Refusal("abs(a[5m])", "1:5", "expected type instant vector in call to function \"abs\""),
        Refusal("round(a, 1, 2)", "1:1", "expected at most 2 argument(s)"),
        Refusal("label_join(a)", "1:1", "expected at least 3 argument(s)"),
        Refusal("clamp(1, 2, 3)", "1:7", "expected type instant vector"),
        Refusal("vector(a)", "1:8", "expected type scalar"),
        Refusal("count_values(1, a)", "1:14", "expected type string in aggregation parameter"),
        Refusal("topk(\"a\", a)", "1:6", "expected type scalar in aggregation parameter"),
        Refusal("sum(a[5m])", "1:5", "expected type instant vector in aggregation"),
        Refusal("1 > 2", "1:1", "comparisons between scalars must use BOOL modifier"),
        Refusal("1 + bool 2", "1:5", "bool modifier can only be used on comparison operators"),
        Refusal("1 and 2", "1:1", "set operator \"and\" not allowed in binary scalar expression"),
        Refusal("a and 2", "1:1", "set operator \"and\" not allowed"),
        Refusal("a[5m] + 1", "1:1", "binary expression must contain only scalar and instant"),
        Refusal("1 + \"x\"", "1:5", "binary expression must contain only scalar and instant"),
        Refusal("a + on(b) 1", "1:1", "vector matching only allowed between instant vectors"),
        Refusal("a and on(b) group_left c", "1:1", "no grouping allowed for \"and\" operation"),
        Refusal("a + on(b) group_left(b) c", "1:1", "must not occur in ON and GROUP clause"),
        Refusal("a + group_left(b) c", "1:5", "unexpected identifier \"group_left\""),
        Refusal("-\"x\"", "1:1", "unary expression only allowed on expressions of type scalar"),
        Refusal("-a[5m]", "1:1", "got \"range vector\""),
        Refusal("{}", "1:1", "must contain at least one non-empty matcher"),
        Refusal("{a=\"\"}", "1:1", "must contain at least one non-empty matcher"),
        Refusal("{a=~\".*\"}", "1:1", "must contain at least one non-empty matcher"),
        Refusal("{a!=\"b\"}", "1:1", "must contain at least one non-empty matcher"),
        Refusal("a{b}", "1:4", "expected one of \"=\", \"!=\", \"=~\", \"!~\""),
        Refusal("a{b=}", "1:5", "in label matching, expected string"),
        Refusal("a{b=c}", "1:5", "unexpected identifier \"c\" in label matching"),
        Refusal("a{b=\"c\" d=\"e\"}", "1:9", "expected \",\" or \"}\""),
        Refusal("a{b=\"c\"", "1:8", "unexpected end of input"),
        Refusal("a{,}", "1:3", "expected identifier or \"}\""),
        Refusal("a{__name__=\"b\"}", "1:3", "metric name must not be set twice: \"a\" or \"b\""),
        Refusal("a{__name__=~\"b.*\"}", "1:3", "metric name must not be set twice: \"a\" or"),
        Refusal("a{\"b\"}", "1:3", "metric name must not be set twice"),
        Refusal("{\"a\",\"b\"}", "1:6", "metric name must not be set twice"),
        Refusal("a{b=~\"(\"}", "1:6", "invalid regular expression"),
        Refusal("a[5m", "1:5", "expected \"]\""),
        Refusal("a[]", "1:3", "expected a duration"),
        Refusal("a[5]]", "1:5", "unexpected \"]\""),
        Refusal("a[5x]", "1:3", "bad number or duration syntax"),
        Refusal("a[0s]", "1:3", "duration must be greater than 0"),
        Refusal("a[1m1h]", "1:3", "bad number or duration syntax: \"1m1h\""),
        Refusal("a[5m:0s]", "1:6", "duration must be greater than 0"),
        Refusal("a[1000y]", "1:3", "duration out of range"),
        Refusal("(a + b)[5m]", "1:8", "ranges only allowed for vector selectors"),
        Refusal("a[5m][5m]", "1:6", "ranges only allowed for vector selectors"),
        Refusal("a[5m][5m:1m]", "1:1", "subquery is only allowed on instant vector"),
        Refusal("1[5m:1m]", "1:1", "subquery is only allowed on instant vector, got scalar"),
        Refusal("a offset 5m[5m]", "1:12", "no offset modifiers allowed before range"),
        Refusal("a @ 5[5m]", "1:6", "no @ modifiers allowed before range"),
        Refusal("a offset 1m offset 1m", "1:13", "offset may not be set multiple times"),
        Refusal("a @ 1 @ 2", "1:7", "@ <timestamp> may not be set multiple times"),
        Refusal("1 offset 1m", "1:3", "offset modifier must be preceded by"),
        Refusal("sum(a) @ 5", "1:8", "@ modifier must be preceded by"),
        Refusal("a offset", "1:9", "expected a duration"),
        Refusal("a @", "1:4", "in @, expected timestamp"),
        Refusal("a @ Inf", "1:5", "timestamp out of bounds for @ modifier"),
        Refusal("a @ start", "1:10", "expected \"(\""),
        Refusal("\"abc", "1:1", "unterminated quoted string"),
        Refusal("'a\nb'", "1:1", "unterminated quoted string"),
        Refusal("`abc", "1:1", "unterminated raw string"),
        Refusal("\"\\q\"", "1:2", "unknown escape sequence"),
        Refusal("\"\\xZZ\"", "1:4", "illegal character in escape sequence"),
        Refusal("\"\\ud800\"", "1:8", "invalid Unicode code point"),
        Refusal("(a,", "1:4", "unexpected end of input"),
        Refusal("1.2.3", "1:1", "bad number or duration syntax"),
        Refusal("0x", "1:1", "bad number or duration syntax"),
        Refusal("1e", "1:1", "bad number or duration syntax"),
        Refusal("a ~ b", "1:3", "unexpected character: '~'"),
        Refusal("a € b", "1:3", "unexpected character: '€'"),
        Refusal("a +\n  )", "2:3", "unexpected \")\""),
        Refusal("a\n+\nb{c=}", "3:5", "expected string"),
        Refusal("and", "1:1", "unexpected identifier \"and\""),
        Refusal("a[0*1m]", "1:3", "duration must be greater than 0"),
        Refusal("a[1m/0]", "1:3", "division by zero"),
        Refusal("a[1m%0]", "1:3", "modulo by zero"),
        Refusal("a[1m+]", "1:6", "expected a duration"),
        Refusal("a[(1m]", "1:6", "expected \")\""),
        Refusal("a[steps()]", "1:3", "expected a duration"),
        Refusal("a[max(1m)]", "1:9", "expected \",\""),
        Refusal("a[1m^1e9]", "1:3", "duration out of range"),
        Refusal("deriv(a[5m] smoothed)", "1:7", "smoothed modifier can only be used with"),
        Refusal(
            "max_over_time(a[5m] anchored)", "1:15",
            "changes, delta, increase, rate, resets - not with max_over_time"),
        Refusal("changes(a[5m] smoothed)", "1:9", "- not with changes"),
        Refusal("rate(a[5m] smoothed anchored)", "1:21", "cannot be used together"),
        Refusal("rate(a[5m] smoothed smoothed)", "1:21", "may not be set multiple times"),
        Refusal("a anchored", "1:3", "can only be used with range vector selectors"),
        Refusal("rate(a[5m:1m] smoothed)", "1:15", "must be preceded by a vector selector"),
        Refusal("a smoothed[5m]", "1:11", "no smoothed modifiers allowed before range"),
        Refusal("a and fill(0) b", "1:1", "not allowed for set operators"),
        Refusal("a + fill(0) 1", "1:1", "only allowed between instant vectors"),
        Refusal("a + fill(b) c", "1:10", "in fill modifier, expected a number"),
        Refusal("1 </ 2", "1:1", "not allowed between scalars"),
        Refusal("a </ bool 2", "1:6", "bool modifier can only be used on comparison"),
        Refusal("info(a, b)", "1:9", "expected label selectors only"),
        Refusal("info(a, sum(b))", "1:9", "expected label selectors"),
        Refusal("{a=\"b\" or }", "1:11", "in label matching, expected identifier"),
        Refusal("{a=\"b\" or c=\"\"}", "1:1", "at least one non-empty matcher"),
    ]

    @Test(arguments: refusals)
    func refusesAtTheRightPlace(refusal: Refusal) {
        do {
            let expr = try PromQLEngine.parseOnly(refusal.query)
            Issue.record("\(refusal.query) was read as \(expr)")
        } catch {
            let text = "\(error)"
            #expect(text.hasPrefix(refusal.place + ": parse error: "), "\(text)")
            #expect(text.contains(refusal.words), "\(text)")
        }
    }

    @Test(arguments: [
        ("start_timestamp(a)", "function start_timestamp")
    ])
    func namesWhatIsNotBuiltYet(query: String, name: String) {
        do {
            let expr = try PromQLEngine.parseOnly(query)
            Issue.record("\(query) was read as \(expr)")
        } catch {
            guard case .unsupported(let got, _) = error else {
                Issue.record("\(query): \(error)")
                return
            }
            #expect(got == name)
        }
    }

    @Test(arguments: [
        (
            "sum  by(a,b)( rate( x{b='c',a=\"d\"}[5m] ) )",
            #"sum by (a, b) (rate(x{a="d",b="c"}[5m]))"#
        ),
        ("sum(x)without(a)", "sum without (a) (x)"),
        ("sum by () (x)", "sum(x)"),
        ("topk( 3,x )", "topk(3, x)"),
        ("a+b*c", "a + b * c"),
        ("(a+b)*c", "(a + b) * c"),
        ("a == bool on(x) group_left(y) b", "a == bool on (x) group_left (y) b"),
        ("a / ignoring(x) b", "a / ignoring (x) b"),
        ("a and on() b", "a and on () b"),
        ("-a", "-a"), ("- 5", "-5"), ("-2^2", "-2 ^ 2"),
        ("0x10", "16"), ("1e3", "1000"), ("1e-7", "0.0000001"), ("NaN", "NaN"),
        ("inf", "+Inf"), ("1e22", "10000000000000000000000"), ("0.1", "0.1"),
        ("90s", "1m30s"), ("14d", "2w"), ("8d", "8d"),
        ("x[90s]", "x[1m30s]"), ("x[300]", "x[5m]"), ("x[1h:]", "x[1h:]"),
        ("x[1h:60s]", "x[1h:1m]"), ("x offset 1h", "x offset 1h"),
        ("x offset -60s", "x offset -1m"), ("x @ 1.5", "x @ 1.500"),
        ("x offset 5m @ start()", "x @ start() offset 5m"),
        ("x[5m] @ end() offset 1m", "x[5m] @ end() offset 1m"),
        ("x[5m:1m] @ 5 offset 1m", "x[5m:1m] @ 5.000 offset 1m"),
        (#"{"a.b",c="d"}"#, #"{__name__="a.b",c="d"}"#),
        (#"{"c d"="e",x="y"}"#, #"{"c d"="e",x="y"}"#),
        (#"sum by ("c d") (x)"#, #"sum by ("c d") (x)"#),
        (#"'it"s'"#, #""it\"s""#), ("`a\\b`", #""a\\b""#),
        ("x{a!=\"b\",c=~\"d\",e!~\"f\"}", "x{a!=\"b\",c=~\"d\",e!~\"f\"}"),
        ("rate(x[5m]) # comment", "rate(x[5m])"), ("pi()", "pi()"),
        ("rate( x )", "rate(x)"), ("max_over_time(x+y)", "max_over_time(x + y)"),
        ("a DEFAULT b if c ifnot 1", "a default b if c ifnot 1"),
        ("sum(x)by(y)limit 3", "sum by (y) (x) limit 3"),
        ("abs(x)keep_metric_names", "abs(x) keep_metric_names"),
        ("(x+1)keep_metric_names", "(x + 1) keep_metric_names"),
        ("WITH (f(a, b) = a * b) f(x, 1 + y)", "(x * (1 + y))"),
        ("2 ^ WITH (a = -x) a", "2 ^ (-x)"),
        ("WITH (c = {a=\"b\"}) x{c,d=\"e\"}", "x{a=\"b\",d=\"e\"}"),
        ("rollup(x[5m], \"max\")", "max_over_time(x[5m])"),
        ("quantiles(\"q\", 0.5, x)", "union(label_set(quantile(0.5, x), \"q\", \"0.5\"))"),
        ("(a, b)", "union(a, b)"), ("1Ki", "1024"), ("x[1.5h]", "x[1h30m]"),
        ("x[5i]", "x[(5 * step())]"), ("x offset -2i", "x offset -(2 * step())"),
        ("x[5m+ 30]", "x[5m + 30]"), ("x[2m*(1+STEP())]", "x[2m * (1 + step())]"),
        ("x[max(range(),1m):step()]", "x[max(range(), 1m):step()]"),
        ("x offset -min( step(),1s)", "x offset -min(step(), 1s)"),
        ("x offset (1m+1m)", "x offset (1m + 1m)"), ("x offset 1m + 1", "x offset 1m + 1"),
        ("rate(x[5m] anchored offset 1m)", "rate(x[5m] anchored offset 1m)"),
        ("increase(x[5m] offset 1m SMOOTHED)", "increase(x[5m] smoothed offset 1m)"),
        ("x smoothed", "x smoothed"), ("a >/ 5", "a >/ 5"), ("a </ b", "a </ b"),
        ("a + fill(0) b", "a + fill (0) b"),
        (
            "a / on(x) fill_right(1) fill_left(-Inf) b",
            "a / on (x) fill_left (-Inf) fill_right (1) b"
        ),
        (#"x{a="b" or c="d",e="f"}"#, #"x{a="b" or c="d",e="f"}"#),
        (#"{or="b"}"#, #"{or="b"}"#), ("info(a, {b=~'.*'})", #"info(a, {b=~".*"})"#),
        ("count_values(\"v\", x)", "count_values(\"v\", x)"),
    ])
    func printsCanonically(query: String, printed: String) throws {
        let expr = try PromQLEngine.parseOnly(query)
        #expect(expr.description == printed)
        // What is printed reads back as the same.
        #expect(try PromQLEngine.parseOnly(printed).description == printed)
    }

    /// Templates of templates: a limit, at once.
    @Test func refusesWhatGrowsWithoutEnd() {
        let doubling = (1...60).map { "t\($0) = t\($0 - 1) + t\($0 - 1)" }
        let queries = [
            "WITH (t0 = x, " + doubling.joined(separator: ", ") + ") t60",
            "WITH (t0(x) = x, "
                + (1...60).map { "t\($0)(x) = t\($0 - 1)(x + x)" }.joined(separator: ", ")
                + ") t60(y)",
            String(repeating: "rollup(", count: 60) + "x[5m]" + String(repeating: ")", count: 60),
            "x[" + Array(repeating: "1m", count: 400).joined(separator: "+") + "]",
            "x[" + String(repeating: "(", count: 400) + "1m" + String(repeating: ")", count: 400)
                + "]",
        ]
        for query in queries {
            do {
                let expr = try PromQLEngine.parseOnly(query)
                Issue.record("\(query.prefix(60)) was read as \(expr.description.count) bytes")
            } catch {
                guard case .limit = error else {
                    Issue.record("\(query.prefix(60)): \(error)")
                    continue
                }
            }
        }
    }

    @Test func refusesDeepNesting() {
        let depth = PromQLParser.depthMax + 10
        let deep = [
            String(repeating: "(", count: depth) + "1" + String(repeating: ")", count: depth),
            String(repeating: "-", count: depth) + "a",
            String(repeating: "abs(", count: depth) + "a" + String(repeating: ")", count: depth),
            Array(repeating: "a", count: depth).joined(separator: " + "),
            Array(repeating: "2", count: depth).joined(separator: " ^ "),
            String(repeating: "(", count: 100_000),
            String(repeating: "{a=\"b\"}[5m:1m]", count: 1)
                + String(repeating: "[5m:1m]", count: depth),
        ]
        for query in deep {
            do {
                _ = try PromQLEngine.parseOnly(query)
                Issue.record("\(query.prefix(20))… was read")
            } catch {
                #expect(error == .limit(name: "query.depth_max", allowed: PromQLParser.depthMax))
            }
        }
    }

    @Test func takesNestingWithinTheLimit() throws {
        let depth = PromQLParser.depthMax - 10
        let sum = Array(repeating: "a", count: depth).joined(separator: " + ")
        #expect(try PromQLEngine.parseOnly(sum).type == .vector)
    }

    @Test func refusesTextWithoutEnd() {
        let long = String(repeating: "a or ", count: 300_000) + "a"
        #expect(throws: QueryError.limit(name: "query.text_bytes_max", allowed: 1 << 20)) {
            try PromQLEngine.parseOnly(long)
        }
    }

    /// Garbage in many forms: an answer or an error, never a crash, and what is read prints as
    /// something that reads back.
    @Test func mutationsNeverCrash() async throws {
        let seeds = [
            #"sum by (job, "a.b") (rate(http{code=~"5..",x!~"y"}[5m] offset -1m)) / 2"#,
            #"histogram_quantile(0.9, sum without(i)(rate(h[1h:5m] @ end())))"#,
            #"a{b="\x41\u00e9"} * on(c) group_left(d) -e ^ 0x1F or topk(3, f) > bool 1e-3"#,
            #"label_replace(m, "d", "$1", "s", "(.*)") unless absent(n{x='y'}) @ 1.5"#,
            #"increase(a[max(5m*2,step()):range()+1m] anchored) + on(b) fill_left(-1) c </ 2"#,
            #"WITH (f(x, y) = rate(x[5m]) / y, q = {a="b" or c="d"}) f(m{q} smoothed, 2)"#,
            #"rollup(a, "max") default (b if c) keep_metric_names ifnot sum(d) by (e) limit 3"#,
            #"quantiles("q", 0.5, info(a, {b=~".*"})) or label_set(running_sum(c), "d", "e")"#,
        ]
        let pieces = [
            "(", ")", "{", "}", "[", "]", "\"", "\\", "`", ",", ":", "@", "offset", "by", "5m",
            "1e999", "0x", "-", "^", "bool", "on", "group_left", "\u{0}", "é", "#", "\n", "or",
            "WITH (a = b) ", "default", "if", "limit 2", "keep_metric_names", "anchored",
            "smoothed",
            "fill(0)", "</", ">/", "step()", "rollup(", "+1m",
            "NaN", "start()", "[5m]", "sum", "rate(", "1y", "=~", "..",
        ]
        let store = PromQLMemoryStore([])
        var state: UInt64 = 88_172_645_463_325_252
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(max(bound, 1)))
        }
        var readCount = 0
        for round in 0..<12_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0...next(4) {
                let place = next(bytes.count + 1)
                switch next(4) {
                case 0: bytes.insert(contentsOf: Array(pieces[next(pieces.count)].utf8), at: place)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + next(6)))
                case 2 where place < bytes.count: bytes[place] = UInt8(next(256))
                default:
                    let end = min(bytes.count, place + next(12))
                    bytes.insert(contentsOf: Array(bytes[place..<end]), at: next(bytes.count))
                }
            }
            let query = String(decoding: bytes, as: UTF8.self)
            guard let expr = try? PromQLEngine.parseOnly(query) else { continue }
            readCount += 1
            let printed = expr.description
            #expect((try? PromQLEngine.parseOnly(printed))?.description == printed, "\(query)")
            _ = try? await PromQLEngine().instant(
                query, at: Timestamp(millis: 1_000_000), tenant: .standard, querier: store,
                budget: QueryBudget())
        }
        #expect(readCount > 300)
    }
}
