/// The functions that Go's text/template has by itself.
///
/// Source: Go, text/template/funcs.go.
enum TemplateBuiltins {
    static let table: [String: TemplateFunction] = [
        "and": TemplateFunction([.any], rest: .any, kind: .firstThatIs(false)),
        "or": TemplateFunction([.any], rest: .any, kind: .firstThatIs(true)),
        "not": TemplateFunction([.any]) { (values, _) throws(TemplateFailure) in
            .bool(!values[0].isTrue)
        },
        "call": TemplateFunction([.any], rest: .any) { (values, _) throws(TemplateFailure) in
            throw TemplateFailure("non-function of type \(values[0].typeName)")
        },
        "html": escaper { TemplateEscapes.html($0) },
        "js": escaper { TemplateEscapes.javaScript($0) },
        "urlquery": escaper { TemplateEscapes.query($0) },
        "print": TemplateFunction([], rest: .any) { (values, _) throws(TemplateFailure) in
            .text(GoFormat.print(values))
        },
        "println": TemplateFunction([], rest: .any) { (values, _) throws(TemplateFailure) in
            .text(GoFormat.printLine(values))
        },
        "printf": TemplateFunction([.text], rest: .any) {
            (values, context) throws(TemplateFailure) in
            guard case .text(let format) = values[0] else { return .none }
            return .text(
                try GoFormat.print(
                    format, Array(values[1...]), atMost: context.limits.outputBytesMax))
        },
        "len": TemplateFunction([.any]) { (values, _) throws(TemplateFailure) in
            switch values[0] {
            case .text(let bytes): .int(Int64(bytes.count))
            case .list(let list): .int(Int64(list.count))
            case .map(let map) where !map.kind.isRecord: .int(Int64(map.entries.count))
            case .none: throw TemplateFailure("len of nil pointer")
            default: throw TemplateFailure("len of type \(values[0].typeName)")
            }
        },
        "index": TemplateFunction([.any], rest: .any) { (values, _) throws(TemplateFailure) in
            var value = values[0]
            for key in values.dropFirst() { value = try element(key, of: value) }
            return value
        },
        "slice": TemplateFunction([.any], rest: .any) { (values, _) throws(TemplateFailure) in
            try slice(values[0], values.dropFirst())
        },
        "eq": TemplateFunction([.any], rest: .any) { (values, _) throws(TemplateFailure) in
            guard values.count > 1 else {
                throw TemplateFailure("missing argument for comparison")
            }
            for other in values.dropFirst() where try TemplateOrder.isEqual(values[0], other) {
                return .bool(true)
            }
            return .bool(false)
        },
        "ne": comparison { (a, b) throws(TemplateFailure) in try !TemplateOrder.isEqual(a, b) },
        "lt": comparison { (a, b) throws(TemplateFailure) in try TemplateOrder.isLess(a, b) },
        "le": comparison { (a, b) throws(TemplateFailure) in
            if try TemplateOrder.isLess(a, b) { return true }
            return try TemplateOrder.isEqual(a, b)
        },
        "gt": comparison { (a, b) throws(TemplateFailure) in
            if try TemplateOrder.isLess(a, b) { return false }
            return try !TemplateOrder.isEqual(a, b)
        },
        "ge": comparison { (a, b) throws(TemplateFailure) in try !TemplateOrder.isLess(a, b) },
    ]

    private static func escaper(
        _ escape: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) -> TemplateFunction {
        TemplateFunction([], rest: .any) { (values, _) throws(TemplateFailure) in
            if values.count == 1, case .text(let bytes) = values[0] { return .text(escape(bytes)) }
            return .text(escape(GoFormat.print(values)))
        }
    }

    private static func comparison(
        _ compare:
            @escaping @Sendable (
                TemplateValue, TemplateValue
            ) throws(TemplateFailure) -> Bool
    ) -> TemplateFunction {
        TemplateFunction([.any, .any]) { (values, _) throws(TemplateFailure) in
            .bool(try compare(values[0], values[1]))
        }
    }

