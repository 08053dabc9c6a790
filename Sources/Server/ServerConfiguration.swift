package import Cluster
package import Ingest
internal import Model
package import Platform

/// All that a server is started with; made by the binary from flags, environment and file.
package struct ServerConfiguration: Sendable {
    package var node = NodeConfiguration()
    /// Nil: no HTTP.
    package var http: Endpoint?
    package var statsd = StatsdEndpoints()
    package var syslog: Endpoint?
    package var statsdOptions = StatsdOptions()
    package var syslogOptions = SyslogOptions()
    package var ingestLimits = IngestLimits()
    /// Of one body after decompression, bytes.
    package var decodedBytesMax: Int {
        get { ingestLimits.decodedBytesMax }
        set { ingestLimits.decodedBytesMax = newValue }
    }
    package var queryLimits = QueryContext.Limits()
    /// Queries at a time.
    package var queriesMax = 32
    /// Of one request, still compressed, bytes.
    package var bodyBytesMax: Int {
        get { ingestLimits.bodyBytesMax }
        set { ingestLimits.bodyBytesMax = newValue }
    }
    /// Connections at a time, of HTTP and of each stream listener.
    package var connectionsMax = 8_192
    /// Whether stored data may be deleted over HTTP.
    package var hasAdminAPI = false
    /// Nil: a node of one, whatever the directory says.
    package var cluster: ClusterConfiguration?
    package var rules = RuleConfiguration()
    package var scrapes = ScrapeConfiguration()
    package var retention = RetentionConfiguration()
    package var version = "0.1.0"
    /// What it was made of, for people to look at.
    package var shown = ShownSettings()

    /// Where statsd listens.
    package struct StatsdEndpoints: Sendable, Hashable {
        /// UDP and TCP; nil: neither.
        package var network: Endpoint?
        /// Path of a unix datagram socket.
        package var unixPath: String?

        package init() {}
    }

    package init() {}

    /// How statsd is read. `tenant`: checked with `isTenant`; `keepsNames`: dots and all;
    /// `signsChange`: `+n` and `-n` change a gauge; `countsUnknown`: as etsy's statsd does.
    package mutating func setStatsd(
        tenant: String, keepsNames: Bool, signsChange: Bool, countsUnknown: Bool,
        intervalNanos: Int64
    ) {
        statsdOptions.tenant = Tenant(tenant) ?? .standard
        statsdOptions.names = keepsNames ? .verbatim : .underscore
        statsdOptions.gaugeSign = signsChange ? .delta : .absolute
        statsdOptions.unknownTypes = countsUnknown ? .compat : .strict
        statsdOptions.intervalNanos = intervalNanos
    }

    /// How many series statsd may bring, at a time and new ones a second.
    package mutating func setStatsdLimits(seriesMax: Int, newSeriesPerSecond: Int) {
        statsdOptions.limits.seriesMax = seriesMax
        statsdOptions.limits.newSeriesPerSecond = newSeriesPerSecond
    }

    /// What labels may be, whichever way they come in.
    package mutating func setLabelLimits(countMax: Int, nameBytesMax: Int, valueBytesMax: Int) {
        ingestLimits.labelCountMax = countMax
        ingestLimits.labelNameBytesMax = nameBytesMax
        ingestLimits.labelValueBytesMax = valueBytesMax
        statsdOptions.limits.tagCountMax = countMax
        statsdOptions.limits.tagNameBytesMax = nameBytesMax
        statsdOptions.limits.tagValueBytesMax = valueBytesMax
    }

    /// Takes statsd_exporter's mapping file; throws what is wrong with it, for a person.
    package mutating func setStatsdMapping(_ yaml: String) throws {
        statsdOptions.mapping = try StatsdMapping(yaml: yaml)
    }

    /// How syslog is read.
    package mutating func setSyslog(tenant: String, lineBytesMax: Int, trustsTimestamps: Bool) {
        syslogOptions.tenant = Tenant(tenant) ?? .standard
        syslogOptions.lineBytesMax = lineBytesMax
        syslogOptions.trustsTimestamps = trustsTimestamps
    }

    /// Whether log lines that are pushed get a `detected_level`.
    package mutating func setLevelDiscovery(_ isOn: Bool) {
        ingestLimits.discoversLevels = isOn
    }

    /// Which syslog messages become one record. Throws what is wrong with the pattern `start`.
    package mutating func setSyslogJoining(
        start: String?, waitNanos: Int64, linesMax: Int, joinsDockerPieces: Bool
    ) throws {
        syslogOptions.joining.start = try start.map { try RegularExpression($0) }
        syslogOptions.joining.waitNanos = waitNanos
        syslogOptions.joining.linesMax = linesMax
        syslogOptions.joining.joinsDockerPieces = joinsDockerPieces
    }

    /// Whether `name` can be a tenant's.
    package static func isTenant(_ name: String) -> Bool { Tenant(name) != nil }
}

/// A node's part in a cluster.
package struct ClusterConfiguration: Sendable {
    package var entry: ClusterEntry
    /// Where the other nodes connect.
    package var listen: Endpoint

    package init(entry: ClusterEntry, listen: Endpoint) {
        self.entry = entry
        self.listen = listen
    }
}

/// What keeps a server from starting, as one line for a person.
package struct ServerError: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
