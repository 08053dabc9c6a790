internal import Encoding
internal import Model

/// One JSON push being read. The members of a stream may come in any order: `values` before
/// `stream` are passed over and read again behind it.
struct LokiJSONReader {
    var sink: LokiSink
    private var json: JSONReader
    private var labels: LabelCheck
    private var scratch: [UInt8] = []
    private var nameScratch: [UInt8] = []

    init(_ body: [UInt8], sink: LokiSink) {
        self.sink = sink
        json = JSONReader(body, nestingMax: sink.limits.nestingMax)
        labels = LabelCheck(limits: sink.limits)
    }

    mutating func read(_ cache: inout SeriesCache) throws(IngestError) {
        try json.expect(0x7B)
        var isFirst = true
        while try json.next(0x7D, &isFirst) {
            let key = try json.key(&scratch)
            guard json.has(key, scratch, equalTo: "streams") else {
                try json.skipValue()
                continue
            }
            try json.expect(0x5B)
            var isFirstStream = true
            while try json.next(0x5D, &isFirstStream) { try stream(&cache) }
        }
        guard json.peek() == nil else { throw json.fault("something behind the end") }
    }

    private mutating func stream(_ cache: inout SeriesCache) throws(IngestError) {
        try json.expect(0x7B)
        var labelsPlace: Int?
        var valuesPlace: Int?
        var isDone = false
        var isFirst = true
        while try json.next(0x7D, &isFirst) {
            let key = try json.key(&scratch)
            if json.has(key, scratch, equalTo: "stream") {
                json.skipBlanks()
                labelsPlace = json.at
                try json.skipValue()
            } else if json.has(key, scratch, equalTo: "values") {
                json.skipBlanks()
                if let labelsPlace, valuesPlace == nil {
                    try values(of: try streamIndex(labelsPlace, &cache))
                    isDone = true
                } else {
                    valuesPlace = json.at
                    try json.skipValue()
                }
            } else {
                try json.skipValue()
            }
        }
        guard !isDone, let valuesPlace else { return }
        let end = json.at
        let index = try streamIndex(labelsPlace, &cache)
        json.at = valuesPlace
        try values(of: index)
        json.at = end
    }

    /// The stream whose label object begins at `place`; without one it has no labels.
    private mutating func streamIndex(
        _ place: Int?, _ cache: inout SeriesCache
    ) throws(IngestError) -> LokiSink.Stream {
        let resume = json.at
        defer { json.at = resume }
        labels.removeAll()
        guard let place else { return sink.stream(&labels, cache.key([]), &cache) }
        json.at = place
        try json.skipValue()
        let key = cache.key(json.bytes[place..<json.at])
        if let number = cache.number(key) {
            return sink.stream(number, &cache)
        }
        json.at = place
        try json.expect(0x7B)
        var isFirst = true
        while try json.next(0x7D, &isFirst) {
            let key = try json.key(&nameScratch)
            let name = json.slice(key, nameScratch)
            let value = try anyText()
            let slice = json.slice(value, scratch)
            if let reason = labels.add(name, slice, repeatsWin: true) {
                let text = String(decoding: name.prefix(80), as: UTF8.self)
                return .refused(reason, "stream label \(text): \(reason.rawValue)")
            }
        }
        return sink.stream(&labels, key, &cache)
    }

    private mutating func values(of stream: LokiSink.Stream) throws(IngestError) {
        try json.expect(0x5B)
        var isFirst = true
        while try json.next(0x5D, &isFirst) { try entry(stream) }
    }

    /// `["ns", "line", {metadata}]`
    private mutating func entry(_ stream: LokiSink.Stream) throws(IngestError) {
        try json.expect(0x5B)
        let offset = json.at
        let timestamp = try timestamp()
        try json.expect(0x2C)
        sink.beginLine()
        // The line waits while the metadata behind it uses the other scratch.
        let line = try json.string(&scratch)
        if json.take(0x2C) {
            if json.peek() == 0x7B { try metadata() } else { try json.skipValue() }
            while json.take(0x2C) { try json.skipValue() }
        }
        try json.expect(0x5D)
        sink.endLine(json.slice(line, scratch), timestamp, stream, offset: offset)
    }

    private mutating func metadata() throws(IngestError) {
        try json.expect(0x7B)
        var value: [UInt8] = []
        var isFirst = true
        while try json.next(0x7D, &isFirst) {
            let key = try json.key(&nameScratch)
            let name = json.slice(key, nameScratch)
            let first = json.peek()
            let start = json.at
            if first == 0x22 {
                let text = try json.string(&value)
                sink.addMetadata(name, json.slice(text, value))
                continue
            }
            // What is no text is kept as it is written.
            if first == 0x7B || first == 0x5B {
                try json.skipValue()
            } else {
                _ = try json.word()
            }
            sink.addMetadata(name, json.bytes[start..<json.at])
        }
    }

    /// A string, or the text of a number or a word, which some senders leave without quotes.
    private mutating func anyText() throws(IngestError) -> JSONReader.Text {
        if json.peek() == 0x22 { return try json.string(&scratch) }
        return .source(try json.word())
    }

    private mutating func timestamp() throws(IngestError) -> Int64 {
        let start = json.at
        let found = try anyText()
        let text = json.slice(found, scratch)
        if let value = DecimalText.integer(text.span, 0, text.count) { return value }
        // 1.7e18 is a whole number too.
        if let number = DoubleText.parse(text), abs(number) < 9.2e18 {
            return Int64(number.rounded())
        }
        json.at = start
        throw json.fault("a timestamp that is no number of nanoseconds")
    }
}
