internal import ArgumentParser
internal import Cluster
internal import Foundation
internal import Logging
internal import Platform
internal import Server

/// `varve serve`: runs a node until SIGTERM or SIGINT.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run a node.",
        discussion: """
            Every setting can be given as a flag, as an environment variable or in a TOML file \
            (--config), in this order of precedence; the names are in brackets behind each. The \
            file has the keys at its top level: retention = "90d". SIGTERM and SIGINT flush and \
            stop. SIGHUP reads the file again and takes over all that needs no restart; when the \
            file is wrong everything stays as it is.
            """)

    @Option(help: "The TOML file. [VARVE_CONFIG]") var config: String?
    @OptionGroup var flags: SettingFlags

    mutating func run() async throws {
        do {
            try await ServeRun(flags: flags.given, configPath: config).run()
        } catch let exit as ExitCode {
            throw exit
        } catch {
            Terminal.complain("\(error)")
            throw ExitCode(2)
        }
    }
}

/// A flag for every setting.
struct SettingFlags: ParsableArguments {
    @Option(help: .init(Setting.data.help)) var data: String?
    @Option(help: .init(Setting.shards.help)) var shards: String?
    @Option(help: .init(Setting.http.help)) var http: String?
    @Option(help: .init(Setting.statsd.help)) var statsd: String?
    @Option(help: .init(Setting.statsdUnix.help)) var statsdUnix: String?
    @Option(help: .init(Setting.statsdTenant.help)) var statsdTenant: String?
    @Option(help: .init(Setting.statsdNames.help)) var statsdNames: String?
    @Option(help: .init(Setting.statsdGaugeSign.help)) var statsdGaugeSign: String?
    @Option(help: .init(Setting.statsdUnknownTypes.help)) var statsdUnknownTypes: String?
    @Option(help: .init(Setting.statsdMapping.help)) var statsdMapping: String?
    @Option(help: .init(Setting.flushInterval.help)) var flushInterval: String?
    @Option(help: .init(Setting.syslog.help)) var syslog: String?
    @Option(help: .init(Setting.syslogTenant.help)) var syslogTenant: String?
    @Option(help: .init(Setting.syslogLineMax.help)) var syslogLineMax: String?
    @Option(help: .init(Setting.syslogTimestamps.help)) var syslogTimestamps: String?
    @Option(help: .init(Setting.syslogMultilineStart.help)) var syslogMultilineStart: String?
    @Option(help: .init(Setting.syslogMultilineWait.help)) var syslogMultilineWait: String?
    @Option(help: .init(Setting.syslogMultilineLines.help)) var syslogMultilineLines: String?
    @Option(help: .init(Setting.syslogJoinDocker.help)) var syslogJoinDocker: String?
    @Option(help: .init(Setting.discoverLogLevels.help)) var discoverLogLevels: String?
    @Option(help: .init(Setting.retention.help)) var retention: String?
    @Option(help: .init(Setting.retentionBytes.help)) var retentionBytes: String?
    @Option(help: .init(Setting.sealAfter.help)) var sealAfter: String?
    @Option(help: .init(Setting.memory.help)) var memory: String?
    @Option(help: .init(Setting.labelsMax.help)) var labelsMax: String?
    @Option(help: .init(Setting.labelNameMax.help)) var labelNameMax: String?
    @Option(help: .init(Setting.labelValueMax.help)) var labelValueMax: String?
    @Option(help: .init(Setting.statsdSeriesMax.help)) var statsdSeriesMax: String?
    @Option(help: .init(Setting.statsdNewSeriesMax.help)) var statsdNewSeriesMax: String?
    @Option(help: .init(Setting.connectionsMax.help)) var connectionsMax: String?
    @Option(help: .init(Setting.bodyMax.help)) var bodyMax: String?
    @Option(help: .init(Setting.bodyDecodedMax.help)) var bodyDecodedMax: String?
    @Option(help: .init(Setting.queryTimeout.help)) var queryTimeout: String?
    @Option(help: .init(Setting.querySamplesMax.help)) var querySamplesMax: String?
    @Option(help: .init(Setting.querySeriesMax.help)) var querySeriesMax: String?
    @Option(help: .init(Setting.queryConcurrency.help)) var queryConcurrency: String?
    @Option(help: .init(Setting.rules.help)) var rules: String?
    @Option(help: .init(Setting.rulesInterval.help)) var rulesInterval: String?
    @Option(help: .init(Setting.rulesTenant.help)) var rulesTenant: String?
    @Option(help: .init(Setting.rulesOutage.help)) var rulesOutage: String?
    @Option(help: .init(Setting.rulesGrace.help)) var rulesGrace: String?
    @Option(help: .init(Setting.retentionRules.help)) var retentionRules: String?
    @Option(help: .init(Setting.scrapeConfig.help)) var scrapeConfig: String?
    @Option(help: .init(Setting.scrapeTenant.help)) var scrapeTenant: String?
    @Option(help: .init(Setting.alertmanager.help)) var alertmanager: String?
    @Option(help: .init(Setting.alertResend.help)) var alertResend: String?
    @Option(help: .init(Setting.externalLabels.help)) var externalLabels: String?
    @Option(name: .customLong("external-url"), help: .init(Setting.externalURL.help))
    var externalURL: String?
    @Flag(help: .init(Setting.clusterInit.help)) var clusterInit = false
    @Option(help: .init(Setting.join.help)) var join: String?
    @Option(help: .init(Setting.peers.help)) var peers: String?
    @Option(help: .init(Setting.advertise.help)) var advertise: String?
    @Option(name: .customLong("advertise-http"), help: .init(Setting.advertiseHTTP.help))
    var advertiseHTTP: String?
    @Option(help: .init(Setting.nodeName.help)) var nodeName: String?
    @Option(help: .init(Setting.zone.help)) var zone: String?
    @Option(help: .init(Setting.zoneFile.help)) var zoneFile: String?
    @Option(help: .init(Setting.peerCert.help)) var peerCert: String?
    @Option(help: .init(Setting.peerKey.help)) var peerKey: String?
    @Option(name: .customLong("peer-ca"), help: .init(Setting.peerCA.help)) var peerCA: String?
    @Flag(help: .init(Setting.peerPlain.help)) var peerPlain = false
    @Option(help: .init(Setting.replaceAfter.help)) var replaceAfter: String?
    @Option(help: .init(Setting.imageRate.help)) var imageRate: String?
    @Flag(help: .init(Setting.witness.help)) var witness = false
    @Flag(name: .customLong("admin-api"), help: .init(Setting.adminAPI.help)) var adminAPI = false
    @Option(help: .init(Setting.logLevel.help)) var logLevel: String?

