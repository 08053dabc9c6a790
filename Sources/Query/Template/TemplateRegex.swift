internal import Model

/// Replacing by regular expressions, as Go does it.
///
/// Source: Go, regexp/regexp.go (`ReplaceAllString`, `Expand`).
enum TemplateRegex {
    /// `$1`, `${1}` and `${name}` in `replacement` stand for groups unless `isLiteral`.
    static func replaceAll(
        _ pattern: [UInt8], _ text: [UInt8], _ replacement: [UInt8], isLiteral: Bool,
        _ context: TemplateContext
    ) throws(TemplateFailure) -> [UInt8] {
        let expression = try context.expressions.expression(pattern)
        let names = isLiteral ? [] : expression.groupNames
        var result: [UInt8] = []
        var copied = 0
        for groups in matches(expression, text) {
            guard let whole = groups[0] else { continue }
            result += text[copied..<whole.lowerBound]
            if isLiteral {
                result += replacement
            } else {
                expand(replacement, text, groups, names, into: &result)
            }
            copied = whole.upperBound
            guard result.count <= context.limits.outputBytesMax else {
                throw TemplateLimits.valueFailure
            }
        }
        return result + text[copied...]
    }

    static func count(
        _ pattern: [UInt8], _ text: [UInt8], _ context: TemplateContext
    ) throws(TemplateFailure) -> Int {
        matches(try context.expressions.expression(pattern), text).count
    }

    static func matches(
        _ pattern: [UInt8], _ text: [UInt8], _ context: TemplateContext
    ) throws(TemplateFailure) -> Bool {
        try context.expressions.expression(pattern).matches(in: text[...])
    }

    /// One behind the other; an empty match right behind another does not count.
    private static func matches(
        _ expression: RegularExpression, _ text: [UInt8]
    ) -> [[Range<Int>?]] {
        var result: [[Range<Int>?]] = []
        var from = 0
        var lastEnd = -1
        while from <= text.count {
            guard let groups = expression.firstMatch(in: text[...], from: from),
                let whole = groups[0]
            else { break }
            if whole.isEmpty {
                if whole.lowerBound != lastEnd { result.append(groups) }
                let place = whole.lowerBound
                if place == text.count { break }
                from = place + GoText.scalar(text[...], at: place).length
            } else {
                result.append(groups)
                from = whole.upperBound
            }
            lastEnd = whole.upperBound
        }
        return result
    }

    private static func expand(
        _ template: [UInt8], _ text: [UInt8], _ groups: [Range<Int>?], _ names: [String?],
        into result: inout [UInt8]
    ) {
        var index = 0
        while index < template.count {
            guard template[index] == UInt8(ascii: "$") else {
                result.append(template[index])
                index += 1
                continue
            }
            if index + 1 < template.count, template[index + 1] == UInt8(ascii: "$") {
                result.append(UInt8(ascii: "$"))
                index += 2
                continue
            }
            guard let (name, length) = reference(template[(index + 1)...]) else {
                result.append(UInt8(ascii: "$"))
                index += 1
                continue
            }
            if let group = group(name, groups.count, names), let range = groups[group] {
                result += text[range]
            }
            index += 1 + length
        }
    }

    /// The name behind a `$`, in braces or as long as it goes, and how many bytes it takes.
    private static func reference(_ bytes: ArraySlice<UInt8>) -> (String, Int)? {
        let isBraced = bytes.first == UInt8(ascii: "{")
        let name = bytes.dropFirst(isBraced ? 1 : 0).prefix {
            0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0 || $0 == 0x5F
        }
        guard !name.isEmpty else { return nil }
        if isBraced {
            guard name.endIndex < bytes.endIndex, bytes[name.endIndex] == UInt8(ascii: "}") else {
                return nil
            }
        }
        return (String(decoding: name, as: UTF8.self), name.count + (isBraced ? 2 : 0))
    }

    private static func group(_ name: String, _ count: Int, _ names: [String?]) -> Int? {
        if let number = Int(name) { return number < count ? number : nil }
        return names.firstIndex { $0 == name }.map { $0 + 1 }
    }
}
