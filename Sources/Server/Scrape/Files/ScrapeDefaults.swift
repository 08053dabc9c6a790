internal import Ingest
internal import Model

/// What jobs that do not say otherwise have: the `global` section, over what goes without saying.
struct ScrapeDefaults {
    static let keys = ["scrape_interval", "scrape_timeout"] + ScrapeDefaults.shared
    /// Keys that a job has too.
    static let shared = [
        "scrape_protocols", "scrape_native_histograms", "always_scrape_classic_histograms",
        "extra_scrape_metrics", "body_size_limit", "sample_limit", "label_limit",
        "label_name_length_limit", "label_value_length_limit", "target_limit",
        "keep_dropped_targets",
    ]
    /// Keys of Prometheus' that are something else here.
    static let elsewhere = [
        "evaluation_interval": "it is the setting rules-interval",
        "rule_query_offset": "it is said by each group of rules",
        "external_labels": "they are the setting external-labels",
        "query_log_file": "there is none",
        "scrape_failure_log_file": "there is none; the API of targets says what fails",
    ]

    private(set) var intervalNanos: Int64 = 60_000_000_000
    private(set) var timeoutNanos: Int64 = 10_000_000_000
    /// Nil: by whether native histograms are wanted.
    private(set) var protocols: [ScrapeProtocol]?
    private(set) var takesNativeHistograms = false
    private(set) var alwaysTakesClassicHistograms = false
    private(set) var hasExtraSeries = false
    private(set) var limits = ScrapeJob.Limits()

    init() {}

    init(_ section: YAMLSection) {
        section.refuse(Self.elsewhere)
        section.refuseUnless(ScrapeSupport.fixed)
        takeShared(section)
        let interval = section.duration("scrape_interval") ?? 0
        if interval > 0 { intervalNanos = interval }
        let timeout = section.duration("scrape_timeout") ?? 0
        if timeout > intervalNanos {
            section.note("scrape_timeout", "it is above scrape_interval")
        }
        timeoutNanos = timeout > 0 ? timeout : min(timeoutNanos, intervalNanos)
    }

    /// The same for one job, whose own keys win.
    func applied(to section: YAMLSection, _ job: inout ScrapeJob) {
        var own = self
        own.takeShared(section)
        let interval = section.duration("scrape_interval") ?? 0
        job.intervalNanos = interval > 0 ? interval : intervalNanos
        let timeout = section.duration("scrape_timeout") ?? 0
        if timeout > job.intervalNanos {
            section.note("scrape_timeout", "it is above scrape_interval")
        }
        job.timeoutNanos = timeout > 0 ? timeout : min(timeoutNanos, job.intervalNanos)
        job.takesNativeHistograms = own.takesNativeHistograms
        job.protocols =
            own.protocols
            ?? ScrapeProtocol.standard(withNativeHistograms: own.takesNativeHistograms)
        job.alwaysTakesClassicHistograms = own.alwaysTakesClassicHistograms
        job.hasExtraSeries = own.hasExtraSeries
        job.limits = own.limits
    }

    private mutating func takeShared(_ section: YAMLSection) {
        if section["scrape_protocols"] != nil {
            let found = section.texts("scrape_protocols").compactMap {
                ScrapeDefaults.scrapeProtocol($0, section, "scrape_protocols")
            }
            if Set(found).count < found.count {
                section.note("scrape_protocols", "a protocol stands here twice")
            }
            if found.isEmpty { section.note("scrape_protocols", "at least one is expected") }
            protocols = found
        }
        takesNativeHistograms = section.flag("scrape_native_histograms") ?? takesNativeHistograms
        alwaysTakesClassicHistograms =
            section.flag("always_scrape_classic_histograms") ?? alwaysTakesClassicHistograms
        hasExtraSeries = section.flag("extra_scrape_metrics") ?? hasExtraSeries
        limits.bodyBytesMax = section.byteCount("body_size_limit") ?? limits.bodyBytesMax
        limits.sampleCountMax = section.count("sample_limit") ?? limits.sampleCountMax
        limits.labelCountMax = section.count("label_limit") ?? limits.labelCountMax
        limits.labelNameBytesMax =
            section.count("label_name_length_limit") ?? limits.labelNameBytesMax
        limits.labelValueBytesMax =
            section.count("label_value_length_limit") ?? limits.labelValueBytesMax
        limits.targetCountMax = section.count("target_limit") ?? limits.targetCountMax
        limits.droppedCountMax = section.count("keep_dropped_targets") ?? limits.droppedCountMax
    }

