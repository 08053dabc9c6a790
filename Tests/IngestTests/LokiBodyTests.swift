import Ingest
import Model
import Testing

@Suite struct LokiBodyTests {
    static func json(
        _ text: String, limits: IngestLimits = IngestLimits()
    ) throws(IngestError) -> ParsedBody {
        var cache = SeriesCache(seed: 1)
        return try LokiBody.parseJSON(
            Array(text.utf8), tenant: .standard, limits: limits, cache: &cache)
    }

    static func protobuf(_ body: [UInt8]) throws(IngestError) -> ParsedBody {
        var cache = SeriesCache(seed: 1)
        return try LokiBody.parseProtobuf(
            body, tenant: .standard, limits: IngestLimits(), cache: &cache)
    }

    /// `{labels} [metadata] text@ns`
    static func lines(_ parsed: ParsedBody) -> [String] {
        Seen.lines(parsed.batch).map { line in
            let labels = line.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return "{\(labels.joined(separator: ","))} \(line.metadata) \(line.text)@\(line.nanos)"
        }
    }

    static let good: [(body: String, want: [String])] = [
        (#"{"streams":[]}"#, []),
        (#"{}"#, []),
        (
            #"{"streams":[{"stream":{"a":"b"},"values":[["1","x"],["2",""]]}]}"#,
            ["{a=b} [] x@1", "{a=b} [] @2"]
        ),
        (
            #" { "streams" : [ { "stream" : { "a" : "b" } , "values" : [ [ "1" , "x" ] ] } ] } "#,
            ["{a=b} [] x@1"]
        ),
        // Structured metadata.
        (
            #"{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"k":"v","n":5,"o":[1,"z"]}]]}]}"#,
            [#"{a=b} ["k=v", "n=5", "o=[1,\"z\"]"] x@1"#]
        ),
        // Values before the labels, and members that mean nothing here.
        (
            #"{"q":[{}],"streams":[{"values":[["1","x"]],"z":null,"stream":{"a":"b"}}],"y":1.5e3}"#,
            ["{a=b} [] x@1"]
        ),
        // Numbers as timestamps.
        (
            #"{"streams":[{"stream":{"a":"b"},"values":[[1700000000000000001,"x"],["1e3","y"]]}]}"#,
            ["{a=b} [] x@1700000000000000001", "{a=b} [] y@1000"]
        ),
        // Escapes.
        (
            #"{"streams":[{"stream":{"\u0061":"\"b\\"},"#
                + #""values":[["\u0031","\n\t\/\u00e9\ud83d\ude00\ud83dx"]]}]}"#,
            ["{a=\"b\\} [] \n\t/é😀\u{FFFD}x@1"]
        ),
        // A name twice: the later one; labels that are no text.
        (
            #"{"streams":[{"stream":{"a":"b","a":"c","n":7},"values":[["1","x"]]}]}"#,
            ["{a=c,n=7} [] x@1"]
        ),
        // No labels.
        (
            #"{"streams":[{"stream":{},"values":[["1","x"]]},{"values":[["2","y"]]}]}"#,
            ["{service_name=unknown_service} [] x@1", "{service_name=unknown_service} [] y@2"]
        ),
        (
            #"{"streams":[{"stream":{"a":""},"values":[["1","x"]]}]}"#,
            ["{service_name=unknown_service} [] x@1"]
        ),
        (#"{"streams":[{"stream":{"a":"b"}}]}"#, []),
        (
            #"{"streams":[{"stream":{"a":"b"},"values":[["1","x",{},"more",[]]]}]}"#,
            ["{a=b} [] x@1"]
        ),
    ]

    @Test(arguments: good.indices)
    func goodJSON(index: Int) throws {
        let (body, want) = Self.good[index]
        let parsed = try Self.json(body)
        #expect(Self.lines(parsed) == want)
        #expect(parsed.refusal == nil)
    }

    @Test(arguments: [
        "", "[]", "null", "{", #"{"streams"}"#, #"{"streams":{}}"#, #"{"streams":[1]}"#,
        #"{"streams":[{"stream":[],"values":[["1","x"]]}]}"#,
        #"{"streams":[{"stream":{"a":"b"},"values":[["x","y"]]}]}"#,
        #"{"streams":[{"stream":{"a":"b"},"values":[["1"]]}]}"#,
        #"{"streams":[{"stream":{"a":"b"},"values":[["1",5]]}]}"#,
        #"{"streams":[{"stream":{"a":"b"},"values":[["99999999999999999999","x"]]}]}"#,
        #"{"streams":[{"stream":{"a":"b"},"values":[["1","x"]]}]} x"#,
        #"{"streams":[{"stream":{"a":"b"},"values":[["1","x]]}]}"#,
        #"{"streams":[{"stream":{"a":"b"},"values":[["1","\q"]]}]}"#,
        #"{"streams":[{"stream":{"a":"b"},"values":[["1","\u12g4"]]}]}"#,
        String(repeating: "{\"a\":", count: 100_000),
        "{\"a\":" + String(repeating: "[", count: 100_000),
    ])
    func brokenJSONIsRefusedWhole(body: String) {
        #expect(throws: IngestError.self) { try Self.json(body) }
    }

    @Test func aStreamIsNamedOnce() throws {
        let stream = #"{"stream":{"a":"b","c":"d"},"values":[["1","x"]]}"#
        let other = #"{"stream":{"c":"d","a":"b"},"values":[["2","y"]]}"#
        let parsed = try Self.json("{\"streams\":[\(stream),\(other),\(stream)]}")
        #expect(parsed.batch.streams.count == 1 && parsed.batch.lines.count == 3)
    }

    @Test func longLinesAreKeptInMarkedParts() throws {
        var limits = IngestLimits()
        limits.lineBytesMax = 4
        let parsed = try Self.json(
            #"{"streams":[{"stream":{"a":"b"},"values":[["1","abcdefghij",{"k":"v"}]]}]}"#,
            limits: limits)
        #expect(
            Self.lines(parsed) == [
                #"{a=b} ["k=v", "varve_part=1"] abcd@1"#, #"{a=b} ["k=v", "varve_part=2"] efgh@1"#,
                #"{a=b} ["k=v", "varve_part=3", "varve_part_last=true"] ij@1"#,
            ])
    }

    @Test func limitsOfLabelsAndMetadata() throws {
        var limits = IngestLimits()
        limits.labelValueBytesMax = 3
        limits.metadataCountMax = 1
        let parsed = try Self.json(
            #"{"streams":[{"stream":{"a":"long"},"values":[["1","x"],["2","y"]]},"#
                + #"{"stream":{"a":"b"},"values":[["3","z",{"k":"v","l":"w"}]]}]}"#,
            limits: limits)
        #expect(Self.lines(parsed) == [#"{a=b} ["k=v"] z@3"#])
        #expect(parsed.skips[.longLabelValue] == 2 && parsed.skips[.metadataLimit] == 1)
    }

    static let push = ProtobufBytes {
        $0.message(1) {
            $0.text(1, #"{app="we\"b", host=`h\`}"#)
            $0.message(2) {
                $0.message(1) {
                    $0.varint(1, 5)
                    $0.varint(2, 7)
                }
                $0.text(2, "hello")
                $0.pair(3, "trace", "1")
            }
            $0.message(2) { $0.message(1) { $0.varint(1, 6) } }
            $0.varint(3, 99)
        }
        $0.varint(7, 1)
    }.bytes

    @Test func goodProtobuf() throws {
        #expect(
            Self.lines(try Self.protobuf(Self.push)) == [
                #"{app=we"b,host=h\} ["trace=1"] hello@5000000007"#,
                #"{app=we"b,host=h\} [] @6000000000"#,
            ])
    }

    @Test func entriesBeforeLabels() throws {
        let body = ProtobufBytes {
            $0.message(1) {
                $0.message(2) { $0.text(2, "x") }
                $0.text(1, "{a=\"b\"}")
            }
        }
        #expect(Self.lines(try Self.protobuf(body.bytes)) == ["{a=b} [] x@0"])
    }

    static let labelTexts: [(text: String, want: String?)] = [
        ("{}", "{service_name=unknown_service}"), ("", "{service_name=unknown_service}"),
        (" { a = \"b\" , } ", "{a=b}"), (#"{a="\n\x41\101\u00e9\U0001F600"}"#, "{a=\nAAé😀}"),
        ("{a.b/c-d=\"x\"}", "{a.b/c-d=x}"), ("{\"q d\"=\"x\"}", "{q d=x}"),
        ("a=\"b\"", nil), ("{a=\"b\"", nil), ("{a=\"b}", nil), ("{a=b}", nil), ("{=\"b\"}", nil),
        ("{a=\"b\" c=\"d\"}", nil), ("{a=\"b\"}x", nil), (#"{a="\q"}"#, nil),
        (#"{a="\ud800"}"#, nil), ("{a=\"1\",a=\"2\"}", nil), ("{", nil),
    ]

    @Test(arguments: labelTexts.indices)
    func streamLabelTexts(index: Int) throws {
        let (text, want) = Self.labelTexts[index]
        let body = ProtobufBytes {
            $0.message(1) {
                $0.text(1, text)
                $0.message(2) { $0.text(2, "x") }
            }
        }
        let parsed = try Self.protobuf(body.bytes)
        #expect(Self.lines(parsed) == (want.map { ["\($0) [] x@0"] } ?? []))
        #expect((parsed.refusal != nil) == (want == nil))
        #expect(parsed.skips.total == (want == nil ? 1 : 0))
    }

    @Test func everyTruncationThrowsOrGivesLess() {
        for count in 0..<Self.push.count {
            do {
                #expect(try Self.protobuf(Array(Self.push[..<count])).batch.lines.count <= 2)
            } catch {}
        }
        let text = Self.good[4].body
        for count in 0..<text.utf8.count {
            #expect(throws: IngestError.self) { try Self.json(String(text.prefix(count))) }
        }
    }

    @Test func mutationsNeverTrap() {
        var dice = Dice(11)
        var kept = 0
        for round in 0..<20_000 {
            do {
                if round % 2 == 0 {
                    kept += try Self.protobuf(dice.mutated(Self.push)).batch.lines.count
                } else {
                    let body = Self.good[round % Self.good.count].body
                    kept += try Self.json(
                        String(decoding: dice.mutated(Array(body.utf8)), as: UTF8.self)
                    ).batch.lines.count
                }
            } catch {}
        }
        #expect(kept > 1000)
    }
}
