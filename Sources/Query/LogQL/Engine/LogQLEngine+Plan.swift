package import Model

extension LogQLEngine {
    /// What a log query asks the storage for. Errors: `execution` for one about numbers.
    package static func lineRequest(
        of request: LogQLRequest
    ) throws(QueryError) -> LineRequest {
        guard case .log(let log) = request.query.expression else {
            throw .execution(message: "only log queries can be explained")
        }
        let pipeline = LogPipeline(log, needs: .all, now: request.end)
        return LineRequest(
            tenant: request.tenant, selector: Selector(log.matchers), start: request.start,
            end: request.end, filters: pipeline.headFilters, budget: request.budget)
    }
}
