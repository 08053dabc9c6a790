/// A piece of a template's text.
struct TemplateToken: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case text
        case leftDelimiter
        case rightDelimiter
        case blank
        case identifier
        case keyword
        /// `.name`
        case field
        /// `$name`
        case variable
        case dot
        case bool
        case number
        case character
        /// Both with their quotes.
        case string
        case rawString
        case pipe
        case leftParenthesis
        case rightParenthesis
        /// `:=`
        case declare
        /// `=`
        case assign
        /// Another printable character of ASCII.
        case symbol
        case end
    }

    static let keywords: Set<String> = [
        "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template",
        "with",
    ]

    var kind: Kind
    /// As it stands there; of text what is left after trimming.
    var text: [UInt8]
    /// Bytes from the start.
    var offset: Int

    var string: String { String(decoding: text, as: UTF8.self) }

    /// How an error names it.
    var description: String {
        if kind == .end { return "EOF" }
        if kind == .keyword { return "<\(string)>" }
        let quoted = GoText.quoted(Array(string.utf8))
        return text.count > 10
            ? GoText.quoted(Array(string.prefix(10).utf8)) + "..." : quoted
    }
}
