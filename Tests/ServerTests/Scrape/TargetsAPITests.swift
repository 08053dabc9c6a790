import Model
import Server
import Testing

/// What the API says of targets.
@Suite struct TargetsAPITests {
    private static let text = """
        global: {scrape_interval: 10s, keep_dropped_targets: 1}
        scrape_configs:
        - job_name: b
          params: {q: [x]}
          static_configs:
          - {targets: ["web:1"]}
          - {targets: ["web:2", "web:3"], labels: {skip: "yes"}}
          relabel_configs:
          - {action: drop, source_labels: [skip], regex: "yes"}
        - job_name: a
          scrape_interval: 1m
          static_configs: [{targets: ["db:1"]}]
        """

    private static func world() async throws -> (ScrapeWorld, ScrapeService) {
        let world = ScrapeWorld()
        world.set("http://web:1/metrics?q=x", "# TYPE t counter\n# HELP t Help.\nt 1\n")
        world.set("http://db:1/metrics", "# TYPE t counter\n# UNIT u seconds\nu 1\n")
        let service = try await world.service(text)
        await world.pass(seconds: 60, service)
        return (world, service)
    }

    @Test func tellsOfTargets() async throws {
        let (world, service) = try await Self.world()
        let (active, dropped) = try world.targets(service)
        #expect(active.map { $0["scrapePool"] as? String } == ["a", "b"])
        let web = active[1]
        #expect(web["labels"] as? [String: String] == ["instance": "web:1", "job": "b"])
        #expect(
            (web["discoveredLabels"] as? [String: String])?["__param_q"] == "x")
        #expect(web["scrapeUrl"] as? String == "http://web:1/metrics?q=x")
        #expect(web["health"] as? String == "up")
        #expect(web["lastError"] as? String == "")
        #expect(web["scrapeInterval"] as? String == "10s")
        #expect(web["scrapeTimeout"] as? String == "10s")
        #expect((web["lastScrape"] as? String)?.hasPrefix("2023-11-14T22:1") == true)
        #expect(dropped.count == 1)
        #expect(dropped.first?["scrapePool"] as? String == "b")
        let api = TargetsAPI(service: service, keeper: { nil })
        let data = try world.data(api.targets(world.call("/api/v1/targets", [])))
        let counts = (data as? [String: Any])?["droppedTargetCounts"] as? [String: Int]
        #expect(counts == ["a": 0, "b": 2])
        await service.stop()
    }

    @Test func selectsTargets() async throws {
        let (world, service) = try await Self.world()
        #expect(try world.targets(service, [("state", "active")]).dropped.isEmpty)
        #expect(try world.targets(service, [("state", "dropped")]).active.isEmpty)
        #expect(try world.targets(service, [("scrapePool", "a")]).active.count == 1)
        #expect(throws: HTTPFailure.self) { try world.targets(service, [("state", "x")]) }
        await service.stop()
    }

    @Test func namesPools() async throws {
        let (world, service) = try await Self.world()
        let api = TargetsAPI(service: service, keeper: { nil })
        let data = try world.data(api.pools(world.call("/api/v1/scrape_pools", [])))
        #expect((data as? [String: [String]]) == ["scrapePools": ["a", "b"]])
        await service.stop()
    }

    @Test func tellsWhatTargetsSaidOfTheirMetrics() async throws {
        let (world, service) = try await Self.world()
        let api = TargetsAPI(service: service, keeper: { nil })
        func entries(_ parameters: [(String, String)]) throws -> [[String: Any]] {
            let answer = try api.metadata(world.call("/api/v1/targets/metadata", parameters))
            return try world.data(answer) as? [[String: Any]] ?? []
        }
        let all = try entries([])
        #expect(all.map { $0["metric"] as? String } == ["t", "u", "t"])
        #expect(all[1]["unit"] as? String == "seconds")
        let one = try entries([("metric", "t"), ("match_target", "{job=\"b\"}")])
        #expect(one.count == 1)
        #expect(one[0]["help"] as? String == "Help.")
        #expect(one[0]["type"] as? String == "counter")
        #expect(one[0]["metric"] == nil)
        #expect(one[0]["target"] as? [String: String] == ["instance": "web:1", "job": "b"])
        #expect(try entries([("limit", "2")]).count == 2)
        await service.stop()
    }
}
