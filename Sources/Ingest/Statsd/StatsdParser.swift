package import Model

/// What one line says.
package enum StatsdRecord: Sendable, Equatable {
    case empty
    case metric(StatsdMetric)
    /// An event or a service check.
    case line(StatsdLogLine)
}

/// What a value does to its series.
package enum StatsdKind: UInt8, Sendable, BitwiseCopyable {
    case counter = 0
    case gauge = 1
    /// ms, h and d.
    case histogram = 2
    case set = 3
}

/// A metric line, understood. One line may carry several groups (`a:1|c:2|c`) of several values
/// (`a:1:2|c`).
package struct StatsdMetric: Sendable, Equatable {
    package struct Group: Sendable, Equatable {
        package var kind: StatsdKind
        package var labels: Labels
        /// 1/rate for counters and histograms, else 1.
        package var weight = 1.0
        /// Of the mapping; values are multiplied by it.
        package var scale = 1.0
        /// Intervals without a value after which the series is dropped; of the mapping.
        package var idleIntervals: Int?
        package var values: [Value] = []
    }

    package struct Value: Sendable, Equatable {
        package var number = 0.0
        /// Written with a sign in front.
        package var isSigned = false
        /// The hash of a set's member.
        package var member: UInt64 = 0
    }

    package var groups: [Group] = []
    /// From `|T`, on counters and gauges.
    package var timestampNanos: Int64?
    /// Whether any line with this name and these bytes behind the value means the same.
    package var isCacheable = true
    /// Values that were refused, and what was left out.
    package var notes: [StatsdReason] = []
}

/// Reads one line completely: the slow path, and the definition of what every line means. Pure.
///
///     name:value[:value…]|type[|@rate][|#tags][|T<seconds>][|c:<container>][|e:…][|card:…]
///
/// Fields behind the type come in any order; those it does not know are passed over, as the
/// protocol asks. A value may be followed by `:value|type…` of the same name. Tags count for all
/// values of the line, a rate for those before it. Blanks and `\r` around fields are trimmed. Names
/// and fields must be UTF-8; a set's members are any bytes but `|` and newline.
/// Sources: etsy/statsd's stats.js; the DogStatsD protocol 1.0–1.5; statsd_exporter.
package struct StatsdParser: Sendable {
    let options: StatsdOptions

    package init(options: StatsdOptions) { self.options = options }

    /// `line`: without its newline. Throws when nothing of it can be used.
    package func parse(_ line: ArraySlice<UInt8>) throws(StatsdReason) -> StatsdRecord {
        let text = StatsdText.trimmed(line)
        guard let first = text.first else { return .empty }
        if first == UInt8(ascii: "_") {
            let whole = line[text.startIndex...]
            if text.starts(with: "_e{".utf8) {
                return .line(try StatsdEvent.parseEvent(whole, options))
            }
            if text.starts(with: "_sc|".utf8) {
                return .line(try StatsdEvent.parseServiceCheck(whole, options))
            }
        }
        return .metric(try metric(text))
    }

    private func metric(_ text: ArraySlice<UInt8>) throws(StatsdReason) -> StatsdMetric {
        guard let (head, rest) = StatsdText.halves(text, at: StatsdText.colon) else {
            throw .noValue
        }
        guard !head.contains(StatsdText.bar) else { throw .badName }
        let name = StatsdText.trimmed(head)
        guard !name.isEmpty else { throw .emptyName }
        guard let bar = rest.firstIndex(of: StatsdText.bar) else { throw .noType }
        guard StatsdText.isText(name), StatsdText.isText(rest[bar...]) else { throw .invalidText }
        var metric = StatsdMetric()
        let fields = try StatsdFields(rest, &metric)
        let tags = try StatsdTags(name: name, sections: fields.tags, limits: options.limits)
        for _ in 0..<tags.badCount { metric.notes.append(.badTag) }
        for part in fields.parts { append(part, tags, &metric) }
        if metric.groups.isEmpty, metric.notes.count == 1, let reason = metric.notes.first {
            throw reason
        }
        metric.isCacheable =
            fields.parts.count == 1 && metric.groups.count == 1
            && metric.timestampNanos == nil
            && metric.notes.allSatisfy { $0 == .badNumber || $0 == .noValue }
        return metric
    }

    /// Adds the group that `part` is.
    private func append(
        _ part: StatsdFields.Part, _ tags: StatsdTags, _ metric: inout StatsdMetric
    ) {
        guard let kind = kind(part.type) else {
            metric.notes.append(part.type.isEmpty ? .noType : .unknownType)
            return
        }
        var group = StatsdMetric.Group(kind: kind, labels: .empty)
        if kind == .counter || kind == .histogram, let text = part.rate {
            if let rate = StatsdText.number(text), rate > 0, rate <= 1, (1 / rate).isFinite {
                group.weight = 1 / rate
            } else {
                metric.notes.append(.badRate)
            }
        }
        readValues(part.value, kind, &group.values, &metric.notes)
        guard !group.values.isEmpty else { return }
        if label(&group, tags) {
            metric.groups.append(group)
        } else {
            metric.notes.append(.mappingDrop)
        }
    }

    private func kind(_ type: ArraySlice<UInt8>) -> StatsdKind? {
        if type.count == 1, let letter = type.first {
            switch letter {
            case UInt8(ascii: "c"): return .counter
            case UInt8(ascii: "g"): return .gauge
            case UInt8(ascii: "h"), UInt8(ascii: "d"): return .histogram
            case UInt8(ascii: "s"): return .set
            default: break
            }
        }
        if type.elementsEqual("ms".utf8) { return .histogram }
        return options.unknownTypes == .compat && !type.isEmpty ? .counter : nil
    }

    /// Reads what stands between `name:` and the type: one member of a set, or numbers separated
    /// by `:` of which empty ones are passed over. The fast path comes here for values that are
    /// not plain numbers, so what this says goes for both.
    func readValues(
        _ field: ArraySlice<UInt8>, _ kind: StatsdKind, _ values: inout [StatsdMetric.Value],
        _ notes: inout [StatsdReason]
    ) {
        if kind == .set {
            if field.isEmpty {
                notes.append(.noValue)
            } else {
                values.append(.init(member: StatsdSet.hash(field)))
            }
            return
        }
        var isEmpty = true
        for piece in field.split(separator: StatsdText.colon) {
            let text = StatsdText.trimmed(piece)
            guard let first = text.first else { continue }
            isEmpty = false
            guard let number = StatsdText.number(text) else {
                notes.append(.badNumber)
                continue
            }
            let isSigned = first == UInt8(ascii: "+") || first == UInt8(ascii: "-")
            values.append(.init(number: number, isSigned: isSigned))
        }
        if isEmpty { notes.append(.noValue) }
    }

    /// Names the series of `group`; false when the mapping drops it.
    private func label(_ group: inout StatsdMetric.Group, _ tags: StatsdTags) -> Bool {
        var builder = LabelsBuilder()
        var name = tags.name
        var isHonoured = true
        var mapped: [(String, String)] = []
        if let mapping = options.mapping {
            switch mapping.match(StatsdText.string(name), kind: group.kind) {
            case .none: break
            case .drop: return false
            case .rename(let result):
                name = Array(result.name.utf8)[...]
                mapped = result.labels
                isHonoured = result.honorsLabels
                group.scale = result.scale
                group.idleIntervals = result.idleIntervals(options.intervalNanos)
            }
        }
        // Of equal names the later wins: a mapping's labels, unless it honours those sent.
        if isHonoured { for (key, value) in mapped { builder.set(key, value) } }
        for (key, value) in tags.pairs {
            builder.set(StatsdTags.labelName(key, options.names, isMetric: false), value)
        }
        if !isHonoured { for (key, value) in mapped { builder.set(key, value) } }
        builder.set(
            Array("__name__".utf8)[...],
            StatsdTags.labelName(name, options.names, isMetric: true))
        group.labels = builder.build()
        return true
    }
}

