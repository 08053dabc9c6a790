import Ingest
import Model
import Testing

@Suite struct PrometheusTextBodyTests {
    static let now = Timestamp(nanos: 77)

    static func parse(
        _ text: String, dialect: PrometheusTextBody.Dialect = .prometheus
    ) throws -> ParsedBody {
        var cache = SeriesCache(seed: 1)
        return try PrometheusTextBody.parse(
            Array(text.utf8), dialect: dialect, tenant: .standard, now: now,
            limits: IngestLimits(), cache: &cache)
    }

    static let good: [(line: String, want: String)] = [
        ("up 1", #"{__name__="up"} 1.0@77"#),
        ("up 1 1000", #"{__name__="up"} 1.0@1000000000"#),
        ("up 1 -1000", #"{__name__="up"} 1.0@-1000000000"#),
        ("  up\t1\t1000  ", #"{__name__="up"} 1.0@1000000000"#),
        ("up{} 1\r", #"{__name__="up"} 1.0@77"#),
        ("up {a=\"b\"} 1", #"{__name__="up", a="b"} 1.0@77"#),
        ("up{a=\"b\",} 1", #"{__name__="up", a="b"} 1.0@77"#),
        ("up{ b = \"1\" , a = \"2\" } 1", #"{__name__="up", a="2", b="1"} 1.0@77"#),
        ("up{a=\"x\\\"y\\\\z\\nw}\"} 1", "{__name__=\"up\", a=\"x\"y\\z\nw}\"} 1.0@77"),
        ("up{a=\"\"} 1", #"{__name__="up"} 1.0@77"#),
        ("{\"a.b\",\"c d\"=\"e\"} 1", #"{__name__="a.b", c d="e"} 1.0@77"#),
        ("{__name__=\"x\"} 1", #"{__name__="x"} 1.0@77"#),
        ("x NaN", #"{__name__="x"} nan@77"#), ("x +Inf", #"{__name__="x"} inf@77"#),
        ("x -Inf", #"{__name__="x"} -inf@77"#), ("x 1.5e3", #"{__name__="x"} 1500.0@77"#),
        ("h_bucket{le=\"0.5\"} 3 # {id=\"1\"} 0.4", #"{__name__="h_bucket", le="0.5"} 3.0@77"#),
        ("ä:b{ü=\"ö\"} 1", #"{__name__="ä:b", ü="ö"} 1.0@77"#),
    ]

    @Test(arguments: good.indices)
    func goodLines(index: Int) throws {
        let (line, want) = Self.good[index]
        let parsed = try Self.parse("\n\(line)\n\n")
        #expect(RemoteWriteBodyTests.samples(parsed) == [want])
        #expect(parsed.refusal == nil)
    }

    static let bad: [(line: String, reason: SkipReason)] = [
        ("up", .badValue), ("up x", .badValue), ("up 0x10", .badValue), ("up 1 x", .badTimestamp),
        ("up 1 1.5", .badTimestamp), ("up 1 99999999999999999999", .badTimestamp),
        ("up 1 1 1", .badLine), ("up{a=\"b\" 1", .badLine), ("up{a=\"b 1", .badLine),
        ("up{a} 1", .duplicateLabel), ("up{a=b} 1", .badLine),
        ("up{a=\"1\",a=\"2\"} 1", .duplicateLabel),
        ("{} 1", .missingMetricName), ("{a=\"b\"} 1", .missingMetricName),
        ("up{=\"b\"} 1", .badLabelName), ("up{a=\"b\"}", .badValue),
    ]

    @Test(arguments: bad.indices)
    func badLinesAreCountedAndTheOthersKept(index: Int) throws {
        let (line, reason) = Self.bad[index]
        let parsed = try Self.parse("good 1\n\(line)\ngood 2\n")
        #expect(parsed.batch.samples.values == [1, 2])
        #expect(parsed.skips[reason] == 1 && parsed.skips.total == 1)
        guard case .malformed(_, .line(2)) = parsed.firstSkip else {
            Issue.record("\(String(describing: parsed.firstSkip))")
            return
        }
        #expect(parsed.refusal == nil)
        #expect(try Self.parse(line).refusal?.httpStatus == 400)
    }

    @Test func commentsBecomeMetadata() throws {
        let text = """
            # HELP up Is it \\\\ up\\nor not
            # TYPE up gauge
            # a comment
            #TYPE x counter
            # TYPE req counter
            # UNIT req seconds
            up 1
            # EOF
            """
        let parsed = try Self.parse(text)
        #expect(
            parsed.batch.metadata == [
                MetricMetadata(metric: "up", kind: .gauge, help: "Is it \\ up\nor not"),
                MetricMetadata(metric: "req", kind: .counter, unit: "seconds"),
            ])
        #expect(parsed.skips.total == 0)
    }

    @Test func openMetricsTimestampsAreSeconds() throws {
        #expect(
            PrometheusTextBody.Dialect(contentType: "application/openmetrics-text; version=1")
                == .openMetrics)
        let parsed = try Self.parse("a_total 1 1.5\n# EOF\n", dialect: .openMetrics)
        #expect(parsed.batch.samples.timestamps == [1_500_000_000])
    }

    @Test(arguments: [
        (#"h 3 # {id="1"} 0.4 1.5"#, [#"0.4 id="1"@1500000000"#]),
        (#"h 3 # {} 0.4"#, ["0.4@77"]),
        (#"h 3 2 # {"a b"="}",c="\\"} NaN"#, [#"nan "a b"="}" c="\\"@2000000"#]),
        (#"h 3 # {id="1" 0.4"#, []), (#"h 3 # {id="1"}"#, []), (#"h 3 # 1"#, []),
        (#"h 3 # {id="1"} 1 2 3"#, []), (#"h 3 # {id="1",id="2"} 1"#, []),
    ])
    func exemplars(_ line: String, _ want: [String]) throws {
        let parsed = try Self.parse(line)
        #expect(parsed.batch.samples.count == 1 && parsed.refusal == nil)
        #expect(parsed.skips[.badExemplar] == (want.isEmpty ? 1 : 0))
        let lines = parsed.exemplars?.batch.lines ?? LineColumns()
        #expect(
            (0..<lines.count).map {
                String(decoding: lines.bytes[lines.lineRange($0)], as: UTF8.self)
                    + "@\(lines.timestamps[$0])"
            } == want)
    }

    @Test func mutationsNeverTrap() throws {
        var dice = Dice(3)
        let seeds = Self.good.map { Array($0.line.utf8) } + Self.bad.map { Array($0.line.utf8) }
        var cache = SeriesCache(seed: 1, seriesCountMax: 50)
        for round in 0..<20_000 {
            _ = try PrometheusTextBody.parse(
                dice.mutated(seeds[round % seeds.count]), tenant: .standard, now: Self.now,
                limits: IngestLimits(), cache: &cache)
        }
        #expect(cache.resetCount > 0)
    }
}

@Suite struct InfluxBodyTests {
    static func parse(
        _ text: String, options: InfluxBody.Options = InfluxBody.Options()
    ) throws -> ParsedBody {
        var cache = SeriesCache(seed: 1)
        return try InfluxBody.parse(
            Array(text.utf8), options: options, tenant: .standard, now: Timestamp(nanos: 77),
            limits: IngestLimits(), cache: &cache)
    }

    static let good: [(line: String, want: [String])] = [
        ("cpu value=1", [#"{__name__="cpu"} 1.0@77"#]),
        (
            "cpu,host=a user=1.5,sys=2i 5",
            [
                #"{__name__="cpu_user", host="a"} 1.5@5"#, #"{__name__="cpu_sys", host="a"} 2.0@5"#,
            ]
        ),
        ("cpu  value=1  5 ", [#"{__name__="cpu"} 1.0@5"#]),
        ("cpu value=1 -5", [#"{__name__="cpu"} 1.0@-5"#]),
        ("cpu/usage_rate,a-b=c value=1", [#"{__name__="cpu_usage_rate", a_b="c"} 1.0@77"#]),
        ("c\\ p\\,u,t\\ =a\\,b\\=c\\ d f\\=g=1", [#"{__name__="c_p_u_f_g", t_="a,b=c d"} 1.0@77"#]),
        ("9cpu value=1", [#"{__name__="_9cpu"} 1.0@77"#]),
        ("größe value=1", [#"{__name__="gr__e"} 1.0@77"#]),
        ("cpu,empty= value=1", [#"{__name__="cpu"} 1.0@77"#]),
        ("m value=-12i", [#"{__name__="m"} -12.0@77"#]),
        ("m value=18446744073709551615u", [#"{__name__="m"} 1.8446744073709552e+19@77"#]),
        (
            "m value=t,b=F,c=TRUE,d=false",
            [
                #"{__name__="m"} 1.0@77"#, #"{__name__="m_b"} 0.0@77"#, #"{__name__="m_c"} 1.0@77"#,
                #"{__name__="m_d"} 0.0@77"#,
            ]
        ),
        (
            "m value=1e3,b=-.5,c=1.",
            [
                #"{__name__="m"} 1000.0@77"#, #"{__name__="m_b"} -0.5@77"#,
                #"{__name__="m_c"} 1.0@77"#,
            ]
        ),
        ("m s=\"a b,c=d \\\" \n\\\\\",value=1 9", [#"{__name__="m"} 1.0@9"#]),
        ("m value=1 9\r", [#"{__name__="m"} 1.0@9"#]),
        (
            "cpu_usage_total,container_name=c,machine=h value=123i 1700000000000000000",
            [
                #"{__name__="cpu_usage_total", container_name="c", machine="h"} "#
                    + "123.0@1700000000000000000"
            ]
        ),
    ]

    @Test(arguments: good.indices)
    func goodLines(index: Int) throws {
        let (line, want) = Self.good[index]
        let parsed = try Self.parse("# comment\n\n\(line)\n")
        #expect(RemoteWriteBodyTests.samples(parsed) == want)
        #expect(parsed.refusal == nil)
    }

    static let bad: [(line: String, reason: SkipReason)] = [
        ("cpu", .badLine), ("cpu ", .badLine), ("cpu value", .badLine), ("cpu value=", .badValue),
        ("cpu =1", .badLine), ("cpu value=x", .badValue), ("cpu value=1x", .badValue),
        ("cpu value=NaN", .badValue), ("cpu value=1.5i", .badValue), ("cpu value=-1u", .badValue),
        ("cpu value=99999999999999999999i", .badValue), ("cpu value=truely", .badValue),
        ("cpu value=1 x", .badTimestamp), ("cpu value=1 1 1", .badTimestamp),
        ("cpu value=1 1.5", .badTimestamp), ("cpu value=1, 5", .badLine),
        ("cpu,host value=1", .badLine), (",a=b value=1", .missingMetricName),
        ("cpu,a=1,a=2 value=1", .duplicateLabel), ("cpu a=1,b=x 5", .badValue),
    ]

    @Test(arguments: bad.indices)
    func badLinesAreCountedAndTheOthersKept(index: Int) throws {
        let (line, reason) = Self.bad[index]
        let parsed = try Self.parse("good value=1\n\(line)\ngood value=2\n")
        #expect(parsed.batch.samples.values == [1, 2])
        #expect(parsed.skips[reason] == 1 && parsed.skips.total == 1)
        guard case .malformed(_, .line(2)) = parsed.firstSkip else {
            Issue.record("\(String(describing: parsed.firstSkip))")
            return
        }
    }

    @Test func stringFieldsAreCounted() throws {
        let parsed = try Self.parse("m text=\"x\"\nm text=\"a\nb\"\nbad\n")
        #expect(parsed.batch.isEmpty && parsed.skips[.stringField] == 2)
        #expect(parsed.acceptedCount == 2 && parsed.refusal == nil)
        // The line feed in the string counts as a line of the body.
        guard case .malformed(_, .line(4)) = parsed.firstSkip else {
            Issue.record("\(String(describing: parsed.firstSkip))")
            return
        }
        #expect(try Self.parse("m text=\"x").refusal != nil)
    }

    @Test(arguments: [
        ("ns", 1), ("u", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000), ("", 1),
    ])
    func precisions(word: String, nanos: Int) throws {
        var options = InfluxBody.Options()
        options.precision = try #require(InfluxBody.Precision(parameter: word))
        let parsed = try Self.parse("a value=1 3", options: options)
        #expect(parsed.batch.samples.timestamps == [3 * Int64(nanos)])
        #expect(InfluxBody.Precision(parameter: "d") == nil)
    }

    @Test func timestampsThatDoNotFitAreRefused() throws {
        var options = InfluxBody.Options()
        options.precision = .hours
        let parsed = try Self.parse("a value=1 9999999999999999", options: options)
        #expect(parsed.skips[.badTimestamp] == 1 && parsed.batch.samples.isEmpty)
    }

    @Test func theDatabaseBecomesALabel() throws {
        var options = InfluxBody.Options()
        options.database = "k8s"
        let lines = "a value=1\na,db=own value=2"
        #expect(
            RemoteWriteBodyTests.samples(try Self.parse(lines, options: options)) == [
                #"{__name__="a", db="k8s"} 1.0@77"#, #"{__name__="a", db="own"} 2.0@77"#,
            ])
        options.databaseLabel = nil
        options.keepsNames = true
        #expect(
            RemoteWriteBodyTests.samples(try Self.parse("a/b value=1", options: options)) == [
                #"{__name__="a/b"} 1.0@77"#
            ])
    }

    @Test func optionsDoNotMeetInTheCache() throws {
        var cache = SeriesCache(seed: 1)
        var seen: [String] = []
        for database in ["x", "y", ""] {
            var options = InfluxBody.Options()
            options.database = database
            let parsed = try InfluxBody.parse(
                Array("a value=1".utf8), options: options, tenant: .standard,
                now: Timestamp(nanos: 0), limits: IngestLimits(), cache: &cache)
            seen += RemoteWriteBodyTests.samples(parsed)
        }
        #expect(
            seen == [
                #"{__name__="a", db="x"} 1.0@0"#, #"{__name__="a", db="y"} 1.0@0"#,
                #"{__name__="a"} 1.0@0"#,
            ])
    }

    @Test func mutationsNeverTrapAndColumnsStayEven() throws {
        var dice = Dice(5)
        let seeds = Self.good.map { Array($0.line.utf8) } + Self.bad.map { Array($0.line.utf8) }
        var cache = SeriesCache(seed: 1, seriesCountMax: 50)
        for round in 0..<20_000 {
            let body = dice.mutated(seeds[round % seeds.count] + [0x0A] + seeds[round % 7])
            let parsed = try InfluxBody.parse(
                body, tenant: .standard, now: Timestamp(nanos: 1), limits: IngestLimits(),
                cache: &cache)
            let samples = parsed.batch.samples
            #expect(samples.timestamps.count == samples.values.count)
            #expect(samples.seriesIndexes.allSatisfy { $0 < parsed.batch.series.count })
        }
    }
}
