package import Model

/// What is scraped and how: one entry of `scrape_configs`, with the defaults of `global` in it.
/// Source: Prometheus documentation, "Configuration", scrape_config.
package struct ScrapeJob: Sendable, Hashable {
    /// `job_name`, unique among all.
    package var name: String
    package var intervalNanos: Int64 = 60_000_000_000
    /// Of one scrape, from the connection to the end of the body; never above the interval.
    package var timeoutNanos: Int64 = 10_000_000_000
    package var metricsPath = "/metrics"
    package var scheme = "http"
    /// Of the URL, by name.
    package var parameters: [Parameter] = []
    /// Labels that a target sends win over those of the target.
    package var honorsLabels = false
    /// Times that a target sends are taken.
    package var honorsTimestamps = true
    /// Series whose samples come with a time of their own are ended too.
    package var tracksTimestampsStaleness = false
    package var protocols = ScrapeProtocol.standard(withNativeHistograms: false)
    /// For answers whose Content-Type says nothing that is known.
    package var fallback: ScrapeProtocol?
    package var takesNativeHistograms = false
    /// The classic part of a histogram is taken beside the native one.
    package var alwaysTakesClassicHistograms = false
    package var asksForCompression = true
    package var followsRedirects = true
    /// Three more series of each target: timeout, limit of samples and size of the body.
    package var hasExtraSeries = false
    package var limits = Limits()
    package var credentials: Credentials?
    /// Targets that stand in the file.
    package var groups: [TargetGroup] = []
    /// Files that name more.
    package var discoveries: [FileDiscovery] = []
    /// What becomes of the labels of targets.
    package var targetRules: [RelabelRule] = []
    /// What becomes of the labels of series.
    package var metricRules: [RelabelRule] = []

    package init(name: String) { self.name = name }

    /// A parameter of the URL, with all its values.
    package struct Parameter: Sendable, Hashable {
        package var name: String
        package var values: [String]

        package init(name: String, values: [String]) {
            self.name = name
            self.values = values
        }
    }

    /// What makes a scrape fail when it is passed; 0: any number.
    package struct Limits: Sendable, Hashable {
        /// After decompression.
        package var bodyBytesMax = 0
        /// That are left after relabelling.
        package var sampleCountMax = 0
        package var labelCountMax = 0
        package var labelNameBytesMax = 0
        package var labelValueBytesMax = 0
        package var targetCountMax = 0
        /// Dropped targets that are kept to be looked at.
        package var droppedCountMax = 0

        package init() {}
    }

    /// Where a name or a secret is written.
    package enum Secret: Sendable, Hashable {
        case text(String)
        /// Path of a file, read for every scrape.
        case file(String)
    }

    /// What targets are told in `Authorization`.
    package enum Credentials: Sendable, Hashable {
        case basic(user: Secret, password: Secret)
        /// `Bearer` or another type.
        case token(type: String, Secret)
    }
}

/// Addresses with the labels that they have in common.
package struct TargetGroup: Sendable, Hashable {
    /// `HOST:PORT` each.
    package var addresses: [String]
    package var labels: Labels

    package init(addresses: [String], labels: Labels) {
        self.addresses = addresses
        self.labels = labels
    }
}

/// Files that name groups of targets: `file_sd_configs`.
package struct FileDiscovery: Sendable, Hashable {
    /// Paths, or patterns of them.
    package var patterns: [String]
    package var refreshNanos: Int64

    package init(patterns: [String], refreshNanos: Int64) {
        self.patterns = patterns
        self.refreshNanos = refreshNanos
    }
}
