internal import Foundation
internal import Query
internal import Server

/// Prints lines for a person or for a script: time, where it comes from, the text; matches in
/// colour.
struct LogPrinter: Sendable {
    private let isJSON: Bool
    private let isRaw: Bool
    private let isColorful: Bool
    private let onlyMatches: Bool
    private let showsLabels: Bool
    /// Whether a terminal shows it: then control characters are written out.
    private let isForTerminal: Bool
    private let marks: LogMarks
    private let progress: Progress?

    private static let sourceColors = [36, 33, 35, 32, 34, 96, 93, 95, 92, 94]
    private static let dim = "\u{1B}[2m"
    private static let bold = "\u{1B}[1;31m"
    private static let reset = "\u{1B}[0m"

    /// `isRaw`: the text alone, whatever the options say.
    init(
        _ options: OutputOptions, _ marks: LogMarks, isRaw: Bool = false, progress: Progress? = nil
    ) {
        isJSON = options.isJSON
        self.isRaw = isRaw || options.form == .raw
        isColorful = options.isColorful
        onlyMatches = options.onlyMatches
        showsLabels = options.showsLabels
        isForTerminal = options.isForTerminal
        self.marks = marks
        self.progress = progress
    }

    func print(_ entry: LogEntry) {
        let texts = texts(of: entry)
        guard !texts.isEmpty else { return }
        progress?.erase()
        Terminal.print(texts)
    }

    /// Groups with `--` between them, as grep has it.
    func print(_ groups: [[LogEntry]]) {
        progress?.erase()
        for (index, group) in groups.enumerated() {
            if index > 0, !isJSON { Terminal.print(["--"]) }
            Terminal.print(group.flatMap(texts))
        }
    }

    /// One, or one for each match.
    private func texts(of entry: LogEntry) -> [String] {
        guard onlyMatches, !marks.isEmpty else { return [text(of: entry)] }
        let bytes = Array(entry.line.utf8)
        return marks.ranges(in: bytes).map { range in
            var part = entry
            part.line = String(decoding: bytes[range], as: UTF8.self)
            return text(of: part)
        }
    }

    private func text(of entry: LogEntry) -> String {
        if isJSON { return json(entry) }
        let line = isColorful ? highlighted(entry.line) : visible(entry.line)
        if isRaw { return line }
        let time = ClockText.full(millis: entry.nanos / 1_000_000)
        // Of `| patterns`: how many lines have this form.
        let isPattern = entry.labels.count == 1 && entry.labels["count"] != nil
        let shown = isPattern ? ["count"] : ["host", "app"]
        let names = shown.compactMap { entry.labels[$0] }.joined(separator: " ")
        let source = isForTerminal ? SafeText.escaped(names, keepsLines: false) : names
        let labels = showsLabels ? labels(of: entry) : ""
        guard isColorful else {
            return [time, showsLabels ? labels : source, line].filter { !$0.isEmpty }
                .joined(separator: " ")
        }
        let hash = source.utf8.reduce(5_381) { ($0 &* 33) ^ Int($1) }
        let color = Self.sourceColors[abs(hash % Self.sourceColors.count)]
        let text = showsLabels ? labels : source
        let colored = text.isEmpty ? "" : " \u{1B}[\(color)m\(text)\(Self.reset)"
        return "\(Self.dim)\(time)\(Self.reset)\(colored) \(line)"
    }

    /// `{app="shop", host="a"}`
    private func labels(of entry: LogEntry) -> String {
        let pairs = entry.labels.sorted { $0.key < $1.key }.map { name, value in
            let escaped = value.map { "\\\"".contains($0) ? "\\\($0)" : String($0) }.joined()
            return "\(name)=\"\(escaped)\""
        }
        return SafeText.escaped("{\(pairs.joined(separator: ", "))}", keepsLines: false)
    }

    private func visible(_ text: String) -> String {
        isForTerminal ? SafeText.escaped(text) : text
    }

    private func highlighted(_ line: String) -> String {
        guard !marks.isEmpty else { return visible(line) }
        let bytes = Array(line.utf8)
        func text(_ range: Range<Int>) -> String {
            visible(String(decoding: bytes[range], as: UTF8.self))
        }
        var result = ""
        var end = 0
        for range in marks.ranges(in: bytes) {
            result += text(end..<range.lowerBound) + Self.bold + text(range) + Self.reset
            end = range.upperBound
        }
        return result + text(end..<bytes.count)
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
