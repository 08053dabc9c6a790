import Ingest
import Model
import Testing

@Suite struct LevelTests {
    /// Loki's cases, and what is told of them: its keywords stand by themselves, fields of JSON and
    /// logfmt come before them.
    static let lines: [(line: String, level: String)] = [
        ("", "unknown"),
        ("foo", "unknown"),
        ("this is a warning log", "warn"),
        ("this is a Debug message", "debug"),
        ("ERROR: it broke", "error"),
        ("[err] it broke", "error"),
        ("[CRITICAL] disk", "critical"),
        ("Fatal: no config", "fatal"),
        ("2026-11-27 12:00:00 WARN --- [main] shop.Cart", "warn"),
        ("trace", "trace"),
        // By the order of words, not of the line.
        ("info: retry after error", "error"),
        ("warn before debug", "debug"),
        // Parts of words are none.
        ("the referrer, terrors, information and warnings", "unknown"),
        ("error_count 0 is_error", "unknown"),
        ("err9 9err", "unknown"),
        ("\u{E9}err err\u{E9}", "unknown"),
        // A later one by itself counts.
        ("errors: err", "error"),
        // JSON.
        (#"{"msg":"with error but","level":"critical"}"#, "critical"),
        (#" {"FOO":"bar","MSG":"an error","LEVEL":"Critical"}  "#, "critical"),
        (#"{"level":"ERR"}"#, "error"),
        (#"{"SEVERITY":"FATAL","msg":"warn"}"#, "fatal"),
        (#"{"SeverityText":"Information","msg":"error"}"#, "info"),
        (#"{"log.level":"dbg","msg":"error"}"#, "debug"),
        (#"{"severity":"notice","msg":"an error"}"#, "info"),
        (#"{"msg":"an INFO picked up"}"#, "info"),
        (#"{"level":30,"msg":"warning"}"#, "warn"),
        (#"{"level":"NA","msg":"warning"}"#, "warn"),
        // The first in the line, not in the order of names.
        (#"{"lvl":"warn","level":"info"}"#, "warn"),
        // Two levels deep, not in arrays.
        (#"{"a":{"level":"warn"},"level":"info"}"#, "warn"),
        (#"{"a":{"b":{"level":"warn"}},"level":"info"}"#, "info"),
        (#"{"a":{"b":{"level":"warn"}}}"#, "warn"),
        (#"{"a":{"b":{"level":"NA"}},"x":[{"level":"info"},"]"],"lvl":"debug"}"#, "debug"),
        (#"{"a":"quoted \" level","level":"info","b":"error"}"#, "info"),
        (#"{"a\\":"\\","level":"info","b":"error"}"#, "info"),
        // Broken: words.
        (#"{"a":"b" x "level":"info" error}"#, "error"),
        (#"{"level":"inf}"#, "unknown"),
        (#"{"a\"}"#, "unknown"),
        ("{}", "unknown"),
        ("{{}}", "unknown"),
        ("}{", "unknown"),
        ("{", "unknown"),
        // Logfmt.
        (#"foo=bar msg="an error but" level=warn"#, "warn"),
        (#"level=inFO msg="an error""#, "info"),
        (#"LEVEL=Inf error=nil"#, "info"),
        (#"msg="level=error x" Severity="critical""#, "critical"),
        ("severity=critical level=debug", "debug"),
        ("lvl=warn severity_text=error", "warn"),
        ("level=NA msg=none", "unknown"),
        ("level=NA msg=error", "error"),
        (#"10.0.0.1 - - "GET /x?level=info" warn"#, "warn"),
        (#"a="unended level=info warn"#, "warn"),
        ("a= level= lvl=debug", "debug"),
        ("=", "unknown"),
        ("a=b=c level=debug", "debug"),
    ]

    @Test(arguments: lines) func ofLines(_ line: String, _ level: String) {
        #expect(LineLevel.level(of: Array(line.utf8)[...]).name == level, "\(line)")
        // The same in the middle of other bytes.
        let bytes = Array("error\(line)error".utf8)
        #expect(LineLevel.level(of: bytes[5..<(bytes.count - 5)]).name == level, "\(line)")
    }

    /// Wherever a line ends.
    @Test func anyEndIsALine() {
        for (line, _) in Self.lines {
            let bytes = Array(line.utf8)
            for end in 0...bytes.count { _ = LineLevel.level(of: bytes[..<end]) }
        }
    }

    private static func push(
        _ stream: String, _ entry: String, discovers: Bool = true
    ) throws -> [String] {
        var limits = IngestLimits()
        limits.discoversLevels = discovers
        let body = #"{"streams":[{"stream":\#(stream),"values":[\#(entry)]}]}"#
        return LokiBodyTests.lines(try LokiBodyTests.json(body, limits: limits))
    }

    static let pushes: [(stream: String, entry: String, metadata: String)] = [
        (#"{"a":"b"}"#, #"["1","x"]"#, #"["detected_level=unknown"]"#),
        (#"{"a":"b"}"#, #"["1","an error"]"#, #"["detected_level=error"]"#),
        // What the sender found counts first, by Loki's names.
        (
            #"{"level":"info"}"#, #"["1","an error",{"detected_level":"WARNING","k":"v"}]"#,
            #"["detected_level=warn", "k=v"]"#
        ),
        (
            #"{"a":"b"}"#, #"["1","an error",{"detected_level":"Loud"}]"#,
            #"["detected_level=Loud"]"#
        ),
        // Labels, then metadata, then the line.
        (
            #"{"level":"INFO"}"#, #"["1","an error",{"level":"warn"}]"#,
            #"["level=warn", "detected_level=info"]"#
        ),
        (
            #"{"lvl":"warn","severity":"crit"}"#, #"["1","an error"]"#,
            #"["detected_level=critical"]"#
        ),
        (
            #"{"a":"b"}"#, #"["1","an error",{"lvl":"warn","severity":"DBG"}]"#,
            #"["lvl=warn", "severity=DBG", "detected_level=debug"]"#
        ),
        // Words that are no level stay.
        (#"{"level":"Loud"}"#, #"["1","an error"]"#, #"["detected_level=Loud"]"#),
        (
            #"{"a":"b"}"#, #"["1","an error",{"level":"Loud"}]"#,
            #"["level=Loud", "detected_level=Loud"]"#
        ),
        // Severity numbers.
        (
            #"{"a":"b"}"#, #"["1","an error",{"severity_number":"14"}]"#,
            #"["severity_number=14", "detected_level=warn"]"#
        ),
        (
            #"{"a":"b"}"#, #"["1","an error",{"severity_number":0,"level":"Loud"}]"#,
            #"["severity_number=0", "level=Loud", "detected_level=unknown"]"#
        ),
        (
            #"{"a":"b"}"#, #"["1","an error",{"severity_number":"x"}]"#,
            #"["severity_number=x", "detected_level=info"]"#
        ),
        (
            #"{"a":"b"}"#, #"["1","x",{"level":"error"}],["2","warn"],["3","x"]"#,
            #"["level=error", "detected_level=error"]"#
        ),
    ]

    @Test(arguments: pushes) func ofPushes(
        _ stream: String, _ entry: String, _ metadata: String
    ) throws {
        let found = try Self.push(stream, entry)
        #expect(found.first?.contains("} \(metadata) ") == true, "\(found)")
    }

    /// Each line has its own, whatever the one before said.
    @Test func linesDoNotInherit() throws {
        let found = try Self.push(
            #"{"a":"b"}"#,
            #"["1","x",{"level":"Loud"}],["2","x",{"detected_level":"info"}],["3","warn"],["4","x"]"#
        )
        #expect(
            found == [
                #"{a=b} ["level=Loud", "detected_level=Loud"] x@1"#,
                #"{a=b} ["detected_level=info"] x@2"#, #"{a=b} ["detected_level=warn"] warn@3"#,
                #"{a=b} ["detected_level=unknown"] x@4"#,
            ])
    }

    @Test func streamsDoNotInherit() throws {
        var limits = IngestLimits()
        limits.discoversLevels = true
        let body =
            #"{"streams":[{"stream":{"level":"info"},"values":[["1","x"]]},"#
            + #"{"stream":{"a":"b"},"values":[["2","x"]]},"#
            + #"{"stream":{"level":"info"},"values":[["3","x"]]}]}"#
        let found = LokiBodyTests.lines(try LokiBodyTests.json(body, limits: limits))
        #expect(
            found == [
                #"{level=info} ["detected_level=info"] x@1"#,
                #"{a=b} ["detected_level=unknown"] x@2"#,
                #"{level=info} ["detected_level=info"] x@3"#,
            ])
    }

    @Test func offIsOff() throws {
        let found = try Self.push(
            #"{"level":"info"}"#, #"["1","an error",{"detected_level":"WARN"}]"#, discovers: false)
        #expect(found == [#"{level=info} ["detected_level=WARN"] an error@1"#])
    }

    /// A level comes on top of the most pairs that a line may have.
    @Test func levelsDoNotCountAgainstTheLimit() throws {
        var limits = IngestLimits()
        limits.discoversLevels = true
        limits.metadataCountMax = 1
        let body =
            #"{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"k":"v","level":"info"}]]}]}"#
        let parsed = try LokiBodyTests.json(body, limits: limits)
        #expect(
            LokiBodyTests.lines(parsed) == [#"{a=b} ["k=v", "detected_level=unknown"] x@1"#])
    }

    @Test func partsHaveTheLevelOfTheirLine() throws {
        var limits = IngestLimits()
        limits.discoversLevels = true
        limits.lineBytesMax = 8
        let body = #"{"streams":[{"stream":{"a":"b"},"values":[["1","an error of old"]]}]}"#
        let found = LokiBodyTests.lines(try LokiBodyTests.json(body, limits: limits))
        #expect(
            found == [
                #"{a=b} ["detected_level=error", "varve_part=1"] an error@1"#,
                #"{a=b} ["detected_level=error", "varve_part=2", "varve_part_last=true"]  of old@1"#,
            ])
    }

    static let records: [(record: String, metadata: String)] = [
        (#""severityNumber":13,"body":{"stringValue":"x"}"#, #""detected_level=warn"]"#),
        (#""severityText":"Err","body":{"stringValue":"x"}"#, #""detected_level=error"]"#),
        // The text, as in Loki; a word that is no level counts behind the number.
        (
            #""severityNumber":9,"severityText":"WARN","body":{"stringValue":"x"}"#,
            #""detected_level=warn"]"#
        ),
        (
            #""severityNumber":9,"severityText":"loud","body":{"stringValue":"x"}"#,
            #""detected_level=info"]"#
        ),
        (#""body":{"stringValue":"an error"}"#, #"["detected_level=error"]"#),
        (#""body":{"stringValue":"x"}"#, #"["detected_level=unknown"]"#),
        (
            #""body":{"stringValue":"x"},"attributes":["#
                + #"{"key":"level","value":{"stringValue":"Warn"}}]"#,
            #"["level=Warn", "detected_level=warn"]"#
        ),
    ]

    @Test(arguments: records) func ofRecords(_ record: String, _ metadata: String) throws {
        var limits = IngestLimits()
        limits.discoversLevels = true
        var cache = SeriesCache(seed: 1)
        let body =
            #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"5",\#(record)}]}]}]}"#
        let parsed = try OTLPBody.parseJSON(
            Array(body.utf8), tenant: .standard, now: Timestamp(nanos: 1), limits: limits,
            cache: &cache)
        let found = LokiBodyTests.lines(parsed)
        #expect(found.first?.contains(metadata) == true, "\(found)")
    }
}
