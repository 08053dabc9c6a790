internal import Model

/// Native histograms as Prometheus' unit tests write them:
///
///     {{schema:1 count:12 sum:5 z_bucket:2 z_bucket_w:0.001 buckets:[5 1] offset:-3
///       n_buckets:[4] n_offset:5 counter_reset_hint:gauge custom_values:[1 2]}}
enum HistogramNotation {
    private static let hints: [String: Histogram.ResetHint] = [
        "unknown": .unknown, "reset": .reset, "not_reset": .notReset, "gauge": .gauge,
    ]

    /// Nil when `text` does not stand in `{{ }}`.
    static func read(_ text: String) throws(SeriesNotation.Problem) -> Histogram? {
        guard text.hasPrefix("{{"), text.hasSuffix("}}"), text.count >= 4 else { return nil }
        var result = Histogram(schema: 0)
        var lists: [String: [Double]] = [:]
        var offsets: [String: Int32] = [:]
        var rest = text.dropFirst(2).dropLast(2).drop(while: \.isWhitespace)
        while !rest.isEmpty {
            let key = String(rest.prefix { $0 != ":" })
            rest = rest.dropFirst(key.count + 1)
            var word = rest.prefix { !$0.isWhitespace }
            if word.hasPrefix("[") {
                word = rest.prefix { $0 != "]" }
                rest = rest.dropFirst(word.count + 1)
                lists[key] = try numbers(word.dropFirst(), key)
            } else {
                rest = rest.dropFirst(word.count)
                try set(key, String(word), in: &result, &offsets)
            }
            rest = rest.drop(while: \.isWhitespace)
        }
        result.customBounds = lists["custom_values"] ?? []
        result.positive = buckets(lists["buckets"] ?? [], from: offsets["offset"] ?? 0)
        result.negative = buckets(lists["n_buckets"] ?? [], from: offsets["n_offset"] ?? 0)
        for key in lists.keys
        where !["custom_values", "buckets", "n_buckets"].contains(key) {
            throw unknown(key)
        }
        return result
    }

    private static func set(
        _ key: String, _ word: String, in result: inout Histogram, _ offsets: inout [String: Int32]
    ) throws(SeriesNotation.Problem) {
        if key == "counter_reset_hint" {
            guard let hint = hints[word] else {
                throw SeriesNotation.Problem(
                    description: "counter_reset_hint:\(word) is not one of "
                        + hints.keys.sorted().joined(separator: ", "))
            }
            result.resetHint = hint
            return
        }
        guard let value = try numbers(word[...], key).first else { throw unknown(key) }
        switch key {
        case "schema", "offset", "n_offset":
            guard let whole = Int32(exactly: value) else {
                throw SeriesNotation.Problem(description: "\(key):\(word) is no whole number")
            }
            if key == "schema" { result.schema = whole } else { offsets[key] = whole }
        case "count": result.count = value
        case "sum": result.sum = value
        case "z_bucket": result.zeroCount = value
        case "z_bucket_w": result.zeroThreshold = value
        default: throw unknown(key)
        }
    }

    private static func numbers(
        _ text: Substring, _ key: String
    ) throws(SeriesNotation.Problem) -> [Double] {
        var numbers: [Double] = []
        for word in text.split(whereSeparator: { $0.isWhitespace || $0 == "," }) {
            guard let value = Double(word) else {
                throw SeriesNotation.Problem(description: "\(key): \(word) is no number")
            }
            numbers.append(value)
        }
        return numbers
    }

    private static func unknown(_ key: String) -> SeriesNotation.Problem {
        SeriesNotation.Problem(
            description: "\(key) is nothing of a histogram; there are schema, count, sum, "
                + "z_bucket, z_bucket_w, buckets, offset, n_buckets, n_offset, "
                + "counter_reset_hint, custom_values")
    }

    private static func buckets(_ counts: [Double], from offset: Int32) -> Histogram.Buckets {
        Histogram.Buckets(
            indexes: counts.indices.map { offset &+ Int32(truncatingIfNeeded: $0) },
            counts: counts)
    }
}
