import Model
import Query
import Testing

/// Parsers take short ways: bytes that the line before had at the same place, and a look at what
/// filters ask for before the rest is read. Over lines of programs, of none, and garbled ones the
/// answers must be those of the long way.
@Suite struct ParsedLineTests {
    private static let parsers = ["json", "logfmt", "logfmt --strict"]

    private static let filters = [
        "level=\"error\"", "level!=\"info\"", "level=~\"err.*\"", "status >= 500",
        "status < 300 or level=\"error\"", "level=\"error\" and status > 200", "took > 20ms",
        "size <= 3KB", "ip=ip(\"10.0.0.0/29\")", "ip!=ip(\"10.0.0.0/29\")", "user_id=\"7\"",
        "level_extracted=\"error\"", "level_extracted=\"error\" | status=\"500\"",
        "__error__=\"\"", "__error__!=\"\"", "__error__=\"\" | status > 300",
        "__error_details__=~\".*pos.*\" or level=\"info\"", "missing=\"\" | level=\"info\"",
        "missing!=\"\"", "missing > 1", "user_deep_x=\"error\" or missing=\"a\"",
        "_9k=\"500\" or k_q!=\"\" or app_extracted=\"z\"", "status_extracted=\"500\" | meta=\"md\"",
        "a_b=\"error\" or _=\"info\"",
    ]

    /// A stage that changes nothing here, but behind which no filter is looked at ahead.
    private static let fence = "decolorize"

    @Test(arguments: 0..<4)
    func filtersDropWhatTheWholeLineWouldBeDroppedFor(seed: Int) throws {
        let data = GeneratedLines(seed: UInt64(seed)).data(count: 600)
        for parser in Self.parsers {
            for filter in Self.filters {
                let short = try Self.kept("{} | \(parser) | \(filter)", data)
                let long = try Self.kept("{} | \(parser) | \(Self.fence) | \(filter)", data)
                #expect(short == long, "seed \(seed): \(parser) | \(filter)")
            }
        }
    }

    /// A pipeline that has seen one line only has learnt nothing of another.
    @Test(arguments: 4..<8)
    func linesBeforeMakeNoDifference(seed: Int) throws {
        let data = GeneratedLines(seed: UInt64(seed)).data(count: 600)
        for text in [
            "{} | json", "{} | logfmt", "{} | logfmt --strict", "{} | unpack",
            "{} | json | level!=\"info\" | status >= 300", "{} | logfmt | keep level, status",
            "{} | json | keep user_id, __error__",
        ] {
            let together = try Self.kept(text, data)
            var alone: [Kept] = []
            for index in 0..<data.lines.count {
                var lines = LineColumns()
                lines.append(
                    streamIndex: data.lines.streamIndexes[index],
                    timestamp: data.lines.timestamps[index],
                    line: data.lines.bytes[data.lines.lineRange(index)],
                    metadata: data.lines.metadataBytes[data.lines.metadataRange(index)])
                alone += try Self.kept(text, LineData(streams: data.streams, lines: lines))
            }
            #expect(together == alone, "seed \(seed): \(text)")
        }
    }

    /// Where labels came from and how they are called holds for each line on its own.
    @Test func labelsOfLinesThatFollowEachOtherAreTheirOwn() throws {
        let lines = [
            #"{"a":"1","b":{"c":2}}"#, #"{"a":"3","b":{"c":4}} rest"#, #"{"a":"5","b":"6"}"#,
            #"{"a":"7","b":{"c":"\"8"}}"#, #"{"a":"9","b":{"c":1x}}"#, #"{"b":{"a":1},"a":2}"#,
        ]
        var columns = LineColumns()
        for (number, line) in lines.enumerated() {
            columns.append(
                streamIndex: 0, timestamp: Int64(number), line: Array(line.utf8)[...])
        }
        let stream = SeriesReference(tenant: .standard, labels: Labels(["a": "s"]))
        let data = LineData(streams: [stream], lines: columns)
        let found = try Self.kept("{} | json", data).map { "\($0.labels.parsed)" }
        #expect(
            found == [
                #"{a_extracted="1", b_c="2"}"#, #"{a_extracted="3", b_c="4"}"#,
                #"{a_extracted="5", b="6"}"#, #"{a_extracted="7", b_c=""8"}"#,
                #"{__error__="JSONParserErr", __error_details__="Unknown value type", "#
                    + #"a_extracted="9"}"#,
                #"{a_extracted="2", b_a="1"}"#,
            ])
    }

    private struct Kept: Equatable {
        var timestamp: Int64
        var labels: LogStreamLabels
        var line: [UInt8]
    }

    private static func kept(_ text: String, _ data: LineData) throws -> [Kept] {
        var follower = try LogFollower(try LogQLQuery(text))
        let batch = follower.process(data)
        return (0..<batch.lines.count).map { index in
            Kept(
                timestamp: batch.lines.timestamps[index],
                labels: batch.streams[Int(batch.lines.streamIndexes[index])],
                line: Array(batch.lines.bytes[batch.lines.lineRange(index)]))
        }
    }
}

