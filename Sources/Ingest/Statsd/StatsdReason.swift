/// Why a line or value was not stored, or was stored with something left out. The raw value is the
/// `reason` label of the counters.
package enum StatsdReason: String, Error, Sendable, CaseIterable {
    /// No `:` behind the name, or nothing behind it.
    case noValue = "no_value"
    case emptyName = "empty_name"
    /// A `|` in the name.
    case badName = "bad_name"
    case noType = "no_type"
    case unknownType = "unknown_type"
    /// Not a finite decimal number: NaN, Infinity, hexadecimal, `1_000`, 1e400 …
    case badNumber = "bad_number"
    /// Bytes that are not UTF-8 in a name, a tag, an event.
    case invalidText = "invalid_utf8"
    /// Tags both in the name and behind `|#`, or in two styles in the name.
    case mixedTags = "mixed_tags"
    case nameTooLong = "name_too_long"
    case tagTooLong = "tag_too_long"
    case tooManyTags = "too_many_tags"
    /// `|T` without a positive number of seconds.
    case badTimestamp = "bad_timestamp"
    case badEvent = "bad_event"
    case badServiceCheck = "bad_service_check"
    case lineTooLong = "line_too_long"
    /// The series exists with another type.
    case typeConflict = "type_conflict"
    case seriesLimit = "series_limit"
    case newSeriesRate = "new_series_rate"
    case timestampedLimit = "timestamped_limit"
    case logLineLimit = "log_line_limit"
    /// The mapping file says so.
    case mappingDrop = "mapping_drop"
    /// Stored unsampled: a rate outside of (0, 1].
    case badRate = "bad_rate"
    /// Stored without the tag: no name, or `__name__`.
    case badTag = "bad_tag"

    /// Whether nothing was stored; otherwise something was left out.
    package var isRefusal: Bool { self != .badRate && self != .badTag }
}

/// What an aggregator has seen since it was made. All counts only grow, but `seriesCount`.
package struct StatsdFigures: Sendable, Equatable {
    /// Lines that were not empty.
    package var lineCount = 0
    /// Values that were stored or added.
    package var valueCount = 0
    /// Lines that the cache of keys did not know, or that need the complete parser each time.
    package var slowLineCount = 0
    /// Series in memory.
    package var seriesCount = 0
    private var reasons = [Int](repeating: 0, count: StatsdReason.allCases.count)

    package init() {}

    /// How often `reason` came up.
    package subscript(reason: StatsdReason) -> Int { reasons[StatsdFigures.index(reason)] }

    package mutating func add(_ reason: StatsdReason, count: Int = 1) {
        reasons[StatsdFigures.index(reason)] += count
    }

    /// Lines and values that were refused, whatever the reason.
    package var refusedCount: Int {
        StatsdReason.allCases.reduce(0) { $0 + ($1.isRefusal ? self[$1] : 0) }
    }

    private static let order = StatsdReason.allCases

    private static func index(_ reason: StatsdReason) -> Int {
        order.firstIndex(of: reason) ?? 0
    }
}