    static func scrapeProtocol(
        _ text: String, _ section: YAMLSection, _ key: String
    ) -> ScrapeProtocol? {
        if let found = ScrapeProtocol(rawValue: text) { return found }
        let names = ScrapeProtocol.allCases.map(\.rawValue).joined(separator: ", ")
        section.note(key, "\"\(text)\" is not one of \(names)")
        return nil
    }
}

/// What files of scrapes may say in Prometheus and not here, so that it is not taken for a slip.
enum ScrapeSupport {
    /// Keys with the values that change nothing here.
    static let fixed = [
        "metric_name_validation_scheme": ["", "utf8"],
        "metric_name_escaping_scheme": ["", "allow-utf-8"],
        "convert_classic_histograms_to_nhcb": ["false"],
        "native_histogram_bucket_limit": ["0"],
        "native_histogram_min_bucket_factor": ["0"],
        "enable_http2": ["true", "false"],
        "proxy_from_environment": ["false"],
    ]

    static let unknown = [
        "tls_config": "https is not spoken, so there is no TLS to configure",
        "oauth2": "it is not supported; authorization and basic_auth are",
        "proxy_url": "it is not supported", "no_proxy": "it is not supported",
        "proxy_connect_header": "it is not supported", "http_headers": "it is not supported",
        "scrape_failure_log_file": "there is none; the API of targets says what fails",
    ]

    /// Discovery that Prometheus has beside files.
    static let discoveries = [
        "aws", "azure", "consul", "digitalocean", "docker", "dockerswarm", "dns", "ec2", "eureka",
        "gce", "hetzner", "http", "ionos", "kubernetes", "kuma", "lightsail", "linode", "marathon",
        "nerve", "nomad", "openstack", "ovhcloud", "puppetdb", "scaleway", "serverset", "stackit",
        "triton", "uyuni", "vultr",
    ].map { "\($0)_sd_configs" }
}

extension YAMLSection {
    /// Notes each of these keys that is there, with why it may not be.
    func refuse(_ reasons: [String: String]) {
        for name in reasons.keys.sorted() where self[name] != nil {
            note(name, reasons[name] ?? "")
        }
    }

    /// Notes each of these keys that has a value besides those.
    func refuseUnless(_ fixed: [String: [String]]) {
        for name in fixed.keys.sorted() {
            guard let text = text(name), let allowed = fixed[name], !allowed.contains(text) else {
                continue
            }
            let words = allowed.filter { !$0.isEmpty }.joined(separator: " or ")
            note(name, "\"\(text)\" is not supported, only \(words)")
        }
    }

    /// A number of bytes, as `10MB`; units are powers of 1024, as Prometheus has them.
    func byteCount(_ name: String) -> Int? {
        guard let text = text(name) else { return nil }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units = ["", "K", "M", "G", "T", "P"]
        let unit = text.dropFirst(digits.count).uppercased()
        let power = units.firstIndex { unit == "\($0)B" || unit == "\($0)IB" && !$0.isEmpty }
        let exponent = unit.isEmpty ? 0 : power
        if let count = Int(digits), let exponent {
            let (product, overflow) = count.multipliedReportingOverflow(by: 1 << (10 * exponent))
            if !overflow { return product }
        }
        note(name, "\"\(text)\" is no size as 512KB or 10MB")
        return nil
    }
}
