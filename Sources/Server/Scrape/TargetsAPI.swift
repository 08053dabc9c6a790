internal import Ingest
internal import Model
internal import Query

/// Targets as Prometheus' API tells of them. A node of a cluster that does not scrape asks the one
/// that does. Source: Prometheus documentation, "HTTP API", targets.
package struct TargetsAPI: Sendable {
    let service: ScrapeService
    private let relay: DutyRelay

    /// `keeper`: address of HTTP of the node that scrapes; nil when this one does or nobody knows.
    package init(service: ScrapeService, keeper: @escaping @Sendable () -> String?) {
        self.service = service
        relay = DutyRelay(keeper: keeper)
    }

    func addRoutes(to table: inout RouteTable) {
        for prefix in ["/api/v1", "/prometheus/api/v1"] {
            table.add([.get], "\(prefix)/targets", .quick) { call in
                try await relay.answer(call, targets)
            }
            table.add([.get], "\(prefix)/targets/metadata", .quick) { call in
                try await relay.answer(call, metadata)
            }
            table.add([.get], "\(prefix)/scrape_pools", .quick) { call in
                try await relay.answer(call, pools)
            }
        }
    }

    /// By name; `call`'s tenant sees those of its own series.
    private func pools(of call: HTTPCall) -> [ScrapePool] {
        guard call.tenant == service.tenant else { return [] }
        return service.pools.sorted { $0.job.name.utf8.lexicographicallyPrecedes($1.job.name.utf8) }
    }

    package func targets(_ call: HTTPCall) throws -> HTTPAnswer {
        let state = call.parameters["state"]?.lowercased() ?? ""
        guard ["", "any", "active", "dropped"].contains(state) else {
            throw HTTPFailure.invalid("state", "active, dropped or any is allowed")
        }
        var pools = pools(of: call)
        if let name = call.parameters["scrapePool"], !name.isEmpty {
            pools = pools.filter { $0.job.name == name }
        }
        return .json(
            PrometheusJSON.success { json in
                json.raw("{\"activeTargets\":")
                TargetsJSON.writeActive(state == "dropped" ? [] : pools, to: &json)
                json.raw(",\"droppedTargets\":")
                TargetsJSON.writeDropped(state == "active" ? [] : pools, to: &json)
                json.raw(",\"droppedTargetCounts\":")
                TargetsJSON.writeCounts(pools, to: &json)
                json.raw("}")
            })
    }

    package func pools(_ call: HTTPCall) throws -> HTTPAnswer {
        .json(
            PrometheusJSON.success { json in
                json.raw("{\"scrapePools\":")
                json.array(pools(of: call).map(\.job.name))
                json.raw("}")
            })
    }

    /// What targets said of their metrics: `match_target`, `metric`, `limit`.
    package func metadata(_ call: HTTPCall) throws -> HTTPAnswer {
        let limit = try call.count("limit") ?? Int.max
        let metric = call.parameters["metric"] ?? ""
        var matchers: [[Matcher]] = []
        if let text = call.parameters["match_target"], !text.isEmpty {
            matchers = [try PromQLEngine.parseSelector(text)]
        }
        return .json(
            PrometheusJSON.success { json in
                json.raw("[")
                var count = 0
                for loop in pools(of: call).flatMap(\.loops) {
                    let status = loop.status
                    let labels = status.target.labels
                    guard
                        matchers.allSatisfy({ $0.allSatisfy { $0.matches(labels) } })
                    else { continue }
                    for name in status.metadata.keys.sorted()
                    where metric.isEmpty || name == metric {
                        guard count < limit, let entry = status.metadata[name] else { break }
                        if count > 0 { json.comma() }
                        count += 1
                        TargetsJSON.write(entry, of: labels, isNamed: metric.isEmpty, to: &json)
                    }
                }
                json.raw("]")
            })
    }
}
