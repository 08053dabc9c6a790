/// Values of pipelines, commands and operands.
extension TemplateEvaluator {
    /// Declares or sets the pipeline's variables too.
    mutating func value(
        of pipeline: TemplatePipeline, _ dot: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        place = pipeline.place
        var value: TemplateValue?
        for command in pipeline.commands { value = try self.value(of: command, dot, value) }
        let result = value ?? .none
        for name in pipeline.declared {
            if pipeline.isAssignment { try assign(name, result) } else { declare(name, result) }
        }
        return result
    }

    /// `final`: the value of the command before, which becomes the last argument.
    private mutating func value(
        of command: TemplateCommand, _ dot: TemplateValue, _ final: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        try step()
        let first = command.operands[0]
        let arguments = command.operands[1...]
        switch first.kind {
        case .function(let name):
            place = first.place
            return try call(name, arguments, final, dot, at: command.place)
        case .field(let names):
            return try fields(names, of: dot, arguments, final, dot, at: first.place)
        case .variable(let name, let names) where !names.isEmpty:
            place = first.place
            return try fields(
                names, of: try variable(name), arguments, final, dot, at: first.place)
        case .chain(let term, let names):
            place = first.place
            let receiver = try value(of: term, dot)
            return try fields(names, of: receiver, arguments, final, dot, at: first.place)
        case .pipeline(let inner):
            try refuse(arguments, final, of: first)
            return try value(of: inner, dot)
        case .none:
            place = first.place
            try refuse(arguments, final, of: first)
            throw problem("nil is not a command")
        case .variable, .dot, .bool, .number, .text:
            place = first.place
            try refuse(arguments, final, of: first)
            return try value(of: first, dot)
        }
    }

    private func refuse(
        _ arguments: ArraySlice<TemplateOperand>, _ final: TemplateValue?,
        of operand: TemplateOperand
    ) throws(TemplateError) {
        guard arguments.isEmpty, final == nil else {
            throw problem(
                "can't give argument to non-function \(template.context(operand.place))")
        }
    }

    /// An operand's value where nothing particular is wanted.
    mutating func value(
        of operand: TemplateOperand, _ dot: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        place = operand.place
        switch operand.kind {
        case .dot: return dot
        case .none: return .none
        case .bool(let value): return .bool(value)
        case .text(let bytes): return .text(bytes)
        case .number(let number):
            if number.isFloat, let float = number.float { return .float(float) }
            return .int(number.int ?? 0)
        case .field(let names): return try fields(names, of: dot, [], nil, dot, at: operand.place)
        case .variable(let name, let names):
            let receiver = try variable(name)
            if names.isEmpty { return receiver }
            return try fields(names, of: receiver, [], nil, dot, at: operand.place)
        case .function(let name): return try call(name, [], nil, dot, at: operand.place)
        case .pipeline(let pipeline): return try value(of: pipeline, dot)
        case .chain(let term, let names):
            let receiver = try value(of: term, dot)
            return try fields(names, of: receiver, [], nil, dot, at: operand.place)
        }
    }

    /// `.a.b.c`, the last of which may be a method that takes the arguments.
    private mutating func fields(
        _ names: [String], of receiver: TemplateValue, _ arguments: ArraySlice<TemplateOperand>,
        _ final: TemplateValue?, _ dot: TemplateValue, at place: Int
    ) throws(TemplateError) -> TemplateValue {
        self.place = place
        var value = receiver
        for (index, name) in names.enumerated() {
            let isLast = index == names.count - 1
            value = try field(
                name, of: value, isLast ? arguments : [], isLast ? final : nil, dot, at: place)
        }
        return value
    }

    private mutating func field(
        _ name: String, of receiver: TemplateValue, _ arguments: ArraySlice<TemplateOperand>,
        _ final: TemplateValue?, _ dot: TemplateValue, at place: Int
    ) throws(TemplateError) -> TemplateValue {
        if case .none = receiver { return .none }
        if let method = TemplateMethods.method(name, of: receiver) {
            return try call(method, name, arguments, final, dot, receiver, at: place)
        }
        guard case .map(let map) = receiver else {
            throw problem("can't evaluate field \(name) in type \(receiver.typeName)")
        }
        guard arguments.isEmpty, final == nil else {
            throw problem("\(name) is not a method but has arguments")
        }
        let key = Array(name.utf8)
        if map.kind.isRecord, map.entries[key] == nil {
            throw problem("can't evaluate field \(name) in type \(receiver.typeName)")
        }
        return map[key]
    }

