internal import Cluster
internal import Model
internal import Query

/// `/api/v1/logs/explain`: what a search would read of the shards on this node, and what kept it from
/// reading the rest.
///
/// Parameters: `query` (LogQL of lines, or words), `ignore_case=1`, `start`, `end`.
///
///     {"status":"success","data":{"query":"…","words":"\"payment\" and \"failed…\"","shards":[
///       {"shard":3,"segmentsOutOfTime":4,"sources":[{"name":"l-….log","streams":2,"blocks":90,
///        "inTime":40,"ofStreams":12,"toRead":1,"bytes":131072}]}]}}
struct LogPlanAPI: Sendable {
    let node: Node
    let context: QueryContext

    func addRoutes(to table: inout RouteTable) {
        table.add([.get, .post], "/api/v1/logs/explain", .query, explain)
    }

    private func explain(_ call: HTTPCall) async throws -> HTTPAnswer {
        let query = try LogSearch.compile(
            try call.required("query"), ignoresCase: call.parameters["ignore_case"] == "1")
        let end = try call.logTime("end", context.now().advanced(byNanos: 1))
        let start = try call.logTime("start", end.advanced(byNanos: -LokiAPI.spanNanosStandard))
        let request = try LogQLEngine.lineRequest(
            of: LogQLRequest(
                tenant: call.tenant, query: query, start: start, end: end,
                budget: try context.budget(for: call)))
        let (words, shards) = try node.plan(request)
        return .json(
            PrometheusJSON.success { json in
                json.raw("{\"query\":")
                json.string(query.description)
                json.raw(",\"words\":")
                json.string(words)
                json.raw(",\"shards\":[")
                for (index, shard) in shards.enumerated() {
                    if index > 0 { json.comma() }
                    json.raw("{\"shard\":\(shard.shard)")
                    json.raw(",\"segmentsOutOfTime\":\(shard.segmentsOutOfTime),\"sources\":[")
                    for (index, source) in shard.sources.enumerated() {
                        if index > 0 { json.comma() }
                        json.raw("{\"name\":")
                        json.string(source.name)
                        json.raw(",\"streams\":\(source.streamCount)")
                        json.raw(",\"blocks\":\(source.blockCount)")
                        json.raw(",\"inTime\":\(source.blocksInTime)")
                        json.raw(",\"ofStreams\":\(source.blocksOfStreams)")
                        json.raw(",\"toRead\":\(source.blocksToRead)")
                        json.raw(",\"bytes\":\(source.bytesToRead)")
                        if let problem = source.problem {
                            json.raw(",\"problem\":")
                            json.string(problem)
                        }
                        json.raw("}")
                    }
                    json.raw("]}")
                }
                json.raw("]}")
            })
    }
}
