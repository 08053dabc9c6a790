internal import Encoding
internal import Model

/// One JSON body of OpenTelemetry logs being read. Members may come in any order: records that
/// stand before their scope or resource are passed over and read again behind it. Names in camel
/// case or with underscores, numbers with or without quotes, ids in hexadecimal, bytes in base64.
/// Source: OpenTelemetry specification, "OTLP", JSON Protobuf encoding.
struct OTLPJSONReader {
    var sink: OTLPSink
    private var json: JSONReader
    private var scratch: [UInt8] = []

    init(_ body: [UInt8], sink: OTLPSink) {
        self.sink = sink
        json = JSONReader(body, nestingMax: sink.limits.nestingMax)
    }

    mutating func read(_ cache: inout SeriesCache) throws(IngestError) {
        for place in try places(of: ["resourceLogs", "resource_logs"]).0 {
            try rewind(to: place) { reader throws(IngestError) in
                try reader.forEachItem { reader throws(IngestError) in
                    try reader.resourceLogs(&cache)
                }
            }
        }
        guard json.peek() == nil else { throw json.fault("something behind the end") }
    }

    private mutating func resourceLogs(_ cache: inout SeriesCache) throws(IngestError) {
        let (scopes, resources) = try places(of: ["scopeLogs", "scope_logs"], ["resource"])
        var attributes: [OTLPAttribute] = []
        var dropped: UInt64 = 0
        for place in resources {
            try rewind(to: place) { reader throws(IngestError) in
                try reader.forEachMember { reader, name throws(IngestError) in
                    switch name {
                    case "attributes": attributes += try reader.attributes(depth: 0)
                    case "droppedAttributesCount", "dropped_attributes_count":
                        dropped = UInt64(clamping: try reader.integer(name))
                    default: try reader.json.skipValue()
                    }
                }
            }
        }
        sink.beginResource(attributes, droppedCount: dropped, &cache)
        for place in scopes {
            try rewind(to: place) { reader throws(IngestError) in
                try reader.forEachItem { reader throws(IngestError) in try reader.scopeLogs() }
            }
        }
    }

    private mutating func scopeLogs() throws(IngestError) {
        let (records, scopes) = try places(of: ["logRecords", "log_records"], ["scope"])
        var name: ArraySlice<UInt8> = []
        var version: ArraySlice<UInt8> = []
        var attributes: [OTLPAttribute] = []
        var dropped: UInt64 = 0
        for place in scopes {
            try rewind(to: place) { reader throws(IngestError) in
                try reader.forEachMember { reader, member throws(IngestError) in
                    switch member {
                    case "name": name = try reader.text()
                    case "version": version = try reader.text()
                    case "attributes": attributes += try reader.attributes(depth: 0)
                    case "droppedAttributesCount", "dropped_attributes_count":
                        dropped = UInt64(clamping: try reader.integer(member))
                    default: try reader.json.skipValue()
                    }
                }
            }
        }
        sink.beginScope(name: name, version: version, attributes, droppedCount: dropped)
        for place in records {
            try rewind(to: place) { reader throws(IngestError) in
                try reader.forEachItem { reader throws(IngestError) in
                    reader.json.skipBlanks()
                    let offset = reader.json.at
                    let record = try reader.record()
                    try reader.sink.add(record, offset: offset)
                }
            }
        }
    }

    private mutating func record() throws(IngestError) -> OTLPRecord {
        var record = OTLPRecord()
        try forEachMember { reader, name throws(IngestError) in
            switch name {
            case "timeUnixNano", "time_unix_nano": record.timeNanos = try reader.integer(name)
            case "observedTimeUnixNano", "observed_time_unix_nano":
                record.observedNanos = try reader.integer(name)
            case "severityNumber", "severity_number":
                record.severityNumber = try reader.severity(name)
            case "severityText", "severity_text": record.severityText = try reader.text()
            case "body": record.body = try reader.value(depth: 0)
            case "attributes": record.attributes += try reader.attributes(depth: 0)
            case "droppedAttributesCount", "dropped_attributes_count":
                record.droppedAttributeCount = UInt64(clamping: try reader.integer(name))
            case "flags": record.flags = UInt64(clamping: try reader.integer(name))
            case "traceId", "trace_id": record.traceID = try reader.text()
            case "spanId", "span_id": record.spanID = try reader.text()
            default: try reader.json.skipValue()
            }
        }
        return record
    }

    /// `[{"key":…,"value":{…}},…]`
    private mutating func attributes(depth: Int) throws(IngestError) -> [OTLPAttribute] {
        var attributes: [OTLPAttribute] = []
        try forEachItem { reader throws(IngestError) in
            var attribute = OTLPAttribute(key: [], value: .none)
            try reader.forEachMember { reader, name throws(IngestError) in
                switch name {
                case "key": attribute.key = try reader.text()
                case "value": attribute.value = try reader.value(depth: depth)
                default: try reader.json.skipValue()
                }
            }
            attributes.append(attribute)
        }
        return attributes
    }

