import Model
import Query
import Server
import Testing

@Suite struct DetectedFieldsTests {
    static func fields(
        _ lines: [String], metadata: Labels = .empty, most: Int = 100
    ) throws -> DetectedFields {
        var fields = try DetectedFields(fieldCountMax: most)
        var batch = LogEntryBatch(streams: [
            LogStreamLabels(
                labels: Labels(["app": "shop"]), stream: Labels(["app": "shop"]),
                metadata: metadata, parsed: .empty)
        ])
        for line in lines {
            batch.lines.append(streamIndex: 0, timestamp: 1, line: Array(line.utf8)[...])
        }
        fields.add(batch)
        return fields
    }

    @Test func linesAreReadAsJSONElseAsLogfmt() throws {
        let fields = try Self.fields(
            [
                #"{"status":200,"took":"15ms","size":"10KB","ok":true,"a":{"b":1.5},"user":"ann"}"#,
                "status=404 msg=\"not here\"", "just words",
            ], metadata: Labels(["trace_id": "abc"]))
        let told = fields.fields.map { name, field in
            "\(name) \(field.kind.rawValue) \(field.values.count) \(field.parsers)"
        }
        #expect(
            told.sorted() == [
                #"a_b float 1 ["json"]"#, #"msg string 1 ["logfmt"]"#, #"ok boolean 1 ["json"]"#,
                #"size bytes 1 ["json"]"#, #"status int 2 ["json", "logfmt"]"#,
                #"took duration 1 ["json"]"#, #"trace_id string 1 []"#, #"user string 1 ["json"]"#,
            ])
        #expect(
            String(decoding: fields.answer, as: UTF8.self).hasPrefix(
                #"{"fields":[{"label":"a_b","type":"float","cardinality":1,"parsers":["json"]},"#))
        #expect(
            String(decoding: fields.answer, as: UTF8.self).contains(
                #"{"label":"trace_id","type":"string","cardinality":1,"parsers":null}"#))
    }

    @Test func aFieldOfManyKindsIsText() throws {
        let fields = try Self.fields(["a=1 b=1", "a=x b=0.5", "a=2 b=2"])
        #expect(fields.fields["a"]?.kind == .string)
        #expect(fields.fields["b"]?.kind == .float)
    }

    @Test func thereAreNotMoreThanAskedFor() throws {
        let fields = try Self.fields(["a=1 b=2 c=3", "a=2 b=2 c=4"], most: 2)
        #expect(fields.fields.count == 2)
    }

    static let kinds: [(value: String, want: DetectedFields.Kind)] = [
        ("1", .int), ("-7", .int), ("1.5", .float), ("1e3", .float), ("true", .boolean),
        ("F", .boolean), ("1h30m", .duration), ("12.5ms", .duration), ("-3s", .duration),
        ("10KB", .bytes), ("1.5 GiB", .bytes), ("", .string), ("x", .string), ("ms", .string),
        ("1x", .string), ("1.2.3s", .string), ("10.0.0.1", .string),
    ]

    @Test(arguments: kinds) func tellsKinds(_ value: String, _ want: DetectedFields.Kind) {
        #expect(DetectedFields.kind(of: value) == want)
    }
}
