/// What stands between an operator and its right side: `bool`, `on`, `group_left`, `fill`.
extension PromQLParser {
    mutating func binaryModifiers(
        of node: inout PromQLExpr.Binary
    ) throws(QueryError) {
        if takeKeyword("bool") {
            guard node.operation.isComparison else {
                throw failure(
                    "bool modifier can only be used on comparison operators",
                    at: previous.range.lowerBound)
            }
            node.returnsBool = true
        }
        let isOn = isKeyword("on")
        if isOn || isKeyword("ignoring") {
            advance()
            node.matching.isOn = isOn
            node.matching.labels = try labelList()
            let isLeft = isKeyword("group_left")
            if isLeft || isKeyword("group_right") {
                advance()
                node.matching.cardinality = isLeft ? .manyToOne : .oneToMany
                if current.kind == .leftParen { node.matching.include = try labelList() }
            }
        } else if isKeyword("group_left") || isKeyword("group_right") {
            throw unexpected("in binary expression, expected on or ignoring before it")
        }
        try fillModifiers(of: &node.matching)
    }

    private mutating func fillModifiers(
        of matching: inout PromQLExpr.VectorMatching
    ) throws(QueryError) {
        while peek(1).kind == .leftParen {
            let isLeft = isKeyword("fill_left")
            let isRight = isKeyword("fill_right")
            guard isLeft || isRight || isKeyword("fill") else { return }
            advance()
            advance()
            let value = try signedNumber(in: "fill modifier")
            guard current.kind == .rightParen else {
                throw unexpected("in fill modifier, expected \")\"")
            }
            advance()
            if !isRight { matching.fillLeft = value }
            if !isLeft { matching.fillRight = value }
        }
    }

    private mutating func signedNumber(in context: String) throws(QueryError) -> Double {
        var sign = 1.0
        if current.kind == .subtract || current.kind == .add {
            if current.kind == .subtract { sign = -1 }
            advance()
        }
        let value: Double
        switch current.kind {
        case .number(let number): value = number
        case .duration(let nanos): value = Double(nanos) / 1e9
        case .identifier where isKeyword("inf"): value = .infinity
        case .identifier where isKeyword("nan"): value = .nan
        default: throw unexpected("in \(context), expected a number")
        }
        advance()
        return sign * value
    }
}
