/// The functions of `line_format` and `label_format`.
///
/// Source: Loki 3, pkg/logql/log/fmt.go and its documentation of template functions; sprig.
enum LogTemplateFunctions {
    static let functions = TemplateFunctions(
        texts.merging(numbers) { old, _ in old }.merging(times) { old, _ in old }
            .merging(conversions) { old, _ in old })

    typealias Values = [TemplateValue]

    /// A function of texts that answers with a text.
    static func text(
        _ count: Int,
        _ body: @escaping @Sendable ([[UInt8]]) throws(TemplateFailure) -> [UInt8]
    ) -> TemplateFunction {
        TemplateFunction([TemplateFunction.Parameter](repeating: .text, count: count)) {
            (values, _) throws(TemplateFailure) in
            .text(try body(values.map(\.bytes)))
        }
    }

    /// A question about two texts.
    private static func question(
        _ body: @escaping @Sendable ([UInt8], [UInt8]) -> Bool
    ) -> TemplateFunction {
        TemplateFunction([.text, .text]) { (values, _) throws(TemplateFailure) in
            .bool(body(values[0].bytes, values[1].bytes))
        }
    }

    private static let texts: [String: TemplateFunction] = [
        "__line__": TemplateFunction([]) { (_, context) throws(TemplateFailure) in
            .text(context.line)
        },
        "ToLower": text(1) { GoText.lowercased($0[0]) },
        "lower": text(1) { GoText.lowercased($0[0]) },
        "ToUpper": text(1) { GoText.uppercased($0[0]) },
        "upper": text(1) { GoText.uppercased($0[0]) },
        "title": text(1) { GoText.titled($0[0]) },
        "Trim": text(2) { GoText.trimmed($0[0], of: $0[1]) },
        "TrimLeft": text(2) { GoText.trimmed($0[0], right: false, of: $0[1]) },
        "TrimRight": text(2) { GoText.trimmed($0[0], left: false, of: $0[1]) },
        "TrimPrefix": text(2) { GoText.withoutPrefix($0[0], $0[1]) },
        "TrimSuffix": text(2) { GoText.withoutSuffix($0[0], $0[1]) },
        "TrimSpace": text(1) { GoText.trimmedSpace($0[0]) },
        "trim": text(1) { GoText.trimmedSpace($0[0]) },
        "trimAll": text(2) { GoText.trimmed($0[1], of: $0[0]) },
        "trimPrefix": text(2) { GoText.withoutPrefix($0[1], $0[0]) },
        "trimSuffix": text(2) { GoText.withoutSuffix($0[1], $0[0]) },
        "contains": question { GoText.contains($1, $0) },
        "hasPrefix": question { $1.starts(with: $0) },
        "hasSuffix": question { GoText.hasSuffix($1, $0) },
        "Replace": TemplateFunction([.text, .text, .text, .int]) {
            (values, context) throws(TemplateFailure) in
            .text(
                try GoText.replaced(
                    values[0].bytes, values[1].bytes, values[2].bytes, limit: values[3].number,
                    atMost: context.limits.outputBytesMax))
        },
        "replace": TemplateFunction([.text, .text, .text]) {
            (values, context) throws(TemplateFailure) in
            .text(
                try GoText.replaced(
                    values[2].bytes, values[0].bytes, values[1].bytes,
                    atMost: context.limits.outputBytesMax))
        },
        "regexReplaceAll": replacer(isLiteral: false),
        "regexReplaceAllLiteral": replacer(isLiteral: true),
        "count": TemplateFunction([.text, .text]) { (values, context) throws(TemplateFailure) in
            .int(
                Int64(try TemplateRegex.count(values[0].bytes, values[1].bytes, context)))
        },
        "repeat": TemplateFunction([.int, .text]) { (values, context) throws(TemplateFailure) in
            .text(
                try GoText.repeated(
                    values[1].bytes, values[0].number, atMost: context.limits.outputBytesMax))
        },
        "indent": TemplateFunction([.int, .text]) { (values, context) throws(TemplateFailure) in
            .text(try indented(values[1].bytes, values[0].number, context))
        },
        "nindent": TemplateFunction([.int, .text]) { (values, context) throws(TemplateFailure) in
            .text([0x0A] + (try indented(values[1].bytes, values[0].number, context)))
        },
        "trunc": TemplateFunction([.int, .text]) { (values, _) throws(TemplateFailure) in
            .text(truncated(values[1].bytes, values[0].number))
        },
        "substr": TemplateFunction([.int, .int, .text]) { (values, _) throws(TemplateFailure) in
            .text(try part(values[2].bytes, values[0].number, values[1].number))
        },
        "alignLeft": TemplateFunction([.int, .text]) { (values, context) throws(TemplateFailure) in
            .text(try aligned(values[1].bytes, values[0].number, isLeft: true, context))
        },
        "alignRight": TemplateFunction([.int, .text]) {
            (values, context) throws(TemplateFailure) in
            .text(try aligned(values[1].bytes, values[0].number, isLeft: false, context))
        },
    ]

    private static func replacer(isLiteral: Bool) -> TemplateFunction {
        TemplateFunction([.text, .text, .text]) { (values, context) throws(TemplateFailure) in
            .text(
                try TemplateRegex.replaceAll(
                    values[0].bytes, values[1].bytes, values[2].bytes, isLiteral: isLiteral,
                    context))
        }
    }

    private static func indented(
        _ bytes: [UInt8], _ count: Int, _ context: TemplateContext
    ) throws(TemplateFailure) -> [UInt8] {
        let limit = context.limits.outputBytesMax
        let pad = try GoText.repeated([0x20], count, atMost: limit)
        return pad + (try GoText.replaced(bytes, [0x0A], [0x0A] + pad, atMost: limit))
    }

    /// The first bytes, or the last for a negative count.
    private static func truncated(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
        if count < 0, count > -bytes.count { return Array(bytes.suffix(-count)) }
        return count >= 0 ? Array(bytes.prefix(count)) : bytes
    }

    private static func part(
        _ bytes: [UInt8], _ start: Int, _ end: Int
    ) throws(TemplateFailure) -> [UInt8] {
        let count = bytes.count
        let from = max(0, start)
        let to = start >= 0 && (end < 0 || end > count) ? count : end
        guard to >= 0, to <= count else {
            let side = to < 0 ? "[:\(to)]" : "[:\(to)] with length \(count)"
            throw TemplateFailure("runtime error: slice bounds out of range \(side)")
        }
        guard from <= to else {
            throw TemplateFailure("runtime error: slice bounds out of range [\(from):\(to)]")
        }
        return Array(bytes[from..<to])
    }

    /// To so many characters: filled up with blanks, or cut.
    private static func aligned(
        _ bytes: [UInt8], _ count: Int, isLeft: Bool, _ context: TemplateContext
    ) throws(TemplateFailure) -> [UInt8] {
        let length = GoText.scalarCount(bytes)
        if count < 0 || count == length { return bytes }
        if count > length {
            let pad = try GoText.repeated(
                [0x20], count - length, atMost: context.limits.outputBytesMax)
            return isLeft ? bytes + pad : pad + bytes
        }
        if isLeft { return Array(bytes[..<GoText.offset(ofScalar: count, in: bytes)]) }
        return Array(bytes[GoText.offset(ofScalar: length - count, in: bytes)...])
    }
}

extension TemplateValue {
    /// Of an argument that was asked for as a text.
    var bytes: [UInt8] {
        if case .text(let bytes) = self { bytes } else { [] }
    }

    /// Of an argument that was asked for as a whole number.
    var number: Int {
        if case .int(let value) = self { Int(value) } else { 0 }
    }
}
