internal import Foundation
internal import Server

/// Prints lines for a person or for a script: time, where it comes from, the text; matches in
/// colour.
struct LogPrinter: Sendable {
    let isJSON: Bool
    let isColorful: Bool
    /// Words to set off.
    let highlights: [String]
    let foldsCase: Bool
    /// Whether a terminal shows it: then control characters are written out.
    let isForTerminal: Bool
    var progress: Progress?

    private static let sourceColors = [36, 33, 35, 32, 34, 96, 93, 95, 92, 94]
    private static let dim = "\u{1B}[2m"
    private static let bold = "\u{1B}[1;31m"
    private static let reset = "\u{1B}[0m"

    func print(_ entry: LogEntry) {
        progress?.erase()
        Terminal.print([text(of: entry)])
    }

    /// Groups with `--` between them, as grep has it.
    func print(_ groups: [[LogEntry]]) {
        progress?.erase()
        for (index, group) in groups.enumerated() {
            if index > 0, !isJSON { Terminal.print(["--"]) }
            Terminal.print(group.map(text))
        }
    }

    func text(of entry: LogEntry) -> String {
        if isJSON { return json(entry) }
        let time = ClockText.full(millis: entry.nanos / 1_000_000)
        // Of `| patterns`: how many lines have this form.
        let isPattern = entry.labels.count == 1 && entry.labels["count"] != nil
        let shown = isPattern ? ["count"] : ["host", "app"]
        let names = shown.compactMap { entry.labels[$0] }.joined(separator: " ")
        let source = isForTerminal ? SafeText.escaped(names, keepsLines: false) : names
        let line = isForTerminal ? SafeText.escaped(entry.line) : entry.line
        guard isColorful else {
            return [time, source, line].filter { !$0.isEmpty }.joined(separator: " ")
        }
        let hash = source.utf8.reduce(5_381) { ($0 &* 33) ^ Int($1) }
        let color = Self.sourceColors[abs(hash % Self.sourceColors.count)]
        let colored = source.isEmpty ? "" : " \u{1B}[\(color)m\(source)\(Self.reset)"
        return "\(Self.dim)\(time)\(Self.reset)\(colored) \(highlighted(line))"
    }

    private func highlighted(_ line: String) -> String {
        var result = line
        for word in highlights where !word.isEmpty {
            let options: String.CompareOptions = foldsCase ? [.caseInsensitive] : []
            var rest = result[...]
            var marked = ""
            while let range = rest.range(of: word, options: options) {
                marked += rest[..<range.lowerBound]
                marked += Self.bold + rest[range] + Self.reset
                rest = rest[range.upperBound...]
            }
            result = marked + rest
        }
        return result
    }

    private func json(_ entry: LogEntry) -> String {
        let object: [String: Any] = [
            "ts": TimeText.format(nanos: entry.nanos, decimals: 9), "line": entry.line,
            "labels": entry.labels,
        ]
        guard
            let data = try? JSONSerialization.data(
                withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
        else { return "" }
        return String(decoding: data, as: UTF8.self)
    }
}
