import Ingest
import Model
import Testing

@Suite struct OTLPBodyTests {
    static let now = Timestamp(nanos: 77)

    static func json(
        _ text: String, limits: IngestLimits = IngestLimits()
    ) throws(IngestError) -> ParsedBody {
        var cache = SeriesCache(seed: 1)
        return try OTLPBody.parseJSON(
            Array(text.utf8), tenant: .standard, now: now, limits: limits, cache: &cache)
    }

    static func protobuf(
        _ body: [UInt8], limits: IngestLimits = IngestLimits()
    ) throws(IngestError) -> ParsedBody {
        var cache = SeriesCache(seed: 1)
        return try OTLPBody.parseProtobuf(
            body, tenant: .standard, now: now, limits: limits, cache: &cache)
    }

    /// One record of one resource.
    static func body(resource: String = "", scope: String = "", record: String) -> String {
        #"{"resourceLogs":[{"resource":{\#(resource)},"scopeLogs":[{"scope":{\#(scope)},"#
            + #""logRecords":[{\#(record)}]}]}]}"#
    }

    static func attribute(_ key: String, _ value: String) -> String {
        #"{"key":"\#(key)","value":{\#(value)}}"#
    }

    static let good: [(body: String, want: [String])] = [
        (#"{}"#, []),
        (#"{"resourceLogs":null}"#, []),
        (#"{"resourceLogs":[]}"#, []),
        // The body as it is; the time that is there.
        (
            body(record: #""timeUnixNano":"5","body":{"stringValue":"hi \u00e9"}"#),
            ["{service_name=unknown_service} [] hi é@5"]
        ),
        (
            body(record: #""observedTimeUnixNano":6,"body":{"stringValue":"x"}"#),
            ["{service_name=unknown_service} [] x@6"]
        ),
        (
            body(record: #""body":{"stringValue":"x"}"#),
            ["{service_name=unknown_service} [] x@77"]
        ),
        // Labels of the resource, the rest as metadata.
        (
            body(
                resource: #""attributes":["#
                    + attribute("service.name", #""stringValue":"shop""#) + ","
                    + attribute("k8s.pod.name", #""stringValue":"p-1""#) + ","
                    + attribute("host.arch", #""stringValue":"arm64""#)
                    + #"],"droppedAttributesCount":2"#,
                scope: #""name":"lib","version":"1.2","attributes":["#
                    + attribute("s", #""boolValue":true"#) + "]",
                record: #""timeUnixNano":"5","observedTimeUnixNano":"6","severityNumber":13,"#
                    + #""severityText":"WARN","body":{"stringValue":"x"},"flags":1,"#
                    + #""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","#
                    + #""attributes":["# + attribute("http.status_code", #""intValue":"500""#) + "]"
            ),
            [
                #"{k8s_pod_name=p-1,service_name=shop} ["http_status_code=500", "#
                    + #""observed_timestamp=6", "severity_number=13", "severity_text=WARN", "#
                    + #""flags=1", "trace_id=5b8efff798038103d269b633813fc60c", "#
                    + #""span_id=eee19b7ec3c1b174", "s=true", "#
                    + #""scope_name=lib", "scope_version=1.2", "host_arch=arm64", "#
                    + #""resource_dropped_attributes_count=2"] x@5"#
            ]
        ),
        // A service by another name; severities in words.
        (
            body(
                resource: #""attributes":["# + attribute("app", #""stringValue":"web""#) + "]",
                record: #""timeUnixNano":"5","severityText":"Err","body":{"stringValue":"x"}"#),
            [#"{service_name=web} ["severity_text=Err", "app=web"] x@5"#]
        ),
        (
            body(
                record: #""timeUnixNano":5,"severityNumber":"SEVERITY_NUMBER_INFO2","#
                    + #""body":{"intValue":4}"#),
            [
                #"{service_name=unknown_service} ["severity_number=10"] 4@5"#
            ]
        ),
        // Maps taken apart in attributes, JSON in bodies; of one name the record's own counts.
        (
            body(
                resource: #""attributes":["# + attribute("a", #""stringValue":"r""#) + "]",
                record: #""timeUnixNano":"5","body":{"kvlistValue":{"values":["#
                    + attribute("b", #""arrayValue":{"values":[{"doubleValue":0.5},{}]}"#) + ","
                    + attribute("a", #""stringValue":"\"q\"""#) + #"]}},"attributes":["#
                    + attribute("a", #""stringValue":"own""#) + ","
                    + attribute(
                        "m",
                        #""kvlistValue":{"values":["# + attribute("n.o", #""intValue":1"#) + "]}")
                    + "," + attribute("1st", #""bytesValue":"aGk=""#) + "]"),
            [
                #"{service_name=unknown_service} ["a=own", "m_n_o=1", "key_1st=aGk="] "#
                    + #"{"a":"\"q\"","b":[0.5,null]}@5"#
            ]
        ),
        // Members in any order, names with underscores, what is not known.
        (
            #"{"x":[1],"resource_logs":[{"scope_logs":[{"log_records":[{"time_unix_nano":"5","#
                + #""body":{"string_value":"x"}}],"scope":{"name":"s"}}],"resource":{"attributes":["#
                + attribute("service.name", #""string_value":"late""#) + "]}}]}",
            [#"{service_name=late} ["scope_name=s"] x@5"#]
        ),
    ]

    @Test(arguments: good) func json(_ body: String, _ want: [String]) throws {
        let parsed = try Self.json(body)
        #expect(LokiBodyTests.lines(parsed) == want)
        #expect(parsed.acceptedCount == want.count)
        #expect(parsed.refusal == nil)
    }

    static let bad: [(body: String, word: String)] = [
        ("", "expected {"),
        ("[]", "expected {"),
        ("{} x", "behind the end"),
        (body(record: #""timeUnixNano":"yesterday""#), "timeUnixNano is no whole number"),
        (body(record: #""severityNumber":"LOUD""#), "severityNumber is no whole number"),
        (body(record: #""body":{"doubleValue":"x"}"#), "doubleValue is no number"),
        (body(record: #""body":"text""#), "expected {"),
        (body(record: #""attributes":{}"#), "expected ["),
        (#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}]}]}]}"#, ""),
        (
            body(
                record: #""body":"#
                    + String(repeating: #"{"arrayValue":{"values":["#, count: 100)),
            "nested deeper"
        ),
    ]

    @Test(arguments: bad) func refusesJSON(_ body: String, _ word: String) {
        do {
            _ = try Self.json(body)
            Issue.record("taken: \(body)")
        } catch {
            #expect(error.httpStatus == 400)
            #expect(error.description.contains(word), "\(error)")
        }
    }

    static func add(
        _ field: Int, _ key: String, to bytes: inout ProtobufBytes,
        _ value: (inout ProtobufBytes) -> Void
    ) {
        bytes.message(field) {
            $0.text(1, key)
            $0.message(2, value)
        }
    }

    static func fixed64(_ field: Int, _ value: UInt64, in bytes: inout ProtobufBytes) {
        bytes.double(field, Double(bitPattern: value))
    }

    static let message = ProtobufBytes { request in
        request.message(1) { resourceLogs in
            // The scope before the resource: the wire may have any order.
            resourceLogs.message(2) { scopeLogs in
                scopeLogs.message(1) { $0.text(1, "lib") }
                scopeLogs.message(2) { record in
                    fixed64(1, 5, in: &record)
                    record.varint(2, 17)
                    record.text(3, "ERROR")
                    record.message(5) { $0.text(1, "boom") }
                    add(6, "n", to: &record) { $0.varint(3, signed: -3) }
                    add(6, "d", to: &record) { $0.double(4, 1.5) }
                    add(6, "b", to: &record) { $0.data(7, [0xFF, 0xFE]) }
                    add(6, "l", to: &record) { value in
                        value.message(5) { list in list.message(1) { $0.text(1, "i") } }
                    }
                    record.data(9, [0xAB, 0x01])
                    fixed64(11, 6, in: &record)
                }
            }
            resourceLogs.message(1) { resource in
                add(1, "service.name", to: &resource) { $0.text(1, "shop") }
            }
        }
    }.bytes

    @Test func protobuf() throws {
        let parsed = try Self.protobuf(Self.message)
        #expect(
            LokiBodyTests.lines(parsed) == [
                #"{service_name=shop} ["n=-3", "d=1.5", "b=//4=", "l=[\"i\"]", "#
                    + #""observed_timestamp=6", "severity_number=17", "severity_text=ERROR", "#
                    + #""trace_id=ab01", "scope_name=lib"] boom@5"#
            ])
    }

    @Test func anEndAnywhereIsRefusedOrReadsLess() {
        for count in 0..<Self.message.count {
            _ = try? Self.protobuf(Array(Self.message.prefix(count)))
        }
        var dice = Dice(7)
        for _ in 0..<2_000 { _ = try? Self.protobuf(dice.mutated(Self.message)) }
    }

    @Test func aLabelBeyondALimitLeavesOutItsRecords() throws {
        var limits = IngestLimits()
        limits.labelValueBytesMax = 4
        let parsed = try Self.json(
            Self.body(
                resource: #""attributes":["#
                    + Self.attribute("service.name", #""stringValue":"too long""#) + "]",
                record: #""body":{"stringValue":"x"}"#), limits: limits)
        #expect(parsed.batch.lines.isEmpty)
        #expect(parsed.skips[.longLabelValue] == 1)
        #expect(parsed.refusal?.description.contains("service_name") == true)
    }

    @Test func whatAResourceSaysIsNotRepeatedWithoutEnd() throws {
        var limits = IngestLimits()
        limits.decodedBytesMax = 10_000
        let attributes = (0..<40).map {
            Self.attribute("r\($0)", #""stringValue":"a value of some length""#)
        }.joined(separator: ",")
        let records = [String](repeating: "{}", count: 100).joined(separator: ",")
        let text =
            #"{"resourceLogs":[{"resource":{"attributes":[\#(attributes)]},"#
            + #""scopeLogs":[{"logRecords":[\#(records)]}]}]}"#
        #expect(throws: IngestError.tooLarge(limit: "body-decoded-max", bytesMax: 10_000)) {
            try Self.json(text, limits: limits)
        }
    }

    @Test func moreMetadataThanALineMayHaveIsCounted() throws {
        var limits = IngestLimits()
        limits.metadataCountMax = 2
        let parsed = try Self.json(
            Self.body(
                record: #""timeUnixNano":5,"attributes":["#
                    + (0..<5).map { Self.attribute("a\($0)", #""intValue":1"#) }
                    .joined(separator: ",") + #"],"body":{"stringValue":"x"}"#), limits: limits)
        #expect(
            LokiBodyTests.lines(parsed)
                == [#"{service_name=unknown_service} ["a0=1", "a1=1"] x@5"#])
        #expect(parsed.skips[.metadataLimit] == 3)
    }
}
