import Ingest
import Model
import Testing

/// Labels and addresses of what was found.
@Suite struct ScrapeTargetTests {
    private static func job(_ change: (inout ScrapeJob) -> Void = { _ in }) -> ScrapeJob {
        var job = ScrapeJob(name: "node")
        change(&job)
        return job
    }

    private static func found(
        _ address: String, _ labels: Labels = .empty, _ job: ScrapeJob = job()
    ) -> FoundTarget {
        FoundTarget(address, labels: labels, of: job)
    }

    private static func target(
        _ address: String, _ labels: Labels = .empty, _ job: ScrapeJob = job()
    ) throws -> ScrapeTarget {
        guard case .active(let target) = found(address, labels, job) else {
            throw IngestError.unsupported(what: "\(found(address, labels, job))")
        }
        return target
    }

    private static func rule(_ change: (inout RelabelRule.Fields) -> Void) throws -> RelabelRule {
        var fields = RelabelRule.Fields()
        change(&fields)
        return try RelabelRule(fields)
    }

    @Test func hasItsStandardLabels() throws {
        let target = try Self.target("web:9100", Labels(["zone": "a", "__meta_x": "1"]))
        #expect(target.labels == Labels(["instance": "web:9100", "job": "node", "zone": "a"]))
        #expect(target.url == "http://web:9100/metrics")
        #expect(
            target.discovered
                == Labels([
                    "__address__": "web:9100", "__meta_x": "1", "__metrics_path__": "/metrics",
                    "__scheme__": "http", "__scrape_interval__": "1m",
                    "__scrape_timeout__": "10s", "job": "node", "zone": "a",
                ]))
        #expect((target.intervalNanos, target.timeoutNanos) == (60_000_000_000, 10_000_000_000))
    }

    /// Since version 3: the port that is implied is not written down.
    @Test func anAddressStaysAsItIsWritten() throws {
        let target = try Self.target("web")
        #expect(target.labels["instance"] == "web")
        #expect(target.url == "http://web/metrics")
    }

    @Test func parametersComeFromTheJobAndFromLabels() throws {
        let job = Self.job {
            $0.metricsPath = "/probe"
            $0.parameters = [
                ScrapeJob.Parameter(name: "module", values: ["http_2xx", "b"]),
                ScrapeJob.Parameter(name: "match[]", values: ["{a=\"b c\"}"]),
            ]
        }
        let labels = Labels(["__param_module": "icmp", "__param_target": "x&y"])
        let target = try Self.target("web:1", labels, job)
        #expect(
            target.url
                == "http://web:1/probe?match%5B%5D=%7Ba%3D%22b+c%22%7D&module=http_2xx&module=b"
                + "&target=x%26y")
        #expect(target.discovered["__param_module"] == "http_2xx")
    }

    @Test func relabellingDecidesWhereAndHowOften() throws {
        let job = Self.job { job in
            job.targetRules = ["__address__", "instance", "__scrape_interval__", "__scheme__"]
                .enumerated().compactMap { index, name in
                    try? Self.rule {
                        $0.targetLabel = name
                        $0.replacement = ["proxy:8080", "real", "15s", "http"][index]
                    }
                }
        }
        let target = try Self.target("real:9100", .empty, job)
        #expect(target.url == "http://proxy:8080/metrics")
        #expect(target.labels["instance"] == "real")
        #expect(target.intervalNanos == 15_000_000_000)
    }

    @Test func aDroppedTargetIsKnownByWhatWasFound() throws {
        let rule = try Self.rule {
            $0.action = .drop
            $0.sourceLabels = ["zone"]
            $0.regex = "a"
        }
        let job = Self.job { $0.targetRules = [rule] }
        guard case .dropped(let labels) = Self.found("web:1", Labels(["zone": "a"]), job) else {
            Issue.record("not dropped")
            return
        }
        #expect(labels["__address__"] == "web:1")
        #expect(labels["zone"] == "a")
    }

    @Test(arguments: [
        ("", Labels.empty, "no address"), ("http://x/", .empty, "is not HOST:PORT"),
        ("x:1", Labels(["__scheme__": "https"]), "only http is spoken"),
        ("x:1", Labels(["__scrape_interval__": "soon"]), "__scrape_interval__ is \"soon\""),
        ("x:1", Labels(["__scrape_timeout__": "2m"]), "above its interval"),
    ])
    func refuses(address: String, labels: Labels, want: String) {
        guard case .refused(_, let problem) = Self.found(address, labels) else {
            Issue.record("not refused")
            return
        }
        #expect(problem.contains(want))
    }

    @Test func asksForFormatsByWeight() {
        let standard = ScrapeProtocol.accept(
            .init(ScrapeProtocol.standard(withNativeHistograms: false)))
        #expect(
            standard
                == "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                + "application/openmetrics-text;version=0.0.1;q=0.5,"
                + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
        let all = ScrapeProtocol.accept(ScrapeProtocol.standard(withNativeHistograms: true))
        #expect(all.hasPrefix("application/vnd.google.protobuf;"))
        #expect(all.hasSuffix("*/*;q=0.1"))
    }

    @Test(arguments: [
        ("text/plain; version=0.0.4; charset=utf-8", ScrapeProtocol?.some(.text0)),
        ("application/openmetrics-text; version=1.0.0", .openMetrics1),
        ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily", .protobuf),
        ("Text/Plain", .text0), ("text/html", nil), ("", nil),
    ])
    func readsContentTypes(text: String, want: ScrapeProtocol?) {
        #expect(ScrapeProtocol(contentType: text) == want)
    }
}
