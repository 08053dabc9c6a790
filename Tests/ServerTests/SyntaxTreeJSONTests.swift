import Query
import Server
import Testing

/// Prometheus' trees to the letter; those of MetricsQL are our own.
@Suite struct SyntaxTreeJSONTests {
    private func tree(_ query: String) throws -> String {
        var json = JSONWriter()
        SyntaxTreeJSON.write(try PromQLEngine.parseOnly(query), to: &json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private static func vector(_ name: String) -> String {
        #"""
        {"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"\#(name)"}],\#
        "name":"\#(name)","offset":0,"smoothed":false,"startOrEnd":null,"timestamp":null,\#
        "type":"vectorSelector"}
        """#
    }

    private static func matching(
        _ card: String = "one-to-one", left: String = "null", right: String = "null",
        include: String = "", labels: String = "", on: Bool = false
    ) -> String {
        #"""
        {"card":"\#(card)","fillValues":{"lhs":\#(left),"rhs":\#(right)},\#
        "include":[\#(include)],"labels":[\#(labels)],"on":\#(on)}
        """#
    }

    private static func binary(
        _ op: String, _ left: String, _ right: String, bool: Bool = false, _ matching: String
    ) -> String {
        #"""
        {"bool":\#(bool),"lhs":\#(left),"matching":\#(matching),"op":"\#(op)",\#
        "rhs":\#(right),"type":"binaryExpr"}
        """#
    }

    @Test(
        arguments: [
            ("1", #"{"type":"numberLiteral","val":"1"}"#),
            ("-1e-3", #"{"type":"numberLiteral","val":"-0.001"}"#),
            ("1h30m", #"{"type":"numberLiteral","val":"5400"}"#),
            ("Inf", #"{"type":"numberLiteral","val":"+Inf"}"#),
            (#""a\"b""#, #"{"type":"stringLiteral","val":"a\"b"}"#),
            ("(2)", #"{"expr":{"type":"numberLiteral","val":"2"},"type":"parenExpr"}"#),
            ("-a", #"{"expr":\#(vector("a")),"op":"-","type":"unaryExpr"}"#),
            ("+a", #"{"expr":\#(vector("a")),"op":"+","type":"unaryExpr"}"#),
            ("a", vector("a")),
        ] as [(String, String)])
    func literalsAndSigns(query: String, expected: String) throws {
        #expect(try tree(query) == expected)
    }

    @Test(
        arguments: [
            (
                #"a{b="c",d!~"e|f"} @ 1.5 offset -1m"#,
                #"""
                {"anchored":false,"matchers":[{"name":"b","type":"=","value":"c"},\#
                {"name":"d","type":"!~","value":"e|f"},{"name":"__name__","type":"=",\#
                "value":"a"}],"name":"a","offset":-60000,"smoothed":false,"startOrEnd":null,\#
                "timestamp":1500,"type":"vectorSelector"}
                """#
            ),
            (
                #"{"x.y"}[5m] @ end()"#,
                #"""
                {"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x.y"}],\#
                "name":"","offset":0,"range":300000,"smoothed":false,"startOrEnd":"end",\#
                "timestamp":null,"type":"matrixSelector"}
                """#
            ),
            (
                "a[1m:10s] @ start() offset 1h",
                #"""
                {"alignEvalTime":false,"expr":\#(vector("a")),"offset":3600000,\#
                "range":60000,"startOrEnd":"start","step":10000,"timestamp":null,\#
                "type":"subquery"}
                """#
            ),
            (
                "a[1m:]",
                #"""
                {"alignEvalTime":false,"expr":\#(vector("a")),"offset":0,"range":60000,\#
                "startOrEnd":null,"step":0,"timestamp":null,"type":"subquery"}
                """#
            ),
            (
                "a smoothed",
                vector("a").replacing(#""smoothed":false"#, with: #""smoothed":true"#)
            ),
            (
                "a[2 * step()] anchored",
                #"""
                {"anchored":true,"matchers":[{"name":"__name__","type":"=","value":"a"}],\#
                "name":"a","offset":0,"range":0,"smoothed":false,"startOrEnd":null,\#
                "timestamp":null,"type":"matrixSelector"}
                """#
            ),
        ] as [(String, String)])
    func selectors(query: String, expected: String) throws {
        #expect(try tree(query) == expected)
    }

    @Test(
        arguments: [
            ("a + b", binary("+", vector("a"), vector("b"), matching())),
            (
                "a > bool 1",
                binary(
                    ">", vector("a"), #"{"type":"numberLiteral","val":"1"}"#, bool: true, "null")
            ),
            (
                "a and on (x) b",
                binary(
                    "and", vector("a"), vector("b"),
                    matching("many-to-many", labels: #""x""#, on: true))
            ),
            (
                "a atan2 ignoring (x) group_left (y) b",
                binary(
                    "atan2", vector("a"), vector("b"),
                    matching("many-to-one", include: #""y""#, labels: #""x""#))
            ),
            (
                "a / on () group_right () b",
                binary("/", vector("a"), vector("b"), matching("one-to-many", on: true))
            ),
            (
                "a - fill_left (0) fill_right (1.5) b",
                binary("-", vector("a"), vector("b"), matching(left: "0", right: "1.5"))
            ),
            (
                "a - fill (NaN) b",
                binary("-", vector("a"), vector("b"), matching(left: #""NaN""#, right: #""NaN""#))
            ),
        ] as [(String, String)])
    func operators(query: String, expected: String) throws {
        #expect(try tree(query) == expected)
    }

    @Test(
        arguments: [
            (
                "sum by (x, y) (a)",
                #"""
                {"expr":\#(vector("a")),"grouping":["x","y"],"op":"sum","param":null,\#
                "type":"aggregation","without":false}
                """#
            ),
            (
                "topk without () (3, a)",
                #"""
                {"expr":\#(vector("a")),"grouping":[],"op":"topk",\#
                "param":{"type":"numberLiteral","val":"3"},"type":"aggregation",\#
                "without":true}
                """#
            ),
            (
                "time()",
                #"""
                {"args":[],"func":{"argTypes":[],"name":"time","returnType":"scalar",\#
                "variadic":0},"type":"call"}
                """#
            ),
            (
                "round(a)",
                #"""
                {"args":[\#(vector("a"))],"func":{"argTypes":["vector","scalar"],\#
                "name":"round","returnType":"vector","variadic":1},"type":"call"}
                """#
            ),
            (
                #"label_join(a, "b", "-", "c")"#,
                #"""
                {"args":[\#(vector("a")),{"type":"stringLiteral","val":"b"},\#
                {"type":"stringLiteral","val":"-"},{"type":"stringLiteral","val":"c"}],\#
                "func":{"argTypes":["vector","string","string","string"],\#
                "name":"label_join","returnType":"vector","variadic":-1},"type":"call"}
                """#
            ),
        ] as [(String, String)])
    func callsAndAggregations(query: String, expected: String) throws {
        #expect(try tree(query) == expected)
    }

    @Test(
        arguments: [
            ("histogram_quantiles", 9, ["vector", "string", "scalar", "scalar"]),
            ("info", 1, ["vector", "vector"]), ("hour", 1, ["vector"]),
            ("sort_by_label", -1, ["vector", "string"]),
            ("quantile_over_time", 0, ["scalar", "matrix"]),
            ("label_replace", 0, ["vector", "string", "string", "string", "string"]),
        ] as [(String, Int, [String])])
    func functionsAreThoseOfPrometheus(name: String, variadic: Int, types: [String]) throws {
        let arguments = [
            "histogram_quantiles": #"a, "q", 0.5"#, "sort_by_label": #"a, "b""#,
            "quantile_over_time": "0.5, a[5m]", "label_replace": #"a, "b", "c", "d", "e""#,
        ]
        let list = types.map { "\"\($0)\"" }.joined(separator: ",")
        let found = try tree("\(name)(\(arguments[name] ?? "a"))")
        #expect(
            found.contains(
                #"""
                "func":{"argTypes":[\#(list)],"name":"\#(name)","returnType":"vector",\#
                "variadic":\#(variadic)}
                """#))
    }

    @Test(
        arguments: [
            (
                "abs(a) keep_metric_names",
                #"""
                {"args":[\#(vector("a"))],"func":{"argTypes":["vector"],"name":"abs",\#
                "returnType":"vector","variadic":0},"keepMetricNames":true,"type":"call"}
                """#
            ),
            (
                "sum(a) limit 2",
                #"""
                {"expr":\#(vector("a")),"grouping":[],"limit":2,"op":"sum","param":null,\#
                "type":"aggregation","without":false}
                """#
            ),
            (
                #"{a="1" or b="2"}"#,
                #"""
                {"anchored":false,"matchers":[{"name":"a","type":"=","value":"1"}],\#
                "name":"","offset":0,"orMatchers":[[{"name":"b","type":"=","value":"2"}]],\#
                "smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"}
                """#
            ),
            ("a default b", binary("default", vector("a"), vector("b"), matching())),
            ("WITH (x = a) x", vector("a")),
        ] as [(String, String)])
    func metricsQL(query: String, expected: String) throws {
        #expect(try tree(query) == expected)
    }
}
