package import Model

extension LogQLQuery {
    /// The matchers of a bare selector: `{app="shop"}`. Throws `parse` for anything else.
    package static func parseSelector(_ text: String) throws(QueryError) -> [Matcher] {
        guard case .log(let log) = try LogQLQuery(text).expression, log.stages.isEmpty else {
            throw .parse(
                message: "a bare stream selector is expected",
                position: QueryPosition(offset: 0, in: Array(text.utf8)))
        }
        return log.matchers
    }
}
