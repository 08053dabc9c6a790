internal import Model

/// What a person looks for in lines, with grep's habits. Becomes LogQL, so that every endpoint and a
/// file on standard input understand the same by it.
package struct LogTerms: Sendable {
    /// A `{selector}` or a whole query, words behind it, or only words: a line must hold all of them.
    package var words: [String] = []
    /// A line must hold one of them. Regular expressions unless `areFixed`.
    package var patterns: [String] = []
    package var areFixed = false
    /// Only where no letter, digit or underscore stands before and after.
    package var areWhole = false
    package var ignoresCase = false
    /// Lines that hold none of the words and patterns.
    package var isInverted = false

    package init() {}

    /// Throws as `LogQLQuery`, and `execution` for what no query can say.
    package func query() throws(QueryError) -> LogQLQuery {
        let (head, rest) = try LogTerms.split(words)
        let texts = rest.flatMap { $0.contains("\"") ? LogSearch.words(of: $0) : [$0] }
        guard let head else {
            return try LogTerms.query(LogExpression(matchers: [], stages: stages(texts)))
        }
        if texts.isEmpty, patterns.isEmpty {
            guard !isInverted else {
                throw .execution(message: "-v goes with words; in LogQL write != or !~")
            }
            return head
        }
        guard case .log(var log) = head.expression else {
            throw .execution(message: "words go with a selector, not with a query about numbers")
        }
        log.stages += stages(texts)
        return try LogTerms.query(log)
    }

    /// The query that the words begin with, if they do, and the others.
    private static func split(
        _ words: [String]
    ) throws(QueryError) -> (head: LogQLQuery?, rest: [String]) {
        let joined = words.joined(separator: " ")
        guard LogSearch.isQuery(joined) else { return (nil, words) }
        do {
            return (try LogQLQuery(joined), [])
        } catch {
            // A selector with words behind it.
            let rest = Array(words.dropFirst())
            let isWord = rest.first.map { $0.first != "|" && $0.first != "!" } ?? false
            guard isWord, let first = words.first, let head = try? LogQLQuery(first) else {
                throw error
            }
            return (head, rest)
        }
    }

    private static func query(_ log: LogExpression) throws(QueryError) -> LogQLQuery {
        // Read again: limits and patterns are checked there.
        try LogQLQuery(LogQLQuery(.log(log)).description)
    }

    private func stages(_ texts: [String]) -> [PipelineStage] {
        var filters = texts.map { filter([$0], isPattern: false) }
        if isInverted {
            filters += patterns.map { filter([$0], isPattern: !areFixed) }
        } else if !patterns.isEmpty {
            filters.append(filter(patterns, isPattern: !areFixed))
        }
        return filters.map { .lineFilter($0) }
    }

    private func filter(_ texts: [String], isPattern: Bool) -> LineFilterExpression {
        let isExpression = isPattern || areWhole || ignoresCase
        let operation: LineFilterExpression.Operation =
            switch (isExpression, isInverted) {
            case (true, false): .matches
            case (true, true): .notMatches
            case (false, false): .contains
            case (false, true): .notContains
            }
        return LineFilterExpression(
            operation: operation,
            alternatives: texts.map { text in
                guard isExpression else { return .init(text: text, isAddress: false) }
                var expression = isPattern ? text : LogSearch.quotedExpression(text)
                if areWhole { expression = "\\b(?:\(expression))\\b" }
                if ignoresCase { expression = "(?i)" + expression }
                return .init(text: expression, isAddress: false)
            })
    }
}

/// Where in a line is what a query looks for.
package struct LogMarks: Sendable {
    private let expressions: [RegularExpression]

    /// Of the filters that want something in the line.
    package init(_ query: LogQLQuery) {
        guard case .log(let log) = query.expression else {
            expressions = []
            return
        }
        expressions = log.stages.flatMap { stage -> [RegularExpression] in
            guard case .lineFilter(let filter) = stage else { return [] }
            let texts = filter.alternatives.filter { !$0.isAddress }.map(\.text)
            switch filter.operation {
            case .contains:
                return texts.compactMap { try? RegularExpression(LogSearch.quotedExpression($0)) }
            case .matches: return texts.compactMap { try? RegularExpression($0) }
            case .notContains, .notMatches, .pattern, .notPattern: return []
            }
        }
    }

    package var isEmpty: Bool { expressions.isEmpty }

    /// Ranges of bytes of `line`, ascending, apart from each other.
    package func ranges(in line: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        for expression in expressions {
            var start = 0
            while start < line.count,
                let match = expression.firstMatch(in: line[...], from: start)?[0]
            {
                if !match.isEmpty { found.append(match) }
                start = max(match.upperBound, start + 1)
            }
        }
        found.sort { $0.lowerBound < $1.lowerBound }
        var merged: [Range<Int>] = []
        for range in found {
            if let last = merged.last, range.lowerBound < last.upperBound {
                merged[merged.count - 1] =
                    last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }
}
