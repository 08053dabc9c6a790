/// Which fields of its data a template reads.
struct TemplateFields {
    private var names: Set<String>? = []

    /// Names of the first step of each path; nil when it looks at the data as a whole, or at
    /// something that may be it.
    static func names(of template: Template) -> Set<String>? {
        var fields = TemplateFields()
        fields.visit(template.root, isRoot: true)
        for nodes in template.definitions.values { fields.visit(nodes, isRoot: true) }
        return fields.names
    }

    /// `isRoot`: whether dot is the data.
    private mutating func visit(_ nodes: [TemplateNode], isRoot: Bool) {
        for node in nodes {
            switch node {
            case .text, .breakLoop, .continueLoop: break
            case .action(let pipeline): visit(pipeline, isRoot: isRoot)
            case .branch(let branch):
                visit(branch.pipeline, isRoot: isRoot)
                visit(branch.body, isRoot: isRoot && branch.kind == .condition)
                visit(branch.otherwise, isRoot: isRoot)
            case .template(_, let pipeline, _):
                if let pipeline { visit(pipeline, isRoot: isRoot) }
            }
        }
    }

    private mutating func visit(_ pipeline: TemplatePipeline, isRoot: Bool) {
        for command in pipeline.commands {
            for operand in command.operands { visit(operand, isRoot: isRoot) }
        }
    }

    private mutating func visit(_ operand: TemplateOperand, isRoot: Bool) {
        switch operand.kind {
        case .dot: if isRoot { names = nil }
        case .field(let path): if isRoot { names?.insert(path[0]) }
        case .variable("$", let path):
            if let first = path.first { names?.insert(first) } else { names = nil }
        case .variable, .none, .bool, .number, .text, .function: break
        case .pipeline(let pipeline): visit(pipeline, isRoot: isRoot)
        case .chain(let term, _): visit(term, isRoot: isRoot)
        }
    }
}
