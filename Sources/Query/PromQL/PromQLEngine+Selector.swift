package import Model

extension PromQLEngine {
    /// The matchers of a bare selector, as in the parameter `match[]`: `up{job="a"}`. Throws
    /// `parse` for anything else.
    package static func parseSelector(_ text: String) throws(QueryError) -> [Matcher] {
        guard case .vector(let selector) = try parseOnly(text), selector.shift.isNone,
            selector.others.isEmpty, selector.boundary == .plain
        else {
            throw .parse(
                message: "a bare series selector is expected",
                position: QueryPosition(offset: 0, in: Array(text.utf8)))
        }
        return selector.matchers
    }

    /// What the selectors of a query ask for, each, in the order of the text. Throws `parse`.
    package static func selectors(of text: String) throws(QueryError) -> [Selector] {
        var selectors: [Selector] = []
        try parseOnly(text).forEachSelector { selectors.append($0.selector) }
        return selectors
    }
}

extension PromQLExpr {
    /// Calls `body` for every selector in the tree, from left to right.
    package func forEachSelector(_ body: (VectorSelector) -> Void) {
        switch self {
        case .number, .string: break
        case .vector(let node): body(node)
        case .matrix(let node): body(node.selector)
        case .subquery(let node): node.inner.forEachSelector(body)
        case .parens(let node): node.inner.forEachSelector(body)
        case .unary(let node): node.operand.forEachSelector(body)
        case .call(let node): for one in node.arguments { one.forEachSelector(body) }
        case .aggregate(let node):
            node.parameter?.forEachSelector(body)
            node.operand.forEachSelector(body)
        case .binary(let node):
            node.left.forEachSelector(body)
            node.right.forEachSelector(body)
        }
    }
}
