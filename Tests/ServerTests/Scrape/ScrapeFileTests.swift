import Server
import Testing

/// Files of scrapes: what they may say, and how they are told what is wrong.
@Suite struct ScrapeFileTests {
    private static func faults(
        _ text: String, files: [String: String] = [:]
    ) -> [String] {
        let world = ScrapeWorld()
        for (path, text) in files { world.setFile(path, text) }
        do {
            _ = try world.configuration(text)
            return []
        } catch let faults as FileFaults {
            return faults.all.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    /// Every key that is known.
    private static let whole = """
        global:
          scrape_interval: 15s
          scrape_timeout: 5s
          scrape_protocols: [PrometheusProto, PrometheusText0.0.4]
          scrape_native_histograms: true
          always_scrape_classic_histograms: true
          extra_scrape_metrics: true
          body_size_limit: 10MB
          sample_limit: 1000
          label_limit: 30
          label_name_length_limit: 100
          label_value_length_limit: 200
          target_limit: 50
          keep_dropped_targets: 10
          metric_name_validation_scheme: utf8
          convert_classic_histograms_to_nhcb: false
        scrape_config_files: ["more/*.yaml"]
        scrape_configs:
        - job_name: node
          scrape_interval: 1m
          scrape_timeout: 30s
          metrics_path: /m
          scheme: http
          params: {a: [b, c]}
          honor_labels: true
          honor_timestamps: false
          track_timestamps_staleness: true
          basic_auth: {username: u, password_file: p}
          follow_redirects: false
          enable_compression: false
          enable_http2: true
          fallback_scrape_protocol: PrometheusText0.0.4
          body_size_limit: 0
          sample_limit: 2000
          metric_name_escaping_scheme: allow-utf-8
          native_histogram_bucket_limit: 0
          static_configs:
          - targets: ["a:1", "b:1"]
            labels: {zone: a}
          file_sd_configs:
          - files: [x.json, "y/*.yml"]
            refresh_interval: 1m
          relabel_configs:
          - {source_labels: [a, b], separator: "", regex: "(.+)", target_label: c,
             replacement: $1, action: Replace}
          - {action: hashmod, source_labels: [a], modulus: 4, target_label: h}
          metric_relabel_configs:
          - {action: labeldrop, regex: x}
        """

    @Test func takesWhatItKnows() throws {
        let more = ["etc/more/a.yaml": "scrape_configs: [{job_name: more}]"]
        #expect(Self.faults(Self.whole, files: more) == [])
        let world = ScrapeWorld()
        world.setFile("etc/more/a.yaml", more["etc/more/a.yaml"])
        let configuration = try world.configuration(Self.whole)
        #expect(configuration.counts == (2, 2))
        #expect(try world.configuration(Self.whole) == configuration)
        #expect(Self.faults("") == [])
    }

    private static func job(_ lines: String) -> String {
        "scrape_configs:\n- job_name: a\n  \(lines)\n"
    }

    private static let bad: [(text: String, want: String)] = [
        ("scrape_configs: 7", ":1:17: scrape_configs: a list is expected"),
        ("scrape_config: []", ":1:1: scrape_config: no such key here"),
        ("a: [", "not YAML"),
        ("rule_files: [x]", ":1:13: rule_files: files of rules are the setting rules"),
        (
            "global:\n  external_labels: {a: b}",
            ":2:20: global.external_labels: they are the setting external-labels"
        ),
        (
            "global: {scrape_timeout: 2m}",
            "global.scrape_timeout: it is above scrape_interval"
        ),
        ("scrape_configs: [{}]", "scrape_configs[0].job_name: it is missing"),
        (
            "scrape_configs:\n- {job_name: a}\n- {job_name: a}",
            ":3:14: scrape_configs[1].job_name: \"a\" is the name of the job at etc/scrapes.yaml:2"
        ),
        (job("scheme: https"), "scheme: \"https\" is not supported"),
        (job("tls_config: {}"), "tls_config: https is not spoken"),
        (
            job("kubernetes_sd_configs: []"),
            "kubernetes_sd_configs: targets come from static_configs and file_sd_configs only"
        ),
        (job("scrape_timeout: 2m"), "scrape_timeout: it is above scrape_interval"),
        (job("scrape_interval: often"), "\"often\" is no duration"),
        (job("honor_labels: maybe"), "\"maybe\" is not one of true, false"),
        (job("body_size_limit: 10XB"), "body_size_limit: \"10XB\" is no size"),
        (job("sample_limit: -1"), "sample_limit: \"-1\" is no whole number"),
        (job("scrape_protocols: [Text]"), "\"Text\" is not one of PrometheusProto"),
        (
            job("scrape_protocols: [PrometheusProto, PrometheusProto]"),
            "a protocol stands here twice"
        ),
        (job("params: {a: b}"), "params.a: a list is expected"),
        (job("basic_auth: {user: x}"), "basic_auth.user: no such key here"),
        (job("bearer_token: a\n  authorization: {}"), "there is authorization already"),
        (job("authorization: {type: Basic}"), "what basic_auth is for"),
        (
            job("static_configs: [{targets: ['http://x/']}]"),
            "static_configs[0].targets: \"http://x/\" is not HOST:PORT"
        ),
        (job("static_configs: [{target: x}]"), "static_configs[0].target: no such key here"),
        (job("file_sd_configs: [{files: [x.txt]}]"), "\"x.txt\" does not end in .json"),
        (
            job("relabel_configs:\n  - {action: destroy}"),
            ":4:14: scrape_configs[0].relabel_configs[0].action: \"destroy\" is not one of replace"
        ),
        (job("relabel_configs: [{regex: '('}]"), "relabel_configs[0].regex: "),
        (
            job("metric_relabel_configs: [{action: hashmod, target_label: x}]"),
            "metric_relabel_configs[0].modulus: hashmod needs one above 0"
        ),
        (job("convert_classic_histograms_to_nhcb: true"), "\"true\" is not supported, only false"),
    ]

    @Test(arguments: bad.indices)
    func tellsWhatIsWrong(index: Int) {
        let (text, want) = Self.bad[index]
        let faults = Self.faults(text)
        #expect(faults.contains { $0.contains(want) }, "\(faults)")
        #expect(faults.allSatisfy { $0.hasPrefix("etc/scrapes.yaml") })
    }

    @Test func findsAllThatIsWrong() {
        let text = Self.job("scheme: https\n  sample_limit: x\n  nothing: 1")
        #expect(Self.faults(text).count == 3)
    }

    @Test func aFaultInAnotherFileNamesThatFile() {
        let faults = Self.faults(
            "scrape_config_files: ['more/*.yaml']",
            files: ["etc/more/b.yaml": "scrape_configs:\n- {job: x}"])
        #expect(faults.first?.hasPrefix("etc/more/b.yaml:2:4: scrape_configs[0].job: ") == true)
    }

    @Test func filesOfTargetsAreChecked() throws {
        let world = ScrapeWorld()
        world.setFile("etc/a.json", "[{\"targets\": [\"x:1\"], \"labels\": {\"a\": \"b\"}}]")
        world.setFile("etc/b.yml", "- {target: x}")
        let configuration = try world.configuration(
            Self.job("file_sd_configs: [{files: [a.json, b.yml, c.yml]}]"))
        let problems = configuration.checkDiscovery(
            read: { path in
                switch path {
                case "etc/a.json": "[{\"targets\": [\"x:1\"], \"labels\": {\"a\": \"b\"}}]"
                case "etc/b.yml": "- {target: x}"
                default: throw FileFaults([])
                }
            }, expand: { [$0] })
        #expect(problems.count == 2)
        #expect(problems[0].hasPrefix("etc/b.yml:1:4: [0].target: no such key here"))
    }
}
