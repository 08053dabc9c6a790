internal import Model

/// Words instead of a language: `failed payment` finds lines with both, `"failed payment"` the
/// phrase, in all streams. What starts with `{`, or reads as a metric query, is LogQL.
package enum LogSearch {
    /// Case counts, as in grep, unless `ignoresCase`. Throws like `LogQLQuery`.
    package static func compile(
        _ text: String, ignoresCase: Bool = false
    ) throws(QueryError) -> LogQLQuery {
        if isQuery(text) { return try LogQLQuery(text) }
        let stages = words(of: text).map { word -> PipelineStage in
            let needle = ignoresCase ? "(?i)" + quotedExpression(word) : word
            return .lineFilter(
                LineFilterExpression(
                    operation: ignoresCase ? .matches : .contains,
                    alternatives: [.init(text: needle, isAddress: false)]))
        }
        guard text.utf8.count <= LogQLLexer.queryBytesMax else {
            throw .limit(name: "query.text_bytes_max", allowed: LogQLLexer.queryBytesMax)
        }
        guard stages.count <= LogQLParser.stagesMax else {
            throw .limit(name: "query.pipeline_stages_max", allowed: LogQLParser.stagesMax)
        }
        return LogQLQuery(.log(LogExpression(matchers: [], stages: stages)))
    }

    /// Whether `text` is meant as LogQL: a selector comes first, or a function that holds one.
    static func isQuery(_ text: String) -> Bool {
        let trimmed = text.drop { $0 == " " || $0 == "\t" || $0 == "\n" }
        if trimmed.first == "{" { return true }
        let name = trimmed.prefix { $0.isLetter || $0 == "_" }.lowercased()
        let isFunction =
            RangeAggregation.Function(rawValue: name) != nil
            || VectorAggregation.Function(rawValue: name) != nil
            || name == "label_replace" || name == "variants"
        return isFunction && trimmed.contains("{") && trimmed.contains("(")
    }

    /// Words as a shell would cut them: blanks part, double quotes keep together. A quote that is
    /// not closed holds to the end.
    static func words(of text: String) -> [String] {
        var result: [String] = []
        var word = ""
        var isQuoted = false
        for character in text {
            if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted, character.isWhitespace {
                if !word.isEmpty { result.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        if !word.isEmpty { result.append(word) }
        return result
    }

    static func quotedExpression(_ word: String) -> String {
        var result = ""
        for character in word {
            if "\\.+*?()|[]{}^$".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }
}
