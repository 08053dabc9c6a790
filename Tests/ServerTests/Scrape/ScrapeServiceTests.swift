import Model
import Platform
import Server
import Simulator
import Testing

/// Jobs at work: slots, targets that come and go, other files, other nodes.
@Suite struct ScrapeServiceTests {
    private static let one = """
        global: {scrape_interval: 10s}
        scrape_configs:
        - job_name: node
          static_configs:
          - {targets: ["web:1"], labels: {zone: a}}
        """

    private static let web = Labels(["instance": "web:1", "job": "node", "zone": "a"])

    @Test func scrapesInItsSlots() async throws {
        let world = ScrapeWorld()
        world.set("http://web:1/metrics", "a 1\n")
        let service = try await world.service(Self.one)
        await world.pass(seconds: 30, service)
        #expect(try await world.last("a") == [Self.web: 1])
        #expect(try await world.last("up") == [Self.web: 1])
        let times = try await world.times("a")
        #expect(times.count == 3)
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 10_000 })
        #expect(world.figure("varve_scrapes_total") == 3)
        #expect(world.figure("varve_scrapes_missed_total") == 0)
        await service.stop()
    }

    @Test func asksForWhatItUnderstands() async throws {
        let world = ScrapeWorld()
        world.setFile("etc/token", "s3cret\n")
        let service = try await world.service(
            """
            scrape_configs:
            - job_name: node
              scrape_interval: 10s
              scrape_timeout: 2500ms
              authorization: {credentials_file: token}
              static_configs: [{targets: ["web:1"]}]
            - job_name: basic
              scrape_interval: 10s
              enable_compression: false
              basic_auth: {username: me, password: "p:w"}
              static_configs: [{targets: ["web:2"]}]
            """)
        await world.pass(seconds: 10, service)
        let headers = Dictionary(
            uniqueKeysWithValues: world.asked.map { request in
                (
                    request.url,
                    Dictionary(uniqueKeysWithValues: request.headers.map { ($0.name, $0.value) })
                )
            })
        let node = headers["http://web:1/metrics"]
        #expect(node?["Authorization"] == "Bearer s3cret")
        #expect(node?["X-Prometheus-Scrape-Timeout-Seconds"] == "2.5")
        #expect(node?["Accept-Encoding"] == "gzip")
        #expect(node?["Accept"]?.hasPrefix("application/openmetrics-text;version=1.0.0") == true)
        let basic = headers["http://web:2/metrics"]
        #expect(basic?["Authorization"] == "Basic bWU6cDp3")
        #expect(basic?["Accept-Encoding"] == "identity")
        world.setFile("etc/token", nil)
        await world.pass(seconds: 10, service)
        let targets = try world.targets(service).active
        #expect(targets.contains { $0["lastError"] as? String == "cannot read etc/token" })
        await service.stop()
    }

    @Test func aTargetThatIsAwayIsDown() async throws {
        let world = ScrapeWorld()
        world.set("http://web:1/metrics", "a 1\n")
        let service = try await world.service(Self.one)
        #expect(try world.targets(service).active.first?["health"] as? String == "unknown")
        await world.pass(seconds: 10, service)
        #expect(try world.targets(service).active.first?["health"] as? String == "up")
        world.set("http://web:1/metrics", nil)
        await world.pass(seconds: 10, service)
        let target = try #require(try world.targets(service).active.first)
        #expect(target["health"] as? String == "down")
        #expect(target["lastError"] as? String == "away")
        #expect(try await world.last("up") == [Self.web: 0])
        #expect(try #require(try await world.last("a")[Self.web]).isStaleMarker)
        #expect(world.figure("varve_scrape_failures_total") == 1)
        await service.stop()
    }

    @Test func filesNameTargetsThatComeAndGo() async throws {
        let world = ScrapeWorld()
        for port in 1...2 { world.set("http://web:\(port)/metrics", "a \(port)\n") }
        world.setFile("etc/targets/a.yaml", "- {targets: ['web:1'], labels: {zone: a}}\n")
        let service = try await world.service(
            """
            global: {scrape_interval: 10s}
            scrape_configs:
            - job_name: node
              file_sd_configs: [{files: ["targets/*.yaml", "targets/b.json"]}]
              relabel_configs:
              - {source_labels: [__meta_filepath], target_label: file}
            """)
        await world.pass(seconds: 15, service)
        let first = Labels([
            "file": "etc/targets/a.yaml", "instance": "web:1", "job": "node", "zone": "a",
        ])
        #expect(try await world.last("a") == [first: 1])
        // A file that is missing is counted, and the others are taken.
        #expect(world.figure("varve_scrape_discovery_failures_total") > 0)

        world.setFile("etc/targets/b.json", "[{\"targets\": [\"web:2\"]}]")
        world.setFile("etc/targets/a.yaml", "- targets: 7\n")
        await world.pass(seconds: 15, service)
        let second = Labels(["file": "etc/targets/b.json", "instance": "web:2", "job": "node"])
        // A file that is wrong names what it named before.
        #expect(try await world.last("a") == [first: 1, second: 2])
        #expect(world.warnings.contains { $0.contains("etc/targets/a.yaml") })

        world.setFile("etc/targets/a.yaml", "[]\n")
        await world.pass(seconds: 40, service)
        #expect(try #require(try await world.last("a")[first]).isStaleMarker)
        #expect(try #require(try await world.last("up")[first]).isStaleMarker)
        #expect(try await world.last("a")[second] == 2)
        await service.stop()
    }

    @Test func aTargetThatMovesDoesNotEnd() async throws {
        let world = ScrapeWorld()
        for port in 1...2 { world.set("http://web:\(port)/metrics", "a \(port)\nb\(port) 1\n") }
        func text(_ port: Int) -> String {
            """
            global: {scrape_interval: 10s}
            scrape_configs:
            - job_name: node
              static_configs: [{targets: ["web:\(port)"], labels: {instance: web}}]
            """
        }
        let service = try await world.service(text(1))
        await world.pass(seconds: 10, service)
        service.reload(try world.configuration(text(2)))
        await world.pass(seconds: 40, service)
        let web = Labels(["instance": "web", "job": "node"])
        #expect(try await world.last("a") == [web: 2])
        #expect(try await world.last("up") == [web: 1])
        #expect(try #require(try await world.last("b1")[web]).isStaleMarker)
        await service.stop()
    }

    @Test func otherJobsAreTakenOverAndTheOthersGoOn() async throws {
        let world = ScrapeWorld()
        world.set("http://web:1/metrics", "a 1\n")
        world.set("http://web:1/other", "a 2\n")
        let service = try await world.service(Self.one)
        await world.pass(seconds: 10, service)
        let more =
            Self.one + """

                - job_name: other
                  metrics_path: /other
                  static_configs: [{targets: ["web:1"]}]
                """
        service.reload(try world.configuration(more))
        await world.pass(seconds: 10, service)
        let other = Labels(["instance": "web:1", "job": "other"])
        #expect(try await world.last("a") == [Self.web: 1, other: 2])
        // The first one kept its slots.
        let times = try await world.times("scrape_series_added")
        #expect(times.count == 3)
        service.reload(try world.configuration(Self.one))
        await world.pass(seconds: 30, service)
        #expect(try #require(try await world.last("up")[other]).isStaleMarker)
        #expect(try await world.last("up")[Self.web] == 1)
        #expect(
            !world.telemetry.snapshot().contains { family in
                family.samples.contains { $0.labels.contains { $0.value == "other" } }
            })
        await service.stop()
    }

    @Test func onlyTheNodeWithTheDutyScrapes() async throws {
        let world = ScrapeWorld()
        world.setKeeper(false)
        world.set("http://web:1/metrics", "a 1\n")
        let service = try await world.service(Self.one)
        await world.pass(seconds: 20, service)
        #expect(world.asked.isEmpty)
        world.setKeeper(true)
        await world.pass(seconds: 20, service)
        #expect(try await world.last("up") == [Self.web: 1])
        world.setKeeper(false)
        let count = world.asked.count
        await world.pass(seconds: 60, service)
        #expect(world.asked.count == count)
        // The other node goes on with the series.
        #expect(try await world.last("up") == [Self.web: 1])
        await service.stop()
    }

    /// A target that is being asked when the server stops has not failed.
    @Test func aStopEndsNoSeries() async throws {
        let world = ScrapeWorld()
        world.set("http://web:1/metrics", "a 1\n")
        let service = try await world.service(Self.one)
        await world.pass(seconds: 10, service)
        world.setHanging(true)
        service.start()
        world.time.advance(byNanos: 10_000_000_000)
        await service.stop()
        #expect(try await world.last("a") == [Self.web: 1])
        #expect(try await world.last("up") == [Self.web: 1])
        #expect(world.figure("varve_scrapes_total") == 1)
    }

    @Test func escapesOfJSONAreRead() async throws {
        let world = ScrapeWorld()
        world.setFile(
            "etc/a.json",
            """
            [
            \t{"targets": ["web:1"],
            \t "labels": {"a": "\\ud83d\\ude00\\/\\u00e4", "b": "\\\\ud83d\\\\ude00"}}
            ]
            """)
        let service = try await world.service(
            """
            scrape_configs:
            - {job_name: j, file_sd_configs: [{files: [a.json]}]}
            """)
        let labels = try world.targets(service).active.first?["labels"] as? [String: String]
        #expect(labels?["a"] == "😀/ä")
        #expect(labels?["b"] == "\\ud83d\\ude00")
        await service.stop()
    }

    @Test func tooManyTargetsAreNotAsked() async throws {
        let world = ScrapeWorld()
        let service = try await world.service(
            """
            global: {scrape_interval: 10s, target_limit: 1}
            scrape_configs:
            - job_name: node
              static_configs: [{targets: ["web:1", "web:2", "web:1"]}]
            """)
        await world.pass(seconds: 10, service)
        #expect(world.asked.isEmpty)
        #expect(try await world.last("up").values.sorted() == [0, 0])
        let error = try world.targets(service).active.first?["lastError"] as? String
        #expect(error?.contains("target_limit is 1") == true)
        await service.stop()
    }
}
