/// The levels that Loki tells apart, and what stands for them: the structured metadata
/// `detected_level` of a line.
///
/// Source: grafana/loki pkg/util/constants/levels.go, pkg/distributor/field_detection.go; the names
/// of syslog (RFC 5424 §6.2.1) and of OpenTelemetry's severities.
package enum LogLevel: UInt8, CaseIterable, Sendable {
    case unknown, trace, debug, info, warn, error, critical, fatal

    /// Its name in Loki.
    package var name: String {
        switch self {
        case .unknown: "unknown"
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .warn: "warn"
        case .error: "error"
        case .critical: "critical"
        case .fatal: "fatal"
        }
    }

    /// The level that `text` names, in any case of letters; nil for words that are none. Loki keeps
    /// syslog's `notice`, `crit`, `alert` and `emerg` as they are; here they are levels too.
    init?(named text: ArraySlice<UInt8>) {
        guard let level = FoldedText(text).flatMap({ LogLevel.named[$0] }) else { return nil }
        self = level
    }

    /// The level of a severity number of OpenTelemetry; nil outside of 1 to 24.
    init?(severityNumber: Int64) {
        switch severityNumber {
        case 1...4: self = .trace
        case 5...8: self = .debug
        case 9...12: self = .info
        case 13...16: self = .warn
        case 17...20: self = .error
        case 21...24: self = .fatal
        default: return nil
        }
    }

    /// What structured metadata calls it.
    static let label = "detected_level"

    /// Appends it to the metadata of a line, in the encoding of `PairBytes`.
    func append(to metadata: inout [UInt8]) {
        metadata.append(contentsOf: LogLevel.pairs[Int(rawValue)])
    }

    /// Its name, shared by all lines.
    var nameBytes: ArraySlice<UInt8> { LogLevel.names[Int(rawValue)][...] }

    private static let names = allCases.map { Array($0.name.utf8) }

    /// The pair of each level, by raw value.
    private static let pairs = allCases.map { level in
        var pair: [UInt8] = []
        PairBytes.append(label, level.name, to: &pair)
        return pair
    }

    private static let named: [FoldedText: LogLevel] = {
        let spellings: KeyValuePairs<LogLevel, String> = [
            .trace: "trace trc", .debug: "debug dbg",
            .info: "info inf information informational notice", .warn: "warn wrn warning",
            .error: "error err", .critical: "critical crit alert emergency emerg",
            .fatal: "fatal",
        ]
        var named: [FoldedText: LogLevel] = [:]
        for (level, words) in spellings {
            for word in words.split(separator: " ") {
                if let text = FoldedText(Array(word.utf8)[...]) { named[text] = level }
            }
        }
        return named
    }()
}

/// Up to 16 bytes, ASCII letters in lower case: a key that allocates nothing.
struct FoldedText: Hashable, Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// Nil when there are none or more than 16.
    init?(_ text: ArraySlice<UInt8>) {
        guard 1...16 ~= text.count else { return nil }
        var place: UInt64 = 0
        for byte in text {
            let folded = UInt64(byte &- 0x41 < 26 ? byte | 0x20 : byte)
            if place < 64 {
                low |= folded &<< place
            } else {
                high |= folded &<< (place &- 64)
            }
            place &+= 8
        }
    }
}