    /// One step of `index`.
    private static func element(
        _ key: TemplateValue, of value: TemplateValue
    ) throws(TemplateFailure) -> TemplateValue {
        switch value {
        case .none: throw TemplateFailure("index of untyped nil")
        case .map(let map) where !map.kind.isRecord:
            switch key {
            case .text(let bytes): return map[bytes]
            case .none: throw TemplateFailure("value is nil; should be of type string")
            default:
                throw TemplateFailure(
                    "value has type \(key.typeName); should be string")
            }
        case .list(let list): return list[try place(key, below: list.count)]
        case .text(let bytes):
            return .int(Int64(bytes[try place(key, below: bytes.count)]))
        default: throw TemplateFailure("can't index item of type \(value.typeName)")
        }
    }

    private static func place(
        _ key: TemplateValue, below count: Int
    ) throws(TemplateFailure) -> Int {
        guard case .int(let index) = key else {
            if case .none = key { throw TemplateFailure("cannot index slice/array with nil") }
            throw TemplateFailure("cannot index slice/array with type \(key.typeName)")
        }
        guard index >= 0, index < Int64(count) else {
            throw TemplateFailure("index out of range: \(index)")
        }
        return Int(index)
    }

    private static func slice(
        _ value: TemplateValue, _ keys: ArraySlice<TemplateValue>
    ) throws(TemplateFailure) -> TemplateValue {
        let count: Int
        switch value {
        case .none: throw TemplateFailure("slice of untyped nil")
        case .text(let bytes): count = bytes.count
        case .list(let list): count = list.count
        default: throw TemplateFailure("can't slice item of type \(value.typeName)")
        }
        guard keys.count <= 3 else {
            throw TemplateFailure("too many slice indexes: \(keys.count)")
        }
        if keys.count == 3, case .text = value {
            throw TemplateFailure("cannot 3-index slice a string")
        }
        var places: [Int] = []
        for key in keys { places.append(try place(key, below: count + 1)) }
        let start = places.first ?? 0
        let end = places.count > 1 ? places[1] : count
        guard start <= end else {
            throw TemplateFailure("invalid slice index: \(start) > \(end)")
        }
        if places.count > 2, end > places[2] {
            throw TemplateFailure("invalid slice index: \(end) > \(places[2])")
        }
        switch value {
        case .text(let bytes): return .text(Array(bytes[start..<end]))
        case .list(let list): return .list(Array(list[start..<end]))
        default: return .none
        }
    }
}

/// How values compare.
enum TemplateOrder {
    private static let badKinds = TemplateFailure("incompatible types for comparison")

    static func isEqual(
        _ a: TemplateValue, _ b: TemplateValue
    ) throws(TemplateFailure) -> Bool {
        switch (a, b) {
        case (.bool(let a), .bool(let b)): return a == b
        case (.int(let a), .int(let b)): return a == b
        case (.float(let a), .float(let b)): return a == b
        case (.text(let a), .text(let b)): return a == b
        case (.duration(let a), .duration(let b)), (.duration(let a), .int(let b)),
            (.int(let a), .duration(let b)):
            return a == b
        case (.time(let a), .time(let b)): return a == b
        case (.none, .none): return true
        case (.list, _), (.map, _):
            throw TemplateFailure("non-comparable type \(shown(a)): \(a.typeName)")
        case (_, .list), (_, .map):
            throw TemplateFailure("non-comparable type \(shown(b)): \(b.typeName)")
        case (.none, _), (_, .none): return false
        default: throw badKinds
        }
    }

    static func isLess(_ a: TemplateValue, _ b: TemplateValue) throws(TemplateFailure) -> Bool {
        switch (a, b) {
        case (.int(let a), .int(let b)): return a < b
        case (.float(let a), .float(let b)): return a < b
        case (.text(let a), .text(let b)): return a.lexicographicallyPrecedes(b)
        case (.duration(let a), .duration(let b)), (.duration(let a), .int(let b)),
            (.int(let a), .duration(let b)):
            return a < b
        case (.bool, .bool), (.time, _), (_, .time), (.list, _), (_, .list), (.map, _), (_, .map),
            (.none, _), (_, .none):
            throw TemplateFailure("invalid type for comparison")
        default: throw badKinds
        }
    }

    private static func shown(_ value: TemplateValue) -> String {
        String(decoding: GoFormat.plain(value), as: UTF8.self)
    }
}