    /// Those that were given.
    var given: [Setting: String] {
        let all: [(Setting, String?)] = [
            (.data, data), (.shards, shards), (.http, http), (.statsd, statsd),
            (.statsdUnix, statsdUnix), (.statsdTenant, statsdTenant),
            (.statsdNames, statsdNames), (.statsdGaugeSign, statsdGaugeSign),
            (.statsdUnknownTypes, statsdUnknownTypes), (.statsdMapping, statsdMapping),
            (.flushInterval, flushInterval), (.syslog, syslog), (.syslogTenant, syslogTenant),
            (.syslogLineMax, syslogLineMax), (.syslogTimestamps, syslogTimestamps),
            (.syslogMultilineStart, syslogMultilineStart),
            (.syslogMultilineWait, syslogMultilineWait),
            (.syslogMultilineLines, syslogMultilineLines), (.syslogJoinDocker, syslogJoinDocker),
            (.discoverLogLevels, discoverLogLevels),
            (.retention, retention), (.retentionBytes, retentionBytes), (.sealAfter, sealAfter),
            (.memory, memory), (.labelsMax, labelsMax), (.labelNameMax, labelNameMax),
            (.labelValueMax, labelValueMax), (.statsdSeriesMax, statsdSeriesMax),
            (.statsdNewSeriesMax, statsdNewSeriesMax), (.connectionsMax, connectionsMax),
            (.bodyMax, bodyMax), (.bodyDecodedMax, bodyDecodedMax),
            (.queryTimeout, queryTimeout), (.querySamplesMax, querySamplesMax),
            (.querySeriesMax, querySeriesMax),
            (.queryConcurrency, queryConcurrency), (.rules, rules),
            (.rulesInterval, rulesInterval), (.rulesTenant, rulesTenant),
            (.rulesOutage, rulesOutage), (.rulesGrace, rulesGrace),
            (.retentionRules, retentionRules), (.scrapeConfig, scrapeConfig),
            (.scrapeTenant, scrapeTenant),
            (.alertmanager, alertmanager), (.alertResend, alertResend),
            (.externalLabels, externalLabels), (.externalURL, externalURL),
            (.logLevel, logLevel), (.join, join),
            (.peers, peers), (.advertise, advertise), (.advertiseHTTP, advertiseHTTP),
            (.nodeName, nodeName), (.zone, zone), (.zoneFile, zoneFile), (.peerCert, peerCert),
            (.peerKey, peerKey), (.peerCA, peerCA), (.replaceAfter, replaceAfter),
            (.imageRate, imageRate),
            (.clusterInit, clusterInit ? "on" : nil), (.peerPlain, peerPlain ? "on" : nil),
            (.witness, witness ? "on" : nil), (.adminAPI, adminAPI ? "on" : nil),
        ]
        var given: [Setting: String] = [:]
        for (setting, value) in all { given[setting] = value }
        return given
    }
}
