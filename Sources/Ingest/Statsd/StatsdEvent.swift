internal import Encoding
package import Model

/// A DogStatsD event or service check as a line for the stream `{source="dogstatsd"}`.
package struct StatsdLogLine: Sendable, Equatable {
    /// `title: text` of an event, `name STATUS: message` of a check.
    package var text: [UInt8]
    /// Structured metadata in the order that `LineColumns` wants.
    package var metadata: [(name: String, value: String)]
    /// What the sender says, ns; nil: the time of arrival.
    package var timestampNanos: Int64?

    package static func == (a: StatsdLogLine, b: StatsdLogLine) -> Bool {
        a.text == b.text && a.timestampNanos == b.timestampNanos
            && a.metadata.elementsEqual(b.metadata) { $0 == $1 }
    }

    /// `metadata` in the encoding of `LineColumns.metadataBytes`.
    package var metadataBytes: [UInt8] {
        var bytes: [UInt8] = []
        for (name, value) in metadata {
            Varint.append(UInt64(name.utf8.count), to: &bytes)
            bytes.append(contentsOf: name.utf8)
            Varint.append(UInt64(value.utf8.count), to: &bytes)
            bytes.append(contentsOf: value.utf8)
        }
        return bytes
    }

    package static let stream = Labels(["source": "dogstatsd"])
}

/// Reads the two DogStatsD messages that are no metrics. Lengths are in bytes; `\n` written as two
/// characters is a newline.
///
///     _e{<title bytes>,<text bytes>}:<title>|<text>|d:|h:|k:|p:|s:|t:|c:|#tags
///     _sc|<name>|<status 0…3>|d:|h:|#tags|c:|m:<message, the last>
///
/// Source: docs.datadoghq.com, "Datagram format and shell usage".
enum StatsdEvent {
    static func parseEvent(
        _ line: ArraySlice<UInt8>, _ options: StatsdOptions
    ) throws(StatsdReason) -> StatsdLogLine {
        guard StatsdText.isText(line) else { throw .invalidText }
        guard let (head, body) = StatsdText.halves(line, at: UInt8(ascii: "}")),
            let (titleDigits, textDigits) = StatsdText.halves(
                head.dropFirst(3), at: StatsdText.comma),
            let titleCount = StatsdText.whole(titleDigits), titleCount > 0,
            let textCount = StatsdText.whole(textDigits), body.first == StatsdText.colon
        else { throw .badEvent }
        var rest = body.dropFirst()
        guard titleCount < rest.count, rest[rest.startIndex + titleCount] == StatsdText.bar else {
            throw .badEvent
        }
        let title = rest.prefix(titleCount)
        rest = rest.dropFirst(titleCount + 1)
        guard textCount <= rest.count else { throw .badEvent }
        let text = rest.prefix(textCount)
        rest = rest.dropFirst(textCount)
        // A cut inside a character shows as text that is not UTF-8.
        guard StatsdText.isText(title), StatsdText.isText(text),
            rest.isEmpty || rest.first == StatsdText.bar || StatsdText.trimmed(rest).isEmpty
        else { throw .badEvent }
        let titleText = StatsdText.unescaped(title)
        var line = StatsdLogLine(
            text: titleText,
            metadata: [("kind", "event"), ("title", StatsdText.string(titleText[...]))])
        if !text.isEmpty { line.text += Array(": ".utf8) + StatsdText.unescaped(text) }
        var tags: [ArraySlice<UInt8>] = []
        for raw in rest.split(separator: StatsdText.bar) {
            try read(StatsdText.trimmed(raw), eventFields, &line, &tags)
        }
        try add(tags, options, &line)
        return line
    }

    static func parseServiceCheck(
        _ line: ArraySlice<UInt8>, _ options: StatsdOptions
    ) throws(StatsdReason) -> StatsdLogLine {
        guard StatsdText.isText(line) else { throw .invalidText }
        var text = line.dropFirst(4)
        var message: [UInt8]?
        if let place = messageStart(text) {
            message = StatsdText.unescaped(StatsdText.trimmed(text[(place + 3)...]))
            text = text[..<place]
        }
        let fields = text.split(separator: StatsdText.bar, omittingEmptySubsequences: false)
        let statuses = ["ok", "warning", "critical", "unknown"]
        guard fields.count >= 2, let status = StatsdText.whole(StatsdText.trimmed(fields[1])),
            status < statuses.count
        else { throw .badServiceCheck }
        let name = StatsdText.string(StatsdText.trimmed(fields[0]))
        guard !name.isEmpty else { throw .badServiceCheck }
        var line = StatsdLogLine(
            text: Array("\(name) \(statuses[status])".utf8),
            metadata: [("kind", "service_check"), ("check", name), ("status", statuses[status])])
        if let message { line.text += Array(": ".utf8) + message }
        var tags: [ArraySlice<UInt8>] = []
        for raw in fields.dropFirst(2) {
            try read(StatsdText.trimmed(raw), checkFields, &line, &tags)
        }
        try add(tags, options, &line)
        return line
    }

    /// The place of the bar before `m:`, which ends the fields: the message may hold bars.
    private static func messageStart(_ text: ArraySlice<UInt8>) -> Int? {
        let mark = Array("|m:".utf8)
        guard text.count >= mark.count else { return nil }
        return (text.startIndex...text.endIndex - mark.count).first {
            text[$0..<$0 + mark.count].elementsEqual(mark)
        }
    }

    private static let checkFields: [(mark: String, name: String)] = [
        ("h:", "host"), ("c:", "container_id"),
    ]
    private static let eventFields =
        checkFields + [
            ("k:", "aggregation_key"), ("p:", "priority"), ("s:", "source_type"),
            ("t:", "alert_type"),
        ]

    /// Reads one field; those it does not know are passed over.
    private static func read(
        _ field: ArraySlice<UInt8>, _ known: [(mark: String, name: String)],
        _ line: inout StatsdLogLine, _ tags: inout [ArraySlice<UInt8>]
    ) throws(StatsdReason) {
        if field.first == UInt8(ascii: "#") {
            tags.append(field.dropFirst())
        } else if field.starts(with: "d:".utf8) {
            guard let seconds = StatsdText.whole(field.dropFirst(2)),
                seconds <= Int(Int64.max / 1_000_000_000)
            else { throw .badTimestamp }
            line.timestampNanos = Int64(seconds) * 1_000_000_000
        } else if let (mark, name) = known.first(where: { field.starts(with: $0.mark.utf8) }) {
            let value = StatsdText.string(field.dropFirst(mark.utf8.count))
            if !value.isEmpty { line.metadata.append((name, value)) }
        }
    }

    /// Tags become metadata; one whose name is taken already gets `tag_` in front.
    private static func add(
        _ sections: [ArraySlice<UInt8>], _ options: StatsdOptions, _ line: inout StatsdLogLine
    ) throws(StatsdReason) {
        let tags = try StatsdTags(sections: sections, limits: options.limits)
        for (key, value) in tags.pairs where !value.isEmpty {
            var name = StatsdText.string(
                StatsdTags.labelName(key, options.names, isMetric: false))
            if line.metadata.contains(where: { $0.name == name }) { name = "tag_" + name }
            line.metadata.append((name, StatsdText.string(value)))
        }
    }
}
