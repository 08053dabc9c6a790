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
}
