internal import Model

/// Turns parts of statsd names into labels, by the rules of a statsd_exporter mapping file
/// (`StatsdMapping+YAML`). The first rule that fits a name and type decides.
///
/// A glob's `*` stands for one part between dots; a regular expression (RE2) matches anywhere. `$1`
/// or `${1}` in the name and in labels is what the first `*` or group stood for.
package struct StatsdMapping: Sendable {
    /// What becomes of a metric.
    package enum Outcome: Sendable {
        /// No rule fits.
        case none
        case drop
        case rename(Result)
    }

    /// A metric as its rule wants it.
    package struct Result: Sendable, Equatable {
        package var name: String
        package var labels: [(String, String)]
        /// Whether tags that were sent win over `labels`.
        package var honorsLabels = false
        package var scale = 1.0
        package var timeToLiveNanos: Int64?

        package static func == (a: Result, b: Result) -> Bool {
            a.name == b.name && a.honorsLabels == b.honorsLabels && a.scale == b.scale
                && a.timeToLiveNanos == b.timeToLiveNanos
                && a.labels.elementsEqual(b.labels) { $0 == $1 }
        }

        /// The time to live in whole intervals, at least 1; nil for the default.
        func idleIntervals(_ intervalNanos: Int64) -> Int? {
            timeToLiveNanos.map { max(1, Int($0 / intervalNanos)) }
        }
    }

    /// One rule of the file.
    struct Rule: Sendable {
        var pattern: RegularExpression
        /// Types it is for; nil for all.
        var kind: StatsdKind?
        var drops = false
        var name: StatsdTemplate
        var labels: [(name: String, value: StatsdTemplate)] = []
        var honorsLabels = false
        var scale = 1.0
        var timeToLiveNanos: Int64?
    }

    /// Rules of one file.
    package static let ruleCountMax = 10_000

    var rules: [Rule]

    /// What the first fitting rule makes of `name`, as sent. O(rules).
    package func match(_ name: String, kind: StatsdKind) -> Outcome {
        let bytes = Array(name.utf8)[...]
        for rule in rules where rule.kind == nil || rule.kind == kind {
            guard let groups = rule.pattern.firstMatch(in: bytes) else { continue }
            if rule.drops { return .drop }
            return .rename(
                Result(
                    name: rule.name.filled(bytes, groups),
                    labels: rule.labels.map { ($0.name, $0.value.filled(bytes, groups)) },
                    honorsLabels: rule.honorsLabels, scale: rule.scale,
                    timeToLiveNanos: rule.timeToLiveNanos))
        }
        return .none
    }
}

/// A text with `$1` and `${1}` in it.
struct StatsdTemplate: Sendable, Equatable {
    private enum Piece: Equatable {
        case text([UInt8])
        case group(Int)
    }

    private var pieces: [Piece] = []

    /// `$` before anything but a number stays as it is.
    init(_ text: String) {
        let bytes = Array(text.utf8)
        var literal: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "$"), let (group, end) = Self.group(bytes, at + 1) {
                if !literal.isEmpty { pieces.append(.text(literal)) }
                literal = []
                pieces.append(.group(group))
                at = end
            } else {
                literal.append(bytes[at])
                at += 1
            }
        }
        if !literal.isEmpty { pieces.append(.text(literal)) }
    }

    /// The highest group that it names; 0 for none.
    var groupMax: Int {
        pieces.reduce(0) { highest, piece in
            if case .group(let group) = piece { return max(highest, group) }
            return highest
        }
    }

    private static func group(_ bytes: [UInt8], _ start: Int) -> (group: Int, end: Int)? {
        var at = start
        let isBraced = at < bytes.count && bytes[at] == UInt8(ascii: "{")
        if isBraced { at += 1 }
        let digits = at
        while at < bytes.count, bytes[at] &- 0x30 <= 9, at - digits < 3 { at += 1 }
        guard let group = StatsdText.whole(bytes[digits..<at]) else { return nil }
        if isBraced {
            guard at < bytes.count, bytes[at] == UInt8(ascii: "}") else { return nil }
            at += 1
        }
        return (group, at)
    }

    /// The text with the groups of a match of `bytes` in it; a group that took no part is empty.
    func filled(_ bytes: ArraySlice<UInt8>, _ groups: [Range<Int>?]) -> String {
        var result: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .text(let text): result += text
            case .group(let group):
                if group < groups.count, let range = groups[group] { result += bytes[range] }
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
