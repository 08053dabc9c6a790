package import Model

extension LogQLQuery {
    /// The matchers of a bare selector: `{app="shop"}`. Throws `parse` for anything else.
    package static func parseSelector(_ text: String) throws(QueryError) -> [Matcher] {
        guard case .log(let log) = try LogQLQuery(text).expression, log.stages.isEmpty,
            log.ending == nil
        else {
            throw .parse(
                message: "only label matchers are supported",
                position: QueryPosition(offset: 0, in: Array(text.utf8), style: .loki))
        }
        return log.matchers
    }

    /// What `{app="shop"} |= "token"` selects: matchers and line filters. Throws `parse` for
    /// anything that looks into lines in another way.
    package static func parseLineSelection(
        _ text: String
    ) throws(QueryError) -> (matchers: [Matcher], filters: [LineFilter]) {
        if case .log(let log) = try LogQLQuery(text).expression, log.ending == nil {
            let pipeline = LogPipeline(log, needs: .all, now: nil)
            if pipeline.isIdentity { return (log.matchers, pipeline.headFilters) }
        }
        throw .parse(
            message: "a stream selector with line filters is expected",
            position: QueryPosition(offset: 0, in: Array(text.utf8), style: .loki))
    }
}
