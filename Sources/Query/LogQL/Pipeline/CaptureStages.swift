internal import Model

/// `| regexp "(?P<name>…)"`: named groups of the first match become labels.
struct RegexpStage: Sendable {
    private let expression: RegularExpression
    /// Label number by group from 1, −1 for a group without a name or not needed.
    private let names: [Int]

    init(_ expression: RegularExpression, needs: FieldNeeds, names: inout FieldNames) {
        self.expression = expression
        var numbers: [Int] = []
        for name in expression.groupNames {
            if let name, needs.includes(name) {
                numbers.append(names.number(of: name))
            } else {
                numbers.append(-1)
            }
        }
        self.names = numbers
    }

    /// Reads `text[range]`.
    func apply(_ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields) {
        guard let groups = expression.firstMatch(in: text[range]) else { return }
        for (group, number) in names.enumerated() where number >= 0 {
            guard let found = groups[group + 1], let name = fields.parsedName(number)
            else { continue }
            fields.set(name, .parsed, text[found])
        }
    }
}

/// `| pattern "<ip> - <_>"`: captures become labels.
struct PatternStage: Sendable {
    private let pattern: LinePattern
    /// Label number by part of the pattern, −1 for what is not needed.
    private let names: [Int]

    init(_ pattern: LinePattern, needs: FieldNeeds, names: inout FieldNames) {
        self.pattern = pattern
        var numbers: [Int] = []
        for part in pattern.parts {
            if case .capture(let name?) = part, needs.includes(name) {
                numbers.append(names.number(of: name))
            } else {
                numbers.append(-1)
            }
        }
        self.names = numbers
    }

    /// Reads `text[range]`.
    func apply(_ text: [UInt8], _ range: Range<Int>, _ fields: inout LineFields) {
        pattern.captures(in: text, range) { part, found in
            let number = names[part]
            guard number >= 0, let name = fields.parsedName(number) else { return }
            fields.set(name, .parsed, text[found])
        }
    }
}
