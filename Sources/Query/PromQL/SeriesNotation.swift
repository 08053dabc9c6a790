package import Model

/// Series and their values as Prometheus' unit tests write them: `up{job="a"}` with
/// `1 2.5 _ stale 0+10x5 7x3 _x2 {{schema:0 count:1 sum:2 buckets:[1]}}`.
/// Source: Prometheus documentation, "Unit testing for rules", series.
package enum SeriesNotation {
    /// Values that one text may stand for.
    package static let valueCountMax = 1_000_000

    /// What cannot be read, as a sentence.
    package struct Problem: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// The labels of `name{label="value", …}`; none for an empty text or `{}`.
    package static func labels(_ text: String) throws(Problem) -> Labels {
        let bare = text.filter { !$0.isWhitespace }
        if bare.isEmpty || bare == "{}" { return .empty }
        let matchers: [Matcher]
        do {
            matchers = try PromQLEngine.parseSelector(text)
        } catch {
            throw Problem(description: "\"\(text)\" is no series: \(error)")
        }
        var builder = LabelsBuilder()
        for matcher in matchers {
            guard matcher.operation == .equal else {
                throw Problem(
                    description: "\"\(text)\" is no series: only name=\"value\" is allowed")
            }
            builder.set(matcher.name, matcher.value)
        }
        return builder.build()
    }

    /// One item per interval; nil where there is no sample.
    package static func values(_ text: String) throws(Problem) -> [SampleValue?] {
        var values: [SampleValue?] = []
        for word in words(text) {
            values += try SeriesItem(word).values
            guard values.count <= valueCountMax else {
                throw Problem(description: "more than \(valueCountMax) values")
            }
        }
        return values
    }

    /// One histogram, `{{…}}`.
    package static func histogram(_ text: String) throws(Problem) -> Histogram {
        guard let histogram = try HistogramNotation.read(text) else {
            throw Problem(description: "\"\(text)\" is no histogram: {{schema:0 …}} is expected")
        }
        return histogram
    }

    /// Splits at spaces outside of braces.
    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        var depth = 0
        for character in text {
            if character == "{" { depth += 1 }
            if character == "}" { depth -= 1 }
            if character.isWhitespace, depth <= 0 {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }
}

/// One word of a series' values: a value, or a run of them.
private struct SeriesItem {
    private(set) var values: [SampleValue?] = []

    init(_ word: String) throws(SeriesNotation.Problem) {
        if word.hasPrefix("{{") {
            try readHistograms(word)
            return
        }
        let (front, count) = try SeriesItem.repetition(word)
        switch front {
        case "_": values = Array(repeating: nil, count: count ?? 1)
        case "stale":
            values = Array(repeating: .float(.staleMarker), count: (count ?? 0) + 1)
        default: try readFloats(front, count, word)
        }
    }

    /// `7` and 3 of `7x3`. No number is hexadecimal here: `0x3` is 0, four times.
    private static func repetition(
        _ word: String
    ) throws(SeriesNotation.Problem) -> (front: String, count: Int?) {
        guard let cross = word.lastIndex(of: "x") else { return (word, nil) }
        let digits = word[word.index(after: cross)...]
        guard let count = Int(digits), (0...SeriesNotation.valueCountMax).contains(count) else {
            throw problem(word)
        }
        return (String(word[..<cross]), count)
    }

    private mutating func readFloats(
        _ front: String, _ count: Int?, _ word: String
    ) throws(SeriesNotation.Problem) {
        if let value = SeriesItem.number(front) {
            values = Array(repeating: .float(value), count: (count ?? 0) + 1)
            return
        }
        guard let count else { throw SeriesItem.problem(word) }
        for sign in front.indices.dropFirst() where front[sign] == "+" || front[sign] == "-" {
            guard let start = SeriesItem.number(String(front[..<sign])),
                let step = SeriesItem.number(String(front[sign...]))
            else { continue }
            // Added up one by one, as the notation is read upstream, to the last bit.
            var value = start
            values.append(.float(value))
            for _ in 0..<count {
                value += step
                values.append(.float(value))
            }
            return
        }
        throw SeriesItem.problem(word)
    }

    private mutating func readHistograms(_ word: String) throws(SeriesNotation.Problem) {
        guard let end = word.firstRange(of: "}}")?.upperBound,
            let first = try HistogramNotation.read(String(word[..<end]))
        else { throw SeriesItem.problem(word) }
        let rest = word[end...]
        if rest.isEmpty {
            values = [.histogram(first)]
            return
        }
        guard let cross = rest.lastIndex(of: "x"),
            let count = Int(rest[rest.index(after: cross)...]),
            (0...SeriesNotation.valueCountMax).contains(count)
        else { throw SeriesItem.problem(word) }
        let middle = rest[..<cross]
        if middle.isEmpty {
            values = Array(repeating: .histogram(first), count: count + 1)
            return
        }
        guard let sign = middle.first, sign == "+" || sign == "-",
            let step = try HistogramNotation.read(String(middle.dropFirst()))
        else { throw SeriesItem.problem(word) }
        var value = first
        values.append(.histogram(value))
        for _ in 0..<count {
            do throws(HistogramArithmetic.IncompatibleSchemas) {
                value =
                    try sign == "+"
                    ? HistogramArithmetic.add(value, step).histogram
                    : HistogramArithmetic.subtract(value, step).histogram
            } catch {
                throw SeriesNotation.Problem(
                    description: "\"\(word)\": the histograms have no common schema")
            }
            // The hint is of the first; a sum of two does not have it by itself.
            value.resetHint = first.resetHint
            values.append(.histogram(value))
        }
    }

    /// As PromQL reads a number, with a sign.
    private static func number(_ text: String) -> Double? {
        switch text.lowercased() {
        case "nan": return .nan
        case "inf", "+inf": return .infinity
        case "-inf": return -.infinity
        default: break
        }
        let isNegative = text.hasPrefix("-")
        let bare = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard let first = bare.utf8.first, first == 0x2E || (0x30...0x39).contains(first),
            !bare.lowercased().hasPrefix("0x"),
            let value = NumberText.parse(ArraySlice(bare.utf8))
        else { return nil }
        return isNegative ? -value : value
    }

    private static func problem(_ word: String) -> SeriesNotation.Problem {
        SeriesNotation.Problem(
            description: "\"\(word)\" is no value; 1, 0+10x5, 7x3, _, _x2, stale and "
                + "{{schema:0 …}} are allowed")
    }
}
