internal import Encoding
internal import Model
package import Query

/// How often which kind of line occurs: lines that differ in numbers, ids and a few words count as
/// one pattern. Two steps: `LinePatterns` leaves out numbers and ids; then patterns of as many words,
/// of which `sameShare` are the same, become one, word by word (after Drain, He et al., ICWS '17).
/// Holds at most `patternsMax` patterns and `textsMax` texts; lines of further ones are counted in
/// `otherCount`.
package struct LogPatterns: Sendable {
    package static let patternsMax = 2_000
    static let textsMax = 50_000
    /// Words of a pattern; what follows is one slot. Lines are cut there before they are compared.
    static let wordsMax = 60
    static let textBytesMax = 2_000
    static let sameShare = 0.6

    /// One pattern, of lines of one level.
    package struct Pattern: Sendable {
        package let level: String
        package fileprivate(set) var words: [String]
        /// Lines by the start of their step, ns.
        package fileprivate(set) var counts: [Int64: Int] = [:]

        package var text: String { words.joined(separator: " ") }
        package var total: Int { counts.values.reduce(0, +) }
    }

    /// Patterns that may become one.
    private struct Family: Hashable {
        var level: String
        var wordCount: Int
        var first: String
    }

    private static let slot = String(decoding: LinePatterns.slot, as: UTF8.self)

    private let stepNanos: Int64
    package private(set) var patterns: [Pattern] = []
    private var families: [Family: [Int]] = [:]
    /// Pattern by level and text of `LinePatterns`.
    private var numbers: [String: [[UInt8]: Int]] = [:]
    private var textCount = 0
    package private(set) var otherCount = 0

    /// `stepNanos`: between two counts, at least 1.
    package init(stepNanos: Int64) { self.stepNanos = max(stepNanos, 1) }

    package mutating func add(_ batch: LogEntryBatch) {
        let found = LinePatterns(batch.lines.bytes, lineEnds: batch.lines.lineEnds[...])
        for index in 0..<batch.lines.count {
            let stream = batch.streams[Int(batch.lines.streamIndexes[index])]
            let level =
                stream.metadata["detected_level"] ?? stream.labels["detected_level"]
                ?? stream.labels["level"] ?? ""
            let text = found.texts[Int(found.numbers[index])]
            guard let number = number(text, level) else {
                otherCount += 1
                continue
            }
            let nanos = batch.lines.timestamps[index]
            let step = nanos / stepNanos * stepNanos
            patterns[number].counts[step <= nanos ? step : step &- stepNanos, default: 0] += 1
        }
    }

    private mutating func number(_ text: [UInt8], _ level: String) -> Int? {
        let text =
            text.count > LogPatterns.textBytesMax
            ? Array(text.prefix(LogPatterns.textBytesMax)) : text
        if let known = numbers[level]?[text] { return known }
        guard textCount < LogPatterns.textsMax else { return nil }
        let words = LogPatterns.words(of: text)
        guard !words.isEmpty else { return nil }
        let family = Family(level: level, wordCount: words.count, first: words[0])
        guard let number = similar(words, family) ?? begin(words, family) else { return nil }
        numbers[level, default: [:]][text] = number
        textCount += 1
        return number
    }

    /// The pattern of the family that `words` fits, made wider where they differ.
    private mutating func similar(_ words: [String], _ family: Family) -> Int? {
        var best: (number: Int, same: Int)?
        for number in families[family] ?? [] {
            let same = zip(patterns[number].words, words).count { $0 == $1 }
            if same > best?.same ?? -1 { best = (number, same) }
        }
        guard let best, Double(best.same) >= LogPatterns.sameShare * Double(words.count) else {
            return nil
        }
        for place in words.indices where patterns[best.number].words[place] != words[place] {
            patterns[best.number].words[place] = LogPatterns.slot
        }
        return best.number
    }

    private mutating func begin(_ words: [String], _ family: Family) -> Int? {
        guard patterns.count < LogPatterns.patternsMax else { return nil }
        families[family, default: []].append(patterns.count)
        patterns.append(Pattern(level: family.level, words: words))
        return patterns.count - 1
    }

    private static func words(of text: [UInt8]) -> [String] {
        let parts = text.split(
            separator: UInt8(ascii: " "), maxSplits: wordsMax, omittingEmptySubsequences: false)
        var words = parts.prefix(wordsMax).map { String(decoding: $0, as: UTF8.self) }
        if parts.count > wordsMax { words.append(slot) }
        return words.allSatisfy(\.isEmpty) ? [] : words
    }

    /// The most frequent first, then by text; at most `limit`.
    package func mostFrequent(_ limit: Int) -> [Pattern] {
        let sorted = patterns.map { ($0, $0.total) }.sorted { a, b in
            if a.1 != b.1 { return a.1 > b.1 }
            return (a.0.text, a.0.level) < (b.0.text, b.0.level)
        }
        return sorted.prefix(limit).map(\.0)
    }

    /// `[{"pattern":…,"level":…,"samples":[[seconds,count],…]},…]` as Loki writes it.
    package func answer(limit: Int, warnings: [String]) -> [UInt8] {
        PrometheusJSON.success(warnings: warnings) { json in
            json.raw("[")
            for (index, pattern) in mostFrequent(limit).enumerated() {
                if index > 0 { json.comma() }
                json.raw("{\"pattern\":")
                json.string(pattern.text)
                if !pattern.level.isEmpty {
                    json.raw(",\"level\":")
                    json.string(pattern.level)
                }
                json.raw(",\"samples\":[")
                for (place, count) in pattern.counts.sorted(by: { $0.key < $1.key }).enumerated() {
                    if place > 0 { json.comma() }
                    json.raw("[\(count.key / 1_000_000_000),\(count.value)]")
                }
                json.raw("]}")
            }
            json.raw("]")
        }
    }
}
