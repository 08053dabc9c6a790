internal import Foundation
internal import Server

/// Numbers short enough for an axis.
enum NumberText {
    /// Up to four significant digits with k, M, G, T: `1.25k`, `0.004`, `12`.
    static func short(_ value: Double) -> String {
        let magnitude = abs(value)
        let units: [(Double, String)] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
        for (size, name) in units where magnitude >= size {
            return trimmed(value / size) + name
        }
        if magnitude == 0 { return "0" }
        if magnitude < 1e-3 { return String(format: "%.2g", value) }
        return trimmed(value)
    }

    private static func trimmed(_ value: Double) -> String {
        let text = String(format: abs(value) >= 100 ? "%.1f" : "%.3f", value)
        guard text.contains(".") else { return text }
        let withoutZeros = text.reversed().drop { $0 == "0" }
        let bare = withoutZeros.first == "." ? withoutZeros.dropFirst() : withoutZeros
        return String(String(bare.reversed()))
    }
}

/// Times for an axis or a table, in UTC.
enum ClockText {
    /// `10:15:02`
    static func short(millis: Int64) -> String {
        let text = TimeText.format(nanos: millis * 1_000_000, decimals: 0)
        return String(text.dropFirst(11).prefix(8))
    }

    /// `11-23 10:15`
    static func day(millis: Int64) -> String {
        String(full(millis: millis).dropFirst(5).prefix(11))
    }

    /// `2026-11-23 10:15:02.120`
    static func full(millis: Int64) -> String {
        let text = TimeText.format(nanos: millis * 1_000_000, decimals: 3)
        return text.dropLast().map { $0 == "T" ? " " : String($0) }.joined()
    }
}
