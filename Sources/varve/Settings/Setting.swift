/// Every setting of `varve serve`: one line each, from which flags, environment variables, the
/// TOML file and `--help` are made, so that they cannot disagree.
///
/// Precedence: flag, environment variable, file, default.
enum Setting: String, CaseIterable, Sendable {
    case data
    case shards
    case http
    case statsd
    case statsdUnix = "statsd-unix"
    case statsdTenant = "statsd-tenant"
    case statsdNames = "statsd-names"
    case statsdGaugeSign = "statsd-gauge-sign"
    case statsdUnknownTypes = "statsd-unknown-types"
    case statsdMapping = "statsd-mapping"
    case flushInterval = "flush-interval"
    case syslog
    case syslogTenant = "syslog-tenant"
    case syslogLineMax = "syslog-line-max"
    case syslogTimestamps = "syslog-timestamps"
    case syslogMultilineStart = "syslog-multiline-start"
    case syslogMultilineWait = "syslog-multiline-wait"
    case syslogMultilineLines = "syslog-multiline-lines"
    case syslogJoinDocker = "syslog-join-docker"
    case discoverLogLevels = "discover-log-levels"
    case retention
    case retentionBytes = "retention-bytes"
    case sealAfter = "seal-after"
    case memory
    case labelsMax = "labels-max"
    case labelNameMax = "label-name-max"
    case labelValueMax = "label-value-max"
    case statsdSeriesMax = "statsd-series-max"
    case statsdNewSeriesMax = "statsd-new-series-max"
    case connectionsMax = "connections-max"
    case bodyMax = "body-max"
    case bodyDecodedMax = "body-decoded-max"
    case queryTimeout = "query-timeout"
    case querySamplesMax = "query-samples-max"
    case querySeriesMax = "query-series-max"
    case queryConcurrency = "query-concurrency"
    case adminAPI = "admin-api"
    case rules
    case rulesInterval = "rules-interval"
    case rulesTenant = "rules-tenant"
    case rulesOutage = "rules-outage"
    case rulesGrace = "rules-grace"
    case retentionRules = "retention-rules"
    case scrapeConfig = "scrape-config"
    case scrapeTenant = "scrape-tenant"
    case alertmanager
    case alertResend = "alert-resend"
    case externalLabels = "external-labels"
    case externalURL = "external-url"
    case clusterInit = "cluster-init"
    case join
    case peers
    case advertise
    case advertiseHTTP = "advertise-http"
    case nodeName = "node-name"
    case zone
    case zoneFile = "zone-file"
    case peerCert = "peer-cert"
    case peerKey = "peer-key"
    case peerCA = "peer-ca"
    case peerPlain = "peer-plain"
    case replaceAfter = "replace-after"
    case imageRate = "image-rate"
    case witness
    case logLevel = "log-level"

    /// The default, as it would be written.
    var standard: String {
        switch self {
        case .data: "./data"
        case .shards: "16"
        case .http: "127.0.0.1:8780"
        case .statsd: "127.0.0.1:8125"
        case .statsdUnix: "off"
        case .statsdTenant, .syslogTenant, .rulesTenant, .scrapeTenant: "default"
        case .statsdNames: "underscore"
        case .statsdGaugeSign: "delta"
        case .statsdUnknownTypes: "reject"
        case .statsdMapping: "off"
        case .flushInterval: "10s"
        case .syslog: "127.0.0.1:5140"
        case .syslogLineMax: "256KiB"
        case .syslogTimestamps: "message"
        case .syslogMultilineStart: "off"
        case .syslogMultilineWait: "500ms"
        case .syslogMultilineLines: "1000"
        case .syslogJoinDocker, .discoverLogLevels: "on"
        case .retention: "400d"
        case .retentionBytes: "off"
        case .sealAfter: "1h"
        case .memory: "512MiB"
        case .labelsMax: "64"
        case .labelNameMax: "1KiB"
        case .labelValueMax: "4KiB"
        case .statsdSeriesMax: "1000000"
        case .statsdNewSeriesMax: "50000"
        case .connectionsMax: "8192"
        case .bodyMax: "64MiB"
        case .bodyDecodedMax: "128MiB"
        case .queryTimeout: "2m"
        case .querySamplesMax: "500000000"
        case .querySeriesMax: "2000000"
        case .queryConcurrency: "32"
        case .rules, .scrapeConfig, .retentionRules, .alertmanager, .externalLabels: "off"
        case .rulesInterval, .alertResend: "1m"
        case .rulesOutage: "1h"
        case .clusterInit, .join, .zone, .zoneFile, .peerCert, .peerKey, .peerCA, .peerPlain,
            .witness, .adminAPI:
            "off"
        case .peers: "127.0.0.1:8781"
        case .advertise, .advertiseHTTP, .nodeName, .externalURL: "auto"
        case .replaceAfter, .rulesGrace: "10m"
        case .imageRate: "256MiB"
        case .logLevel: "info"
        }
    }

    /// On or off: as a flag it stands alone.
    var isSwitch: Bool {
        switch self {
        case .clusterInit, .peerPlain, .witness, .adminAPI: true
        default: false
        }
    }

