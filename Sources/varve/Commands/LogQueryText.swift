/// What is sent to the server for the words of a command line.
struct LogQueryText {
    /// LogQL, or words as the server takes them.
    let query: String
    /// To highlight in the output.
    let words: [String]

    /// `inverts`: lines that hold none of the words; only words can be inverted.
    init(words: [String], ignoresCase: Bool, inverts: Bool) throws(CommandFailure) {
        let joined = words.joined(separator: " ")
        let isLogQL = joined.first == "{" || joined.contains("({")
        guard !isLogQL else {
            if inverts { throw CommandFailure("-v goes with words; in LogQL write != or !~") }
            query = joined
            self.words = LogQueryText.quotedTexts(of: joined)
            return
        }
        self.words = words.flatMap { LogQueryText.terms(of: $0) }
        guard inverts else {
            query = words.map { word in
                // The shell took the quotes away that kept the words of a phrase together.
                word.contains(" ") && !word.contains("\"") ? "\"\(word)\"" : word
            }.joined(separator: " ")
            return
        }
        query =
            "{} "
            + self.words.map { word in
                ignoresCase
                    ? "!~ \(LogQueryText.quoted("(?i)" + LogQueryText.escaped(word)))"
                    : "!= \(LogQueryText.quoted(word))"
            }.joined(separator: " ")
    }

    /// The text cut at blanks outside of double quotes.
    private static func terms(of text: String) -> [String] {
        text.contains("\"")
            ? text.split(separator: "\"").map(String.init).filter { $0 != " " } : [text]
    }

    /// String literals behind line filters that look for text.
    private static func quotedTexts(of query: String) -> [String] {
        var texts: [String] = []
        for piece in query.components(separatedBy: "|=").dropFirst() {
            let trimmed = piece.drop { $0 == " " }
            guard let quote = trimmed.first, quote == "\"" || quote == "`" else { continue }
            texts.append(String(trimmed.dropFirst().prefix { $0 != quote }))
        }
        return texts
    }

    private static func quoted(_ text: String) -> String {
        let escaped = text.map { character in
            character == "\\" || character == "\"" ? "\\\(character)" : String(character)
        }
        return "\"\(escaped.joined())\""
    }

    private static func escaped(_ word: String) -> String {
        word.map { "\\.+*?()|[]{}^$".contains($0) ? "\\\($0)" : String($0) }.joined()
    }
}

extension String {
    /// The pieces between occurrences of `separator`.
    fileprivate func components(separatedBy separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