    private mutating func call(
        _ name: String, _ arguments: ArraySlice<TemplateOperand>, _ final: TemplateValue?,
        _ dot: TemplateValue, at place: Int
    ) throws(TemplateError) -> TemplateValue {
        guard let function = template.functions.table[name] else {
            throw problem("\(GoText.quoted(Array(name.utf8))) is not a defined function")
        }
        return try call(function, name, arguments, final, dot, nil, at: place)
    }

    /// `receiver`: of a method; it is its first argument.
    private mutating func call(
        _ function: TemplateFunction, _ name: String, _ arguments: ArraySlice<TemplateOperand>,
        _ final: TemplateValue?, _ dot: TemplateValue, _ receiver: TemplateValue?, at place: Int
    ) throws(TemplateError) -> TemplateValue {
        let given = arguments.count + (final == nil ? 0 : 1)
        let own = receiver == nil ? 0 : 1
        let wanted = function.parameters.count - own
        if function.rest != nil {
            guard given >= wanted else {
                throw problem(
                    "wrong number of args for \(name): want at least \(wanted) "
                        + "got \(arguments.count)")
            }
        } else if given != wanted {
            throw problem("wrong number of args for \(name): want \(wanted) got \(given)")
        }
        if case .firstThatIs(let truth) = function.kind {
            return try first(that: truth, arguments, final, dot)
        }
        var values: [TemplateValue] = []
        values.reserveCapacity(given + own)
        if let receiver { values.append(receiver) }
        for argument in arguments {
            let parameter = function.parameter(values.count)
            values.append(try self.argument(argument, dot, parameter))
        }
        if let final { values.append(try check(final, function.parameter(values.count))) }
        return try answer(function, name, values, at: place)
    }

    private mutating func first(
        that truth: Bool, _ arguments: ArraySlice<TemplateOperand>, _ final: TemplateValue?,
        _ dot: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        var value = TemplateValue.none
        for argument in arguments {
            value = try self.argument(argument, dot, .any)
            if value.isTrue == truth { return value }
        }
        return final ?? value
    }

    private mutating func answer(
        _ function: TemplateFunction, _ name: String, _ values: [TemplateValue], at place: Int
    ) throws(TemplateError) -> TemplateValue {
        switch function.kind {
        case .plain(let body):
            do throws(TemplateFailure) {
                let value = try body(values, context)
                if case .text(let bytes) = value, bytes.count > context.limits.outputBytesMax {
                    throw TemplateLimits.valueFailure
                }
                return value
            } catch {
                self.place = place
                throw problem(
                    "error calling \(name): \(error.message)", wantedQuery: error.wantedQuery)
            }
        case .template:
            guard case .text(let called) = values[0] else { return .none }
            return .text(try expansion(called, values[1]))
        case .firstThatIs:
            preconditionFailure("BUG: and, or are answered before")
        }
    }

    /// An argument, which must serve as `parameter`.
    private mutating func argument(
        _ operand: TemplateOperand, _ dot: TemplateValue, _ parameter: TemplateFunction.Parameter
    ) throws(TemplateError) -> TemplateValue {
        try step()
        place = operand.place
        switch (operand.kind, parameter) {
        case (.none, .any): return .none
        case (.none, .samples): return .list([])
        case (.none, _): throw problem("cannot assign nil to \(parameter.rawValue)")
        case (.bool, .any), (.text, .any), (.number, .any), (.bool, .bool), (.text, .text):
            return try value(of: operand, dot)
        case (.number(let number), .int):
            if let int = number.int { return .int(int) }
        case (.number(let number), .float):
            if let float = number.float { return .float(float) }
        case (.bool, _), (.text, _), (.number, _): break
        default:
            let value = try value(of: operand, dot)
            place = operand.place
            return try check(value, parameter)
        }
        let found = template.context(operand.place)
        switch parameter {
        case .int: throw problem("expected integer; found \(found)")
        case .float: throw problem("expected float; found \(found)")
        case .bool: throw problem("expected bool; found \(found)")
        case .text: throw problem("expected string; found \(found)")
        case .any, .time, .sample, .samples:
            throw problem("can't handle \(found) for arg of type \(parameter.rawValue)")
        }
    }

    private func check(
        _ value: TemplateValue, _ parameter: TemplateFunction.Parameter
    ) throws(TemplateError) -> TemplateValue {
        if parameter.accepts(value) { return value }
        if case .none = value {
            if parameter == .samples { return .list([]) }
            throw problem("invalid value; expected \(parameter.rawValue)")
        }
        throw problem(
            "wrong type for value; expected \(parameter.rawValue); got \(value.typeName)")
    }
}
