/// What may come in, with its reasons. Every limit has a counter: the `SkipReason` or error of the
/// same name.
package struct IngestLimits: Sendable, Hashable {
    /// A body as it comes over the wire.
    package var bodyBytesMax = 64 << 20
    /// What a body may expand to: bounds what one request can make this process hold.
    package var decodedBytesMax = 128 << 20
    /// Pairs of one series or stream, `__name__` among them. cAdvisor with container labels
    /// reaches 40.
    package var labelCountMax = 64
    /// Bytes of a label's name.
    package var labelNameBytesMax = 1024
    /// Bytes of a label's value; a longer one is an error message that lost its way.
    package var labelValueBytesMax = 4096
    /// Bytes of a log line. A longer one is kept in parts of this size, which are marked. Loki and
    /// VictoriaLogs refuse or cut at the same 256 KiB.
    package var lineBytesMax = 256 << 10
    /// Pairs of structured metadata of one line; Loki's limit.
    package var metadataCountMax = 128
    /// Bytes of structured metadata of one line; Loki's limit.
    package var metadataBytesMax = 64 << 10
    /// Characters of all names and values of one exemplar together; OpenMetrics' limit.
    package var exemplarCharactersMax = 128
    /// How deep JSON may nest: the reader's recursion.
    package var nestingMax = 64
    /// No bound: whether log lines get the `detected_level` that they tell (`MetadataLevel`).
    package var discoversLevels = false

    package init() {}

    /// Of UTF-8 text.
    static func characterCount(_ text: ArraySlice<UInt8>) -> Int {
        text.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    }
}

/// Why something was left out of an otherwise accepted body. The raw value is the `reason` label of
/// the counters.
package enum SkipReason: String, CaseIterable, Sendable, Hashable {
    /// The line is not in its format.
    case badLine = "bad_line"
    /// A number that is none, or not a finite one where the protocol demands it.
    case badValue = "bad_value"
    case badTimestamp = "bad_timestamp"
    /// A label name that is empty or not UTF-8.
    case badLabelName = "bad_label_name"
    /// A label value that is not UTF-8.
    case badLabelValue = "bad_label_value"
    case duplicateLabel = "duplicate_label"
    case missingMetricName = "missing_metric_name"
    case tooManyLabels = "label_count_max"
    case longLabelName = "label_name_bytes_max"
    case longLabelValue = "label_value_bytes_max"
    /// A histogram whose buckets and spans contradict each other, or of an unknown schema.
    case badHistogram = "bad_histogram"
    /// An exemplar that is not in its format; its sample is kept.
    case badExemplar = "bad_exemplar"
    /// An exemplar beyond `exemplarCharactersMax`.
    case longExemplar = "exemplar_characters_max"
    /// An exemplar of a tenant whose name is too long for another of its own.
    case exemplarTenant = "exemplar_tenant"
    /// Influx string fields: a metrics store has no use for them.
    case stringField = "string_field"
    /// Structured metadata beyond `metadataCountMax` or `metadataBytesMax`.
    case metadataLimit = "metadata_max"
}

extension SkipReason {
    /// Whether the sender broke its format; what is beyond our limits, or beside the samples, is
    /// none.
    var isFault: Bool {
        switch self {
        case .badLine, .badValue, .badTimestamp, .badLabelName, .badLabelValue, .duplicateLabel,
            .missingMetricName:
            true
        case .tooManyLabels, .longLabelName, .longLabelValue, .badHistogram, .badExemplar,
            .longExemplar, .exemplarTenant, .stringField, .metadataLimit:
            false
        }
    }
}

/// How many items were left out, by reason.
package struct SkipCounts: Sendable, Hashable {
    private var counts = [Int](repeating: 0, count: SkipReason.allCases.count)

    package init() {}

    package subscript(reason: SkipReason) -> Int { counts[SkipCounts.index(reason)] }

    /// All together.
    package var total: Int { counts.reduce(0, +) }

    /// Those that happened, in the order of `SkipReason`.
    package var pairs: [(reason: SkipReason, count: Int)] {
        zip(SkipReason.allCases, counts).filter { $0.1 > 0 }.map { (reason: $0.0, count: $0.1) }
    }

    mutating func add(_ reason: SkipReason, _ count: Int = 1) {
        counts[SkipCounts.index(reason)] += count
    }

    private static func index(_ reason: SkipReason) -> Int {
        SkipReason.allCases.firstIndex(of: reason) ?? 0
    }
}