    private mutating func value(depth: Int) throws(IngestError) -> OTLPValue {
        guard depth < sink.limits.nestingMax else {
            throw json.fault("values nested deeper than \(sink.limits.nestingMax)")
        }
        var value = OTLPValue.none
        try forEachMember { reader, name throws(IngestError) in
            switch name {
            case "stringValue", "string_value", "bytesValue", "bytes_value":
                value = .text(try reader.text())
            case "boolValue", "bool_value":
                value = .boolean(try reader.text().elementsEqual("true".utf8))
            case "intValue", "int_value": value = .integer(try reader.integer(name))
            case "doubleValue", "double_value":
                guard let number = DoubleText.parse(try reader.text()) else {
                    throw reader.json.fault("\(name) is no number")
                }
                value = .double(number)
            case "arrayValue", "array_value":
                var items: [OTLPValue] = []
                try reader.forEachMember { reader, name throws(IngestError) in
                    guard name == "values" else { return try reader.json.skipValue() }
                    try reader.forEachItem { reader throws(IngestError) in
                        items.append(try reader.value(depth: depth + 1))
                    }
                }
                value = .list(items)
            case "kvlistValue", "kvlist_value":
                var members: [OTLPAttribute] = []
                try reader.forEachMember { reader, name throws(IngestError) in
                    guard name == "values" else { return try reader.json.skipValue() }
                    members += try reader.attributes(depth: depth + 1)
                }
                value = .map(members)
            default: try reader.json.skipValue()
            }
        }
        return value
    }

    /// A whole number, in quotes or not.
    private mutating func integer(_ name: String) throws(IngestError) -> Int64 {
        let start = json.at
        let text = try self.text()
        if let value = DecimalText.integer(text.span, 0, text.count) { return value }
        // 1.7e18 is a whole number too.
        if let number = DoubleText.parse(text), abs(number) < 9.2e18 {
            return Int64(number.rounded())
        }
        json.at = start
        throw json.fault("\(name) is no whole number")
    }

    private mutating func severity(_ name: String) throws(IngestError) -> Int64 {
        let start = json.at
        if let number = OTLPNames.severityNumber(named: try text()) { return number }
        json.at = start
        return try integer(name)
    }

    /// A string, or the text of a number or a word; nothing for `null`.
    private mutating func text() throws(IngestError) -> ArraySlice<UInt8> {
        if json.peek() == 0x22 {
            let text = try json.string(&scratch)
            return json.slice(text, scratch)
        }
        let word = json.bytes[try json.word()]
        return word.elementsEqual("null".utf8) ? [] : word
    }

    /// Reads the items of the array that is next; `null` is an empty one.
    private mutating func forEachItem(
        _ read: (inout OTLPJSONReader) throws(IngestError) -> Void
    ) throws(IngestError) {
        if try takeNull() { return }
        try json.expect(0x5B)
        var isFirst = true
        while try json.next(0x5D, &isFirst) { try read(&self) }
    }

    /// Reads the members of the object that is next; `null` is an empty one. `read` consumes the
    /// value.
    private mutating func forEachMember(
        _ read: (inout OTLPJSONReader, String) throws(IngestError) -> Void
    ) throws(IngestError) {
        if try takeNull() { return }
        try json.expect(0x7B)
        var isFirst = true
        while try json.next(0x7D, &isFirst) {
            let key = try json.key(&scratch)
            try read(&self, String(decoding: json.slice(key, scratch), as: UTF8.self))
        }
    }

    private mutating func takeNull() throws(IngestError) -> Bool {
        guard json.peek() == 0x6E else { return false }
        let word = try json.word()
        guard json.bytes[word].elementsEqual("null".utf8) else {
            throw json.fault("expected a value")
        }
        return true
    }

    /// Passes over the object that is next; where the values of the members named begin.
    private mutating func places(
        of names: [String], _ others: [String] = []
    ) throws(IngestError) -> ([Int], [Int]) {
        var found: ([Int], [Int]) = ([], [])
        try forEachMember { reader, name throws(IngestError) in
            reader.json.skipBlanks()
            if names.contains(name) { found.0.append(reader.json.at) }
            if others.contains(name) { found.1.append(reader.json.at) }
            try reader.json.skipValue()
        }
        return found
    }

    /// Reads what begins at `place`, and goes on where it was.
    private mutating func rewind(
        to place: Int, _ read: (inout OTLPJSONReader) throws(IngestError) -> Void
    ) throws(IngestError) {
        let resume = json.at
        json.at = place
        try read(&self)
        json.at = resume
    }
}
