internal import Model

/// The levels that lines have been given, numbered: what their structured metadata calls
/// `detected_level`, else the label of that name, else that of the label `severity` which lines of
/// syslog have, else `unknown`.
struct LineLevels {
    /// Levels that are told apart; lines of further ones are `unknown`. Loki's own are eight.
    static let countMax = 64

    private static let label = Array("detected_level".utf8)
    private static let severity = Array("severity".utf8)
    /// By the names of syslog's severities.
    private static let levels: [String: String] = [
        "emerg": "critical", "alert": "critical", "crit": "critical", "err": "error",
        "warning": "warn", "notice": "info", "info": "info", "debug": "debug",
    ]
    private static let unknown = Array("unknown".utf8)

    private var names = [LineLevels.unknown]
    private var streamLevel: UInt8 = 0
    /// The metadata that was looked at last, and its level.
    private var known: (metadata: [UInt8], level: UInt8) = ([], 0)

    var count: Int { names.count }

    func name(_ level: UInt8) -> [UInt8] { names[Int(level)] }

    /// The lines from here on have these labels.
    mutating func beginStream(_ labels: Labels) {
        streamLevel = (value(labels) ?? level(ofSeverityIn: labels)).map { number(of: $0) } ?? 0
        known = ([], streamLevel)
    }

    /// The level of a line with this structured metadata, in the encoding of `Labels`.
    mutating func level(of metadata: ArraySlice<UInt8>) -> UInt8 {
        guard !metadata.elementsEqual(known.metadata) else { return known.level }
        let pairs = Labels(canonical: Array(metadata))
        known = (pairs.bytes, value(pairs).map { number(of: $0) } ?? streamLevel)
        return known.level
    }

    private func level(ofSeverityIn labels: Labels) -> ArraySlice<UInt8>? {
        value(labels, of: LineLevels.severity)
            .flatMap { LineLevels.levels[String(decoding: $0, as: UTF8.self)] }
            .map { Array($0.utf8)[...] }
    }

    private func value(
        _ labels: Labels, of label: [UInt8] = LineLevels.label
    ) -> ArraySlice<UInt8>? {
        var found: ArraySlice<UInt8>?
        labels.forEachSlice { name, value in
            guard name.elementsEqual(label) else { return true }
            found = value
            return false
        }
        return found
    }

    private mutating func number(of name: ArraySlice<UInt8>) -> UInt8 {
        if let place = names.firstIndex(where: { $0.elementsEqual(name) }) { return UInt8(place) }
        guard names.count < LineLevels.countMax else { return 0 }
        names.append(Array(name))
        return UInt8(names.count - 1)
    }
}
