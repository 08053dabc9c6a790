/// A word of LogQL and where it stands. Keywords are identifiers here: the parser knows where
/// `by`, `offset` or `json` means more than a name.
struct LogQLToken: Equatable {
    enum Kind: Equatable {
        case identifier(String)
        /// Unescaped.
        case string(String)
        /// Digits and what clings to them, as written: `5`, `1e3`, `5m30s`, `1.5KB`.
        case number(String)
        /// `--strict`, without the dashes.
        case flag(String)
        /// Punctuation and operators, as written.
        case symbol(String)
        case end
    }

    var kind: Kind
    /// Byte offset of its first byte in the query.
    var offset: Int

    /// As Loki's messages name it. `next`: the token behind it, which tells functions from names.
    func name(before next: LogQLToken) -> String {
        switch kind {
        case .identifier(let name):
            let word = name.lowercased()
            if LogQLToken.keywords.contains(word) { return word }
            let isFunction =
                RangeAggregation.Function(rawValue: word) != nil
                || VectorAggregation.Function(rawValue: word) != nil || word == "vector"
            return isFunction && next.kind == .symbol("(") ? word.uppercased() : "IDENTIFIER"
        case .string: return "STRING"
        case .number(let text):
            let bytes = Array(text.utf8)[...]
            if Double(text) != nil { return "NUMBER" }
            return LogQLQuantity.durationNanos(bytes) == nil ? "BYTES" : "DURATION"
        case .symbol("["): return "RANGE"
        case .symbol(let text): return text
        case .flag: return "PARSER_FLAG"
        case .end: return "$end"
        }
    }

    /// Words that are no names to Loki's grammar.
    private static let keywords: Set<String> = [
        "and", "bool", "by", "decolorize", "drop", "group_left", "group_right", "ignoring", "ip",
        "json", "keep", "label_format", "label_replace", "line_format", "logfmt", "of", "offset",
        "on", "or", "pattern", "regexp", "unless", "unpack", "unwrap", "variants", "without",
    ]
}

/// How LogQL writes strings and numbers.
enum LogQLText {
    /// In double quotes, with Go's escapes.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F {
                    let hex = String(scalar.value, radix: 16)
                    result += hex.count < 2 ? "\\x0\(hex)" : "\\x\(hex)"
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    /// The shortest text that reads back as `value`; whole numbers without a point.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return "\(value)"
    }

    /// `1h30m`, `250ms`; `0s` for none. nanos: 0 or more.
    static func duration(nanos: Int64) -> String {
        if nanos == 0 { return "0s" }
        var rest = nanos
        var result = ""
        let units: [(Int64, String)] = [
            (3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"),
            (1_000_000, "ms"), (1_000, "us"), (1, "ns"),
        ]
        for (size, unit) in units where rest >= size {
            result += "\(rest / size)\(unit)"
            rest %= size
        }
        return result
    }
}