    /// What it is, for `--help`.
    var summary: String {
        switch self {
        case .data: "Directory of the data."
        case .shards: "Shards of a new data directory; fixed for its life."
        case .http: "HOST:PORT of HTTP, or off."
        case .statsd: "HOST:PORT of statsd, UDP and TCP, or off."
        case .statsdUnix: "Path of a unix datagram socket for statsd, or off."
        case .statsdTenant: "Tenant of what comes in over statsd."
        case .statsdNames: "underscore: what PromQL would have to quote becomes _; verbatim."
        case .statsdGaugeSign: "delta: +n and -n change a gauge; absolute: -n sets it."
        case .statsdUnknownTypes: "reject, or counter as etsy's statsd does."
        case .statsdMapping:
            "File that turns name parts into labels (statsd_exporter's YAML), or off."
        case .flushInterval: "How long statsd is aggregated before it is written."
        case .syslog: "HOST:PORT of syslog, UDP and TCP, or off."
        case .syslogTenant: "Tenant of what comes in over syslog."
        case .syslogLineMax: "Longer lines are kept in parts that are marked."
        case .syslogTimestamps: "message: as sent, when plausible; arrival."
        case .syslogMultilineStart:
            "Regular expression (RE2) that begins a record of several lines, or off."
        case .syslogMultilineWait: "A record that nothing more came for is written after this."
        case .syslogMultilineLines: "Most lines of a record; more are kept in parts."
        case .syslogJoinDocker: "on: messages of 16384 bytes go on with the next one; off."
        case .discoverLogLevels:
            "on: log lines get the level that they tell, as Loki gives it; off."
        case .retention: "How long samples and lines are kept, or off."
        case .retentionBytes: "Size at which the oldest go, like 50GiB, or off."
        case .sealAfter: "Age at which what is in memory becomes a segment."
        case .memory: "Unsealed data above which segments are sealed early."
        case .labelsMax: "Most labels of a series or stream."
        case .labelNameMax: "Longest name of a label."
        case .labelValueMax: "Longest value of a label."
        case .statsdSeriesMax: "Most series that statsd aggregates at a time."
        case .statsdNewSeriesMax: "Most new series a second over statsd."
        case .connectionsMax: "Most connections at a time, of HTTP, statsd and syslog each."
        case .bodyMax: "Largest body of a request."
        case .bodyDecodedMax: "Largest body of a request after decompression."
        case .queryTimeout: "Longest time of a query."
        case .querySamplesMax: "Most samples a query may read."
        case .querySeriesMax: "Most series a query may read."
        case .queryConcurrency: "Most queries at a time."
        case .adminAPI: "on: deletions and snapshots over HTTP."
        case .rules: "Files of rules in Prometheus' YAML, patterns with commas, or off."
        case .rulesInterval: "How often groups that do not say are evaluated."
        case .rulesTenant: "Tenant whose series rules read and write."
        case .rulesOutage: "Longest time without rules after which alerts go on pending."
        case .rulesGrace: "How long an alert pends at least after a restart."
        case .retentionRules: "File of what goes earlier, by selector, or off."
        case .scrapeConfig: "File of what to scrape, in Prometheus' YAML, or off."
        case .scrapeTenant: "Tenant of what is scraped."
        case .alertmanager:
            "http://HOST:PORT[/PREFIX] of Alertmanagers, with commas, or off. No https."
        case .alertResend: "How often an alert that goes on is sent again."
        case .externalLabels: "NAME=VALUE of this store, with commas, added to alerts, or off."
        case .externalURL: "Where people reach this store; auto: as --advertise-http."
        case .clusterInit: "on: found a cluster, with the data that is there."
        case .join: "HOST:PORT of members of the cluster to join, with commas, or off."
        case .peers: "HOST:PORT where the other nodes connect."
        case .advertise: "HOST[:PORT] that other nodes are told; auto: as --peers."
        case .advertiseHTTP: "HOST:PORT of HTTP that others are told; auto: as --http."
        case .nodeName: "Name of this node in the cluster; auto: the host's."
        case .zone: "Where the node stands; nodes of one zone may fail together."
        case .zoneFile: "File with the zone in its first line, or off."
        case .peerCert: "PEM file of this node's certificate, or off."
        case .peerKey: "PEM file of its key, or off."
        case .peerCA: "PEM file of the authority that all nodes' certificates are of, or off."
        case .peerPlain: "on: no certificates, also where others reach the port."
        case .replaceAfter: "How long a node may be away before others take its replicas over."
        case .imageRate:
            "Bytes per second of replicas and repairs that this node asks others for, or off."
        case .witness: "on: vote, but keep no data: the third place of a site of two zones."
        case .logLevel: "trace, debug, info, notice, warning, error, critical."
        }
    }

    /// Whether SIGHUP takes a new value over; the others need a restart.
    var isReloadable: Bool {
        switch self {
        case .data, .shards, .http, .statsd, .statsdUnix, .syslog, .connectionsMax, .clusterInit,
            .join, .peers, .advertise, .advertiseHTTP, .nodeName, .zone, .zoneFile, .peerCert,
            .peerKey, .peerCA, .peerPlain, .replaceAfter, .imageRate, .witness, .adminAPI:
            false
        default: true
        }
    }

    var environmentName: String {
        "VARVE_" + rawValue.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    /// The key in the TOML file, at the top level.
    var fileKey: String { rawValue.map { $0 == "-" ? "_" : String($0) }.joined() }

    var help: String {
        "\(summary) [\(environmentName), \(fileKey)] (default: \(standard)"
            + (isReloadable ? "" : "; restart to change") + ")"
    }
}

/// A setting that is wrong: one line for a person.
struct SettingError: Error, CustomStringConvertible {
    var description: String

    /// `where` the value came from: a flag, a variable, a file's key.
    init(_ source: String, _ value: String, _ allowed: String) {
        description = "\(source) is \"\(value)\": \(allowed)"
    }

    init(_ sentence: String) { description = sentence }
}
