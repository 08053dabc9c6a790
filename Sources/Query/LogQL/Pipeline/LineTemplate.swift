/// The template of `line_format` and `label_format`: one of Go's text/template. Those that are
/// nothing but text and labels, which are most, are a list of parts that is put together without
/// the engine.
///
/// Source: Go, text/template; Loki 3, pkg/logql/log/fmt.go.
struct LineTemplate: Sendable {
    enum Part: Sendable, Equatable {
        case text([UInt8])
        case label(String)
        case line
    }

    enum Form: Sendable {
        case parts([Part])
        case engine(Template)
    }

    let form: Form
    /// Names of the labels that it reads; nil for any.
    let labels: Set<String>?

    /// Throws when `source` is no template. `name`: what errors call it, `line` or `label`.
    init(_ source: String, name: String = "line") throws(TemplateError) {
        let template = try Template(
            source, name: name, functions: LogTemplateFunctions.functions)
        if let parts = LineTemplate.parts(template.root) {
            form = .parts(parts)
        } else {
            form = .engine(template)
        }
        labels = TemplateFields.names(of: template)
    }

    /// Nil when there is more to it than texts and labels.
    private static func parts(_ nodes: [TemplateNode]) -> [Part]? {
        var parts: [Part] = []
        for node in nodes {
            switch node {
            case .text(let bytes): parts.append(.text(bytes))
            case .action(let pipeline):
                guard pipeline.declared.isEmpty, pipeline.commands.count == 1,
                    pipeline.commands[0].operands.count == 1
                else { return nil }
                switch pipeline.commands[0].operands[0].kind {
                case .field(let names) where names.count == 1: parts.append(.label(names[0]))
                case .function("__line__"): parts.append(.line)
                default: return nil
                }
            default: return nil
            }
        }
        return parts
    }
}

/// A template with its labels resolved.
struct LineTemplateStage: Sendable {
    private enum Form: Sendable {
        case parts([LineTemplate.Part], names: [Int])
        /// Labels by name and number; nil for all that the line has.
        case engine(Template, [(name: [UInt8], number: Int)]?)
    }

    private let form: Form
    private let context = TemplateContext()
    private let nowNanos: Int64?

    /// `nowNanos`: the query's time; nil for that of each line.
    init(_ template: LineTemplate, nowNanos: Int64?, names: inout FieldNames) {
        self.nowNanos = nowNanos
        switch template.form {
        case .parts(let parts):
            let numbers = parts.map { part -> Int in
                guard case .label(let name) = part else { return -1 }
                return names.number(of: name)
            }
            form = .parts(parts, names: numbers)
        case .engine(let engine):
            let labels = template.labels?.sorted().map { name in
                (name: Array(name.utf8), number: names.number(of: name))
            }
            form = .engine(engine, labels)
        }
    }

    /// Appends the text made of the line `text[range]` at `timestamp`, ns. What went wrong, and
    /// nothing appended, when the template can not be carried out.
    func render(
        _ text: [UInt8], _ range: Range<Int>, timestamp: Int64, _ fields: LineFields,
        into result: inout [UInt8]
    ) -> TemplateError? {
        switch form {
        case .parts(let parts, let names):
            for (index, part) in parts.enumerated() {
                switch part {
                case .text(let literal): result.append(contentsOf: literal)
                case .label: result.append(contentsOf: fields.bytes(of: names[index]))
                case .line: result.append(contentsOf: text[range])
                }
            }
            return nil
        case .engine(let template, let labels):
            var context = context
            context.line = Array(text[range])
            context.timestampNanos = timestamp
            context.nowNanos = nowNanos ?? timestamp
            do {
                try template.execute(
                    .map(LineTemplateStage.map(fields, labels)), context, into: &result)
                return nil
            } catch {
                return error
            }
        }
    }

    private static func map(
        _ fields: LineFields, _ labels: [(name: [UInt8], number: Int)]?
    ) -> TemplateMap {
        var map = TemplateMap(.texts)
        if let labels {
            for label in labels {
                guard let range = fields.value(of: label.number) else { continue }
                map.entries[label.name] = .text(Array(fields.arena[range]))
            }
            return map
        }
        fields.forEachLive { field in
            map.entries[Array(fields.names.bytes(field.name))] =
                .text(Array(fields.arena[field.value]))
        }
        return map
    }
}

extension LineTemplateStage {
    /// Nil when `text` is no template.
    static func make(
        _ text: String, name: String, nowNanos: Int64?, _ names: inout FieldNames
    ) -> LineTemplateStage? {
        do {
            return LineTemplateStage(
                try LineTemplate(text, name: name), nowNanos: nowNanos, names: &names)
        } catch {
            return nil
        }
    }
}
