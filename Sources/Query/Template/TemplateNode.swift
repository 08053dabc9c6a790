/// A template's tree. Each piece that an error may be about has a `place`: the number of what to
/// say of it in `TemplateTree.places`.
///
/// Source: Go, text/template/parse/node.go.
indirect enum TemplateNode: Sendable {
    case text([UInt8])
    case action(TemplatePipeline)
    case branch(TemplateBranch)
    /// `{{template "name" pipeline}}`
    case template(name: [UInt8], TemplatePipeline?, place: Int)
    case breakLoop
    case continueLoop
}

/// `if`, `with` and `range`.
struct TemplateBranch: Sendable {
    enum Kind: Sendable { case condition, with, range }

    var kind: Kind
    var pipeline: TemplatePipeline
    var body: [TemplateNode]
    var otherwise: [TemplateNode]
    var place: Int
}

/// `$a, $b := command | command`
struct TemplatePipeline: Sendable {
    /// Variables, with their `$`.
    var declared: [String]
    /// `=` instead of `:=`.
    var isAssignment: Bool
    var commands: [TemplateCommand]
    var place: Int
}

/// Operands one behind the other: a function and its arguments, or a value.
struct TemplateCommand: Sendable {
    var operands: [TemplateOperand]
    var place: Int
}

/// A word of a command.
struct TemplateOperand: Sendable {
    indirect enum Kind: Sendable {
        case dot
        case none
        case bool(Bool)
        case number(TemplateNumber)
        case text([UInt8])
        /// `.a.b`
        case field([String])
        /// `$a.b`, with the `$`.
        case variable(String, [String])
        case function(String)
        case pipeline(TemplatePipeline)
        /// Fields of something in parentheses, or of a function's answer.
        case chain(TemplateOperand, [String])
    }

    var kind: Kind
    var place: Int
}

/// A number as written: what it may serve as depends on what is wanted.
struct TemplateNumber: Sendable, Equatable {
    var int: Int64?
    var float: Double?
    /// What it is where nothing is wanted.
    var isFloat: Bool
}

/// What to say of a piece in an error.
struct TemplatePlace: Sendable, Equatable {
    /// Bytes from the start of the text.
    var offset: Int
    /// The piece as Go would print it.
    var context: String
}
