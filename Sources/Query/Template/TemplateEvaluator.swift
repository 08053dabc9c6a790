/// Carries out a template. Stops at the first error.
///
/// Source: Go, text/template/exec.go.
struct TemplateEvaluator {
    /// What comes behind a node.
    private enum Flow { case next, breakLoop, continueLoop }

    let template: Template
    let context: TemplateContext
    private(set) var output: [UInt8]
    private let start: Int
    private let data: TemplateValue
    private var variables: [(name: String, value: TemplateValue)]
    private var stepCount = 0
    private var depth = 0
    /// Where it is, for errors: a number of `Template.places`, and the template's name.
    var place = 0
    private var executing: [UInt8]

    init(
        _ template: Template, _ context: TemplateContext, _ data: TemplateValue, output: [UInt8]
    ) {
        self.template = template
        self.context = context
        self.data = data
        self.output = output
        start = output.count
        variables = [("$", data)]
        executing = Array(template.name.utf8)
    }

    mutating func run() throws(TemplateError) {
        do {
            _ = try walk(template.root, data)
        } catch {
            output.removeLast(output.count - start)
            throw error
        }
    }

    private mutating func walk(
        _ nodes: [TemplateNode], _ dot: TemplateValue
    ) throws(TemplateError) -> Flow {
        for node in nodes {
            try step()
            switch node {
            case .text(let bytes): try append(bytes)
            case .action(let pipeline):
                place = pipeline.place
                let value = try value(of: pipeline, dot)
                if pipeline.declared.isEmpty {
                    place = pipeline.place
                    try print(value)
                }
            case .branch(let branch):
                place = branch.place
                let flow =
                    branch.kind == .range
                    ? try loop(branch, dot) : try choose(branch, dot)
                if flow != .next { return flow }
            case .template(let name, let pipeline, let place):
                self.place = place
                try call(name, pipeline, dot)
            case .breakLoop: return .breakLoop
            case .continueLoop: return .continueLoop
            }
        }
        return .next
    }

    mutating func step() throws(TemplateError) {
        stepCount += 1
        if stepCount > context.limits.stepsMax {
            throw problem("the template takes more than \(context.limits.stepsMax) steps")
        }
    }

    private mutating func append(_ bytes: [UInt8]) throws(TemplateError) {
        guard output.count - start + bytes.count <= context.limits.outputBytesMax else {
            throw problem(
                "the output is longer than \(context.limits.outputBytesMax) bytes")
        }
        output += bytes
    }

    private mutating func print(_ value: TemplateValue) throws(TemplateError) {
        switch value {
        case .text(let bytes): try append(bytes)
        case .none: try append(Array("<no value>".utf8))
        default: try append(GoFormat.plain(value))
        }
    }

    private mutating func choose(
        _ branch: TemplateBranch, _ dot: TemplateValue
    ) throws(TemplateError) -> Flow {
        let mark = variables.count
        defer { variables.removeLast(variables.count - mark) }
        let value = try value(of: branch.pipeline, dot)
        guard value.isTrue else { return try walk(branch.otherwise, dot) }
        return try walk(branch.body, branch.kind == .with ? value : dot)
    }

    private mutating func loop(
        _ branch: TemplateBranch, _ dot: TemplateValue
    ) throws(TemplateError) -> Flow {
        let mark = variables.count
        defer { variables.removeLast(variables.count - mark) }
        let value = try value(of: branch.pipeline, dot)
        var hasRun = false
        switch value {
        case .list(let values):
            for (index, value) in values.enumerated() {
                hasRun = true
                if try round(branch, .int(Int64(index)), value) { break }
            }
        case .map(let map) where !map.kind.isRecord:
            for key in map.keys {
                hasRun = true
                if try round(branch, .text(key), map[key]) { break }
            }
        case .int(let count):
            var index: Int64 = 0
            while index < count {
                hasRun = true
                if try round(branch, .int(index), .int(index)) { break }
                index += 1
            }
        case .none: break
        default:
            let text = String(decoding: GoFormat.plain(value), as: UTF8.self)
            throw problem("range can't iterate over \(text)")
        }
        return hasRun ? .next : try walk(branch.otherwise, dot)
    }

    /// One round of a loop; true to leave it.
    private mutating func round(
        _ branch: TemplateBranch, _ index: TemplateValue, _ value: TemplateValue
    ) throws(TemplateError) -> Bool {
        try step()
        let declared = branch.pipeline.declared
        if let last = declared.last { try assign(last, value) }
        if declared.count > 1 { try assign(declared[0], index) }
        let mark = variables.count
        defer { variables.removeLast(variables.count - mark) }
        return try walk(branch.body, value) == .breakLoop
    }

    private mutating func call(
        _ name: [UInt8], _ pipeline: TemplatePipeline?, _ dot: TemplateValue
    ) throws(TemplateError) {
        guard let nodes = template.nodes(name) else {
            throw problem("template \(GoText.quoted(name)) not defined")
        }
        var argument = TemplateValue.none
        if let pipeline { argument = try value(of: pipeline, dot) }
        try run(nodes, name, argument)
    }

    /// Carries out nodes with variables of their own.
    private mutating func run(
        _ nodes: [TemplateNode], _ name: [UInt8], _ dot: TemplateValue
    ) throws(TemplateError) {
        guard depth < context.limits.depthMax else {
            throw problem("exceeded maximum template depth (\(context.limits.depthMax))")
        }
        depth += 1
        let outer = (variables, executing)
        variables = [("$", dot)]
        executing = name
        _ = try walk(nodes, dot)
        (variables, executing) = outer
        depth -= 1
    }

    /// The output of template `name`.
    mutating func expansion(
        _ name: [UInt8], _ dot: TemplateValue
    ) throws(TemplateError) -> [UInt8] {
        guard let nodes = template.nodes(name) else {
            throw problem("template \(GoText.quoted(name)) not defined")
        }
        let mark = output.count
        try run(nodes, name, dot)
        let result = Array(output[mark...])
        output.removeLast(output.count - mark)
        return result
    }

    func problem(_ message: String, wantedQuery: String? = nil) -> TemplateError {
        template.problem(message, at: place, executing: executing, wantedQuery: wantedQuery)
    }
}

/// Variables.
extension TemplateEvaluator {
    mutating func declare(_ name: String, _ value: TemplateValue) {
        variables.append((name, value))
    }

    mutating func assign(_ name: String, _ value: TemplateValue) throws(TemplateError) {
        guard let index = variables.lastIndex(where: { $0.name == name }) else {
            throw problem("undefined variable: \(name)")
        }
        variables[index].value = value
    }

    func variable(_ name: String) throws(TemplateError) -> TemplateValue {
        guard let found = variables.last(where: { $0.name == name }) else {
            throw problem("undefined variable: \(name)")
        }
        return found.value
    }
}
