import Model
import Query

/// Values as behaviour scripts write them.
enum SampleText {
    /// `1 2.5 _ stale NaN -Inf 0+10x5 7x3 {{schema:0 count:1 sum:2 buckets:[1]}}`
    static func values(_ text: String) throws -> [SampleValue?] {
        var result: [SampleValue?] = []
        for word in words(text) {
            switch word {
            case "_": result.append(nil)
            case "stale": result.append(.float(.staleMarker))
            case _ where word.hasPrefix("{{"): result += try histograms(word)
            default: result += try floats(word).map { SampleValue.float($0) }
            }
        }
        return result
    }

    /// Splits at spaces outside of {{ }}.
    static func words(_ text: String) -> [String] {
        var result: [String] = []
        var word = ""
        var depth = 0
        for character in text {
            if character == "{" { depth += 1 }
            if character == "}" { depth -= 1 }
            if character == " ", depth == 0 {
                if !word.isEmpty { result.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? result : result + [word]
    }

    private static func floats(_ word: String) throws -> [Double] {
        if let value = Double(word) { return [value] }
        guard let cross = word.lastIndex(of: "x"), let count = Int(word[cross...].dropFirst())
        else { throw ScriptProblem(text: word) }
        let front = word[..<cross]
        if let value = Double(front) { return Array(repeating: value, count: count + 1) }
        guard
            let sign = front.dropFirst().lastIndex(where: { $0 == "+" || $0 == "-" }),
            let start = Double(front[..<sign]), let step = Double(front[sign...])
        else { throw ScriptProblem(text: word) }
        return (0...count).map { start + Double($0) * step }
    }

    /// One histogram, or several: `{{…}}x3`, `{{…}}+{{…}}x3`.
    private static func histograms(_ word: String) throws -> [SampleValue?] {
        let pieces = word.split(separator: "}}", omittingEmptySubsequences: false).map(String.init)
        var start = try histogram(pieces[0] + "}}")
        guard pieces.count > 1, !pieces[1].isEmpty else { return [.histogram(start)] }
        if pieces[1].hasPrefix("x"), let count = Int(pieces[1].dropFirst()) {
            return Array(repeating: .histogram(start), count: count + 1)
        }
        let step = try histogram(pieces[1].dropFirst() + "}}")
        guard pieces.count > 2, let count = Int(pieces[2].dropFirst()) else {
            throw ScriptProblem(text: word)
        }
        return (0...count).map { _ in
            defer {
                start.count += step.count
                start.sum += step.sum
                start.zeroCount += step.zeroCount
                for (place, index) in step.positive.indexes.enumerated() {
                    if let own = start.positive.indexes.firstIndex(of: index) {
                        start.positive.counts[own] += step.positive.counts[place]
                    }
                }
            }
            return .histogram(start)
        }
    }

    static func histogram(_ text: String) throws -> Histogram {
        var result = Histogram(schema: 0)
        var offset: Int32 = 0
        var negativeOffset: Int32 = 0
        var lists: [String: [Double]] = [:]
        var rest = Substring(text.dropFirst(2).dropLast(2))
        while true {
            rest = rest.drop { $0 == " " }
            if rest.isEmpty { break }
            let key = String(rest.prefix { $0 != ":" })
            rest = rest.dropFirst(key.count + 1)
            if rest.first == "[" {
                let body = rest.dropFirst().prefix { $0 != "]" }
                rest = rest.dropFirst(body.count + 2)
                lists[key] = try body.split(separator: " ").map { word in
                    guard let value = Double(word) else { throw ScriptProblem(text: text) }
                    return value
                }
                continue
            }
            let word = rest.prefix { $0 != " " }
            rest = rest.dropFirst(word.count)
            if key == "hint" {
                result.resetHint =
                    ["reset": .reset, "not_reset": .notReset, "gauge": .gauge][String(word)]
                    ?? .unknown
                continue
            }
            guard let value = Double(word) else { throw ScriptProblem(text: text) }
            switch key {
            case "schema": result.schema = Int32(value)
            case "count": result.count = value
            case "sum": result.sum = value
            case "zero": result.zeroCount = value
            case "threshold": result.zeroThreshold = value
            case "offset": offset = Int32(value)
            case "n_offset": negativeOffset = Int32(value)
            default: throw ScriptProblem(text: text)
            }
        }
        result.customBounds = lists["bounds"] ?? []
        result.positive = buckets(lists["buckets"] ?? [], from: offset)
        result.negative = buckets(lists["n_buckets"] ?? [], from: negativeOffset)
        return result
    }

    private static func buckets(_ counts: [Double], from offset: Int32) -> Histogram.Buckets {
        Histogram.Buckets(
            indexes: counts.indices.map { offset + Int32($0) }, counts: counts)
    }
}
