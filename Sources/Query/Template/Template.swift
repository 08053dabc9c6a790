/// A template in the language of Go's text/template, read and ready to be carried out.
///
/// Source: Go, text/template (doc.go says what the language is).
struct Template: Sendable {
    /// The name in errors.
    let name: String
    let source: [UInt8]
    let root: [TemplateNode]
    /// What `define` and `block` gave names.
    let definitions: [[UInt8]: [TemplateNode]]
    let functions: TemplateFunctions
    private let places: [TemplatePlace]

    init(
        _ source: String, name: String, functions: TemplateFunctions
    ) throws(TemplateError) {
        var parser = try TemplateParser(name: name, source: source, functions: functions)
        self.name = name
        self.source = parser.source
        root = try parser.root()
        definitions = parser.definitions
        places = parser.places
        self.functions = functions
    }

    /// The output for `data`, appended to `output`, which is left as it was on an error.
    func execute(
        _ data: TemplateValue, _ context: TemplateContext, into output: inout [UInt8]
    ) throws(TemplateError) {
        var evaluator = TemplateEvaluator(self, context, data, output: output)
        output = []
        defer { output = evaluator.output }
        try evaluator.run()
    }

    /// The nodes of template `name`.
    func nodes(_ name: [UInt8]) -> [TemplateNode]? {
        if let nodes = definitions[name] { return nodes }
        return name.elementsEqual(self.name.utf8) ? root : nil
    }

    /// A piece as Go would print it.
    func context(_ place: Int) -> String { places[place].context }

    /// `message` with where it happened: `executing` is the name of the template around `place`.
    func problem(
        _ message: String, at place: Int, executing: [UInt8], wantedQuery: String? = nil
    ) -> TemplateError {
        let offset = min(places[place].offset, source.count)
        let before = source[..<offset]
        let line = 1 + before.count { $0 == 0x0A }
        let column = offset - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0)
        var context = places[place].context
        if context.utf8.count > 20 {
            context = String(decoding: context.utf8.prefix(20), as: UTF8.self) + "..."
        }
        return TemplateError(
            "template: \(name):\(line):\(column): executing \(GoText.quoted(executing)) "
                + "at <\(context)>: \(message)", wantedQuery: wantedQuery)
    }
}