/// What follows the first `:` of a metric line, cut into values with their types and the fields
/// that go for the line as a whole.
struct StatsdFields {
    struct Part {
        var value: ArraySlice<UInt8>
        var type: ArraySlice<UInt8> = []
        var rate: ArraySlice<UInt8>?
    }

    var parts: [Part] = []
    /// Behind `|#`, without the `#`.
    var tags: [ArraySlice<UInt8>] = []

    init(_ rest: ArraySlice<UInt8>, _ metric: inout StatsdMetric) throws(StatsdReason) {
        let fields = rest.split(separator: StatsdText.bar, omittingEmptySubsequences: false)
        var part = Part(value: fields[0])
        var wantsType = true
        for raw in fields.dropFirst() {
            let field = StatsdText.trimmed(raw)
            if wantsType {
                wantsType = false
                part.type = field
                guard let (head, tail) = StatsdText.halves(raw, at: StatsdText.colon) else {
                    continue
                }
                part.type = StatsdText.trimmed(head)
                parts.append(part)
                part = Part(value: tail)
                wantsType = true
            } else if field.first == UInt8(ascii: "@") {
                guard let (head, tail) = StatsdText.halves(raw, at: StatsdText.colon) else {
                    part.rate = field.dropFirst()
                    continue
                }
                part.rate = StatsdText.trimmed(head).dropFirst()
                parts.append(part)
                part = Part(value: tail)
                wantsType = true
            } else if field.first == UInt8(ascii: "#") {
                tags.append(field.dropFirst())
            } else if field.first == UInt8(ascii: "T") {
                guard let seconds = StatsdText.whole(field.dropFirst()), seconds > 0,
                    seconds <= Int(Int64.max / 1_000_000_000)
                else { throw .badTimestamp }
                metric.timestampNanos = Int64(seconds) * 1_000_000_000
            }
        }
        // A `:` with nothing behind it ends a line; other values need a type.
        if !wantsType {
            parts.append(part)
        } else if !StatsdText.trimmed(part.value).isEmpty {
            guard !parts.isEmpty else { throw .noType }
            metric.notes.append(.noType)
        }
    }
}