/// Lines of programs, some with odd keys and values, some garbled; the same for the same seed.
private struct GeneratedLines {
    private var state: UInt64

    private static let keys = [
        "level", "status", "a b", "user", "id", "_x", "9k", "é", "app", "k\\\"q", "", "meta",
        "level_extracted", "ip", "took",
    ]
    private static let scalars = [
        "\"error\"", "\"info\"", "500", "200", "-1.5e3", "true", "false", "null",
        "\"a\\nb\\u00e9\\\\\"", "\"\"", "\"10.0.0.7\"", "\"15ms\"", "\"2KB\"", "\"é x\"",
        "[1,{\"a\":2}]",
        // Those that are none.
        "12x", "tru", "\"\\", "01", "1]",
    ]
    private static let words = [
        "error", "info", "500", "", "\"error\"", "\"a b\"", "\"x\\ny\"", "\"\"", "\"open", "a=b",
        "a\"b", "10.0.0.7", "15ms", "2KB", "é", "\"q\"x=1",
    ]

    init(seed: UInt64) { state = seed &* 1_000_003 &+ 42 }

    private mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }

    private mutating func pick(_ texts: [String], below bound: Int = .max) -> String {
        texts[next(min(bound, texts.count))]
    }

    /// `count` lines of three streams, some with metadata.
    func data(count: Int) -> LineData {
        var generator = self
        var columns = LineColumns()
        for number in 0..<count {
            let line = generator.line()
            let metadata = number % 7 == 0 ? Labels(["meta": "md", "status": "9"]) : .empty
            columns.append(
                streamIndex: UInt32(generator.next(3)), timestamp: Int64(number), line: line[...],
                metadata: metadata.bytes[...])
        }
        let streams = [
            ["app": "shop"], ["app": "shop", "level": "stream"],
            ["level": "stream", "level_extracted": "e"],
        ].map { SeriesReference(tenant: .standard, labels: Labels($0.map { ($0.key, $0.value) })) }
        return LineData(streams: streams, lines: columns)
    }

    private mutating func line() -> [UInt8] {
        let text =
            switch next(5) {
            case 0: object(0)
            case 1: looseFields()
            case 2: steadyFields()
            default: steadyObject()
            }
        var line = Array(text.utf8)
        guard next(5) == 0 else { return line }
        for _ in 0..<1 + next(3) where !line.isEmpty {
            let place = next(line.count)
            switch next(4) {
            case 0: line.remove(at: place)
            case 1: line[place] = [0, 9, 10, 13, 34, 44, 58, 61, 92, 123, 125, 200][next(12)]
            case 2: line.insert(Array("{}[]\",:\\= x0".utf8)[next(12)], at: place)
            default: line.removeSubrange(place...)
            }
        }
        return line
    }

    private mutating func object(_ depth: Int) -> String {
        let comma = pick([",", ", ", " ,", ","])
        let colon = pick([":", ": ", ":", " :  "])
        var members: [String] = []
        for _ in 0..<next(6) {
            let isNested = depth < 3 && next(5) == 0
            let bound = next(6) == 0 ? Self.scalars.count : 15
            let value = isNested ? object(depth + 1) : pick(Self.scalars, below: bound)
            members.append("\"\(pick(Self.keys))\"\(colon)\(value)")
        }
        return "{" + members.joined(separator: comma) + "}"
    }

    private mutating func steadyObject() -> String {
        let head = "{\"level\":\(pick(Self.scalars, below: 2)),\"status\":\(200 + next(5) * 100)"
        let user = "\"user\":{\"id\":\(next(9)),\"deep\":{\"x\":\(pick(Self.scalars, below: 12))}}"
        let rest =
            "\"took\":\"\(next(99))ms\",\"size\":\"\(next(9))KB\",\"ip\":\"10.0.0.\(next(9))\""
        let option = next(3) == 0 ? ",\"option\":1" : ""
        return "\(head),\(user),\(rest)\(option),\"meta\":\"m\"}" + (next(20) == 0 ? " rest" : "")
    }

    private mutating func steadyFields() -> String {
        "level=\(pick(Self.words, below: 2)) flag status=\(200 + next(5) * 100) took=\(next(99))ms "
            + "user.id=\(next(9)) msg=\"request \(next(9))\" ip=10.0.0.\(next(9)) none= app=z "
            + "meta=\(next(3))"
    }

    private mutating func looseFields() -> String {
        var pairs: [String] = []
        for _ in 0..<next(7) {
            switch next(8) {
            case 0: pairs.append("bare")
            case 1: pairs.append("=x")
            default: pairs.append("\(pick(Self.keys, below: 9))=\(pick(Self.words))")
            }
        }
        return pairs.joined(separator: pick([" ", "  ", "\t"]))
    }
}
