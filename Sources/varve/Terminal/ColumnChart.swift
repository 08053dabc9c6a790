internal import Server

/// Counts over time as columns of eighths of a character: a scale at the left, times below.
struct ColumnChart {
    var counts: [Int]
    var startMillis: Int64
    var stepMillis: Int64
    /// Rows of columns.
    var height: Int
    var usesColor: Bool

    private static let eighths = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// The picture, line by line.
    var lines: [String] {
        let top = max(counts.max() ?? 0, 1)
        let labels = ["\(NumberText.short(Double(top)))", "0"]
        let margin = labels.map(\.count).max() ?? 0
        var lines: [String] = []
        for row in (0..<height).reversed() {
            var text = ""
            for count in counts {
                // Something is never drawn as nothing.
                let filled = count == 0 ? 0 : max(count * height * 8 / top, 1)
                text += ColumnChart.eighths[min(max(filled - row * 8, 0), 8)]
            }
            let label = row == height - 1 ? labels[0] : row == 0 ? labels[1] : ""
            let fill = String(repeating: " ", count: margin - label.count)
            let columns = usesColor ? "\u{1B}[36m\(text)\u{1B}[0m" : text
            lines.append("\(fill)\(label) ┤\(columns)")
        }
        let indent = String(repeating: " ", count: margin)
        lines.append("\(indent) └\(String(repeating: "─", count: counts.count))")
        let first = ClockText.day(millis: startMillis)
        let last = ClockText.day(millis: startMillis + stepMillis * Int64(counts.count))
        let gap = max(counts.count - first.count - last.count, 2)
        lines.append("\(indent)  \(first)\(String(repeating: " ", count: gap))\(last)")
        return lines
    }
}

/// Durations for a person.
enum DurationWords {
    /// `10s`, `5m`, `1h`, `7d`: the largest unit that says it exactly.
    static func text(nanos: Int64) -> String {
        let seconds = nanos / 1_000_000_000
        let units: [(Int64, String)] = [(86_400, "d"), (3_600, "h"), (60, "m")]
        for (size, name) in units where seconds >= size && seconds % size == 0 {
            return "\(seconds / size)\(name)"
        }
        return "\(seconds)s"
    }
}
