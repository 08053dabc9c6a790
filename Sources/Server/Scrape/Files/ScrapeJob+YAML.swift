internal import Ingest
internal import Model

extension ScrapeJob {
    static let keys =
        [
            "job_name", "scrape_interval", "scrape_timeout", "metrics_path", "scheme", "params",
            "honor_labels", "honor_timestamps", "track_timestamps_staleness", "basic_auth",
            "authorization", "bearer_token", "bearer_token_file", "follow_redirects",
            "enable_compression", "fallback_scrape_protocol", "static_configs", "file_sd_configs",
            "relabel_configs", "metric_relabel_configs",
        ] + ScrapeDefaults.shared
    /// Known, and refused, or allowed where they change nothing.
    static let refusedKeys =
        ScrapeSupport.fixed.keys.sorted() + ScrapeSupport.unknown.keys.sorted()
        + ScrapeSupport.discoveries

    /// Reads a job; what is wrong is noted.
    init(_ section: YAMLSection, _ defaults: ScrapeDefaults) {
        self.init(name: section.required("job_name") ?? "")
        section.refuse(ScrapeSupport.unknown)
        section.refuseUnless(ScrapeSupport.fixed)
        for name in ScrapeSupport.discoveries where section[name] != nil {
            section.note(name, "targets come from static_configs and file_sd_configs only")
        }
        defaults.applied(to: section, &self)
        takeRequest(section)
        honorsLabels = section.flag("honor_labels") ?? honorsLabels
        honorsTimestamps = section.flag("honor_timestamps") ?? honorsTimestamps
        tracksTimestampsStaleness =
            section.flag("track_timestamps_staleness") ?? tracksTimestampsStaleness
        if let word = section.text("fallback_scrape_protocol"), !word.isEmpty {
            fallback = ScrapeDefaults.scrapeProtocol(word, section, "fallback_scrape_protocol")
        }
        credentials = ScrapeJob.credentials(section)
        groups = section.list("static_configs").compactMap {
            TargetGroup($0.node, key: $0.key, notes: section.notes)
        }
        discoveries = section.list("file_sd_configs").compactMap { item in
            YAMLSection(
                item.node, key: item.key, allowed: ["files", "refresh_interval"],
                notes: section.notes
            ).map(FileDiscovery.init)
        }
        targetRules = section.relabelRules("relabel_configs")
        metricRules = section.relabelRules("metric_relabel_configs")
    }

    private mutating func takeRequest(_ section: YAMLSection) {
        if let path = section.text("metrics_path") { metricsPath = path }
        if let word = section.text("scheme"), word != scheme {
            section.note(
                "scheme", "\"\(word)\" is not supported: only http is spoken, without TLS")
        }
        parameters = section.textLists("params").map { Parameter(name: $0.name, values: $0.values) }
        asksForCompression = section.flag("enable_compression") ?? asksForCompression
        followsRedirects = section.flag("follow_redirects") ?? followsRedirects
    }

    private static func credentials(_ section: YAMLSection) -> Credentials? {
        let kinds = ["basic_auth", "authorization", "bearer_token", "bearer_token_file"].filter {
            section[$0] != nil
        }
        guard let kind = kinds.first else { return nil }
        for other in kinds.dropFirst() { section.note(other, "there is \(kind) already") }
        switch kind {
        case "basic_auth":
            let keys = ["username", "username_file", "password", "password_file"]
            guard let part = section.section(kind, allowed: keys) else { return nil }
            return .basic(
                user: part.secret("username") ?? .text(""),
                password: part.secret("password") ?? .text(""))
        case "authorization":
            let keys = ["type", "credentials", "credentials_file"]
            guard let part = section.section(kind, allowed: keys) else { return nil }
            let type = part.text("type") ?? "Bearer"
            if type.lowercased() == "basic" {
                part.note("type", "\"\(type)\" is what basic_auth is for")
            }
            return part.secret("credentials").map { .token(type: type, $0) }
        default:
            return section.secret("bearer_token").map { .token(type: "Bearer", $0) }
        }
    }
}

extension FileDiscovery {
    private static let refreshNanosStandard: Int64 = 300_000_000_000

    init(_ section: YAMLSection) {
        let patterns = section.texts("files")
        if patterns.isEmpty { section.note("files", "at least one is expected") }
        for pattern in patterns where !DiscoveryFile.isName(pattern) {
            section.note("files", "\"\(pattern)\" does not end in .json, .yml or .yaml")
        }
        let refresh = section.duration("refresh_interval") ?? 0
        self.init(
            patterns: patterns.map { FilePath.beside(section.notes.path, $0) },
            refreshNanos: refresh > 0 ? refresh : Self.refreshNanosStandard)
    }
}

extension YAMLSection {
    /// The text `name`, or what the file `name_file` holds; nil when there is neither.
    func secret(_ name: String) -> ScrapeJob.Secret? {
        let file = text("\(name)_file")
        let own = text(name)
        if own != nil, file != nil { note("\(name)_file", "there is \(name) already") }
        if let own { return .text(own) }
        return file.map { .file(FilePath.beside(notes.path, $0)) }
    }
}
