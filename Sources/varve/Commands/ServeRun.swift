internal import ArgumentParser
internal import Cluster
internal import Foundation
internal import Logging
internal import Platform
internal import Server

/// One life of `varve serve`: settings, start, the first words, signals, the orderly end.
struct ServeRun {
    let flags: [Setting: String]
    let configPath: String?

    func run() async throws {
        var sources = try readSources()
        let configuration = try sources.serverConfiguration()
        let level = LogLevel(try sources.logLevel())
        LoggingSystem.bootstrap { LevelledLogHandler(label: $0, level: level) }
        let logger = Logger(label: "varve")
        let directory = sources[.data].text
        let disk = try LocalDisk(root: directory)
        try disk.lock()
        let world = Node.Surroundings(
            disk: disk, time: SystemTime(), timers: SystemTimers(), random: SystemRandom(),
            telemetry: Telemetry(),
            onNotice: { logger.notice("\($0)") },
            onFatal: { sentence in
                // Nothing that was not synced was acknowledged; going on could only make it worse.
                Terminal.complain(sentence)
                Foundation.exit(70)
            })
        let signals = SignalWatcher([.terminate, .interrupt, .hangup])
        let starting = Task {
            try await VarveServer.start(configuration, in: world, logger: logger)
        }
        var server: VarveServer?
        var isStopping = false
        for await event in events(starting, signals) {
            switch event {
            case .ended(.success(let started)):
                server = started
                if !isStopping { greet(started.addresses, directory) }
            case .ended(.failure(let error)):
                if !isStopping { throw error }
                logger.info("stopped before it had started")
                return
            case .signal(.hangup):
                if let server { reload(server, &sources, level, logger) }
            case .signal:
                isStopping = true
                starting.cancel()
            }
            if isStopping, server != nil { break }
        }
        guard let server else { return }
        logger.info("stopping")
        await server.stop()
        logger.info("stopped")
    }

    private enum Event: Sendable {
        case ended(Result<VarveServer, any Error>)
        case signal(SignalWatcher.Signal)
    }

    /// The start's end and all signals, in the order in which they come: a node may wait long for a
    /// cluster to join.
    private func events(
        _ starting: Task<VarveServer, any Error>, _ signals: SignalWatcher
    ) -> AsyncStream<Event> {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        Task { continuation.yield(.ended(await starting.result)) }
        Task { for await signal in signals.stream { continuation.yield(.signal(signal)) } }
        return events
    }

    private func readSources() throws(SettingError) -> SettingSources {
        let environment = ProcessInfo.processInfo.environment
        return try SettingSources(
            flags: flags, environment: environment,
            file: configPath ?? environment["VARVE_CONFIG"])
    }

    /// All of it or nothing: what is wrong leaves every setting as it was.
    private func reload(
        _ server: VarveServer, _ sources: inout SettingSources, _ level: LogLevel,
        _ logger: Logger
    ) {
        do {
            let new = try readSources()
            let configuration = try new.serverConfiguration()
            let newLevel = try new.logLevel()
            server.reload(configuration)
            // Said before a higher level would keep it from being said.
            level.set(min(level.value, newLevel))
            defer { level.set(newLevel) }
            let changed = Setting.allCases.filter { new[$0].text != sources[$0].text }
            let taken = changed.filter(\.isReloadable).map(\.rawValue)
            let left = changed.filter { !$0.isReloadable }.map(\.rawValue)
            var sentence = "settings read again"
            if !taken.isEmpty { sentence += "; changed: \(taken.joined(separator: ", "))" }
            if !left.isEmpty { sentence += "; need a restart: \(left.joined(separator: ", "))" }
            logger.notice("\(sentence)")
            sources.takeReloadable(of: new)
        } catch {
            logger.error("settings stay as they were: \(error)")
        }
    }

    private func greet(_ addresses: VarveServer.Addresses, _ directory: String) {
        var lines = ["varve \(VarveVersion.text), data in \(directory)"]
        if let http = addresses.http {
            lines.append("  HTTP    http://\(http)  (PromQL, LogQL, pushes, /metrics)")
        }
        if let statsd = addresses.statsd { lines.append("  statsd  \(statsd)  UDP and TCP") }
        if let unix = addresses.statsdUnix { lines.append("  statsd  \(unix)") }
        if let syslog = addresses.syslog { lines.append("  syslog  \(syslog)  UDP and TCP") }
        if let peers = addresses.peers { lines.append("  peers   \(peers)  TCP") }
        if case .inet(let host, let port)? = addresses.statsd {
            lines.append("Try it, in another terminal:")
            lines.append("  echo \"web.hits:3|c|#env:prod\" | nc -u -w0 \(host) \(port)")
            lines.append("  .build/release/varve query 'increase(web_hits[5m])'")
        }
        Terminal.print(lines)
    }
}

extension SettingSources {
    /// All settings as the server takes them.
    func serverConfiguration() throws(SettingError) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.version = VarveVersion.text
        configuration.shown = ShownSettings(
            Setting.allCases.map { ($0.rawValue, self[$0].text) },
            readNanos: SystemTime().wallNanos())
        configuration.node.shardCount = try count(.shards, 1...4_096)
        configuration.node.retentionNanos = try optionalDuration(.retention, atLeast: second)
        configuration.node.imageBytesPerSecond = try byteCount(.imageRate, atLeast: 1 << 20)
        configuration.node.retentionBytesMax = try byteCount(.retentionBytes, atLeast: 1 << 20)
        configuration.node.sealAgeNanos = try duration(.sealAfter, atLeast: second)
        configuration.node.memoryBytesMax = try byteCount(.memory, atLeast: 16 << 20) ?? .max
        configuration.http = try endpoint(.http)
        configuration.statsd.network = try endpoint(.statsd)
        configuration.statsd.unixPath = path(.statsdUnix)
        configuration.syslog = try endpoint(.syslog)
        configuration.bodyBytesMax = try byteCount(.bodyMax, atLeast: 1 << 10) ?? .max
        configuration.decodedBytesMax = try byteCount(.bodyDecodedMax, atLeast: 1 << 10) ?? .max
        configuration.queryLimits.timeoutNanos = try duration(
            .queryTimeout, atLeast: second / 100)
        configuration.queryLimits.samplesMax = try count(.querySamplesMax, 1...(.max))
        configuration.queryLimits.seriesMax = try count(.querySeriesMax, 1...(.max))
        configuration.queriesMax = try count(.queryConcurrency, 1...100_000)
        configuration.hasAdminAPI = try isOn(.adminAPI)
        configuration.connectionsMax = try count(.connectionsMax, 1...1_000_000)
        try addLabelLimits(to: &configuration)
        try addStatsd(to: &configuration)
        try addSyslog(to: &configuration)
        configuration.cluster = try clusterConfiguration(http: configuration.http)
        try addRules(to: &configuration)
        try addScrapes(to: &configuration)
        try addRetention(to: &configuration)
        return configuration
    }

    private func addLabelLimits(
        to configuration: inout ServerConfiguration
    ) throws(SettingError) {
        configuration.setLabelLimits(
            countMax: try count(.labelsMax, 1...4_096),
            nameBytesMax: try byteCount(.labelNameMax, atLeast: 16) ?? .max,
            valueBytesMax: try byteCount(.labelValueMax, atLeast: 16) ?? .max)
    }

    private func addStatsd(to configuration: inout ServerConfiguration) throws(SettingError) {
        configuration.setStatsd(
            tenant: try tenantName(.statsdTenant),
            keepsNames: try choice(.statsdNames, ["underscore": false, "verbatim": true]),
            signsChange: try choice(.statsdGaugeSign, ["delta": true, "absolute": false]),
            countsUnknown: try choice(.statsdUnknownTypes, ["reject": false, "counter": true]),
            intervalNanos: try duration(.flushInterval, atLeast: second / 10))
        configuration.setStatsdLimits(
            seriesMax: try count(.statsdSeriesMax, 1...(.max)),
            newSeriesPerSecond: try count(.statsdNewSeriesMax, 1...1_000_000_000))
        guard let path = path(.statsdMapping) else { return }
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw SettingError(
                "\(self[.statsdMapping].source): cannot read \(path): \(error.localizedDescription)"
            )
        }
        do {
            try configuration.setStatsdMapping(text)
        } catch {
            throw SettingError("\(path): \(error)")
        }
    }

    private func addSyslog(to configuration: inout ServerConfiguration) throws(SettingError) {
        configuration.setSyslog(
            tenant: try tenantName(.syslogTenant),
            lineBytesMax: try byteCount(.syslogLineMax, atLeast: 480) ?? .max,
            trustsTimestamps: try choice(.syslogTimestamps, ["message": true, "arrival": false]))
        configuration.setLevelDiscovery(
            try choice(.discoverLogLevels, ["on": true, "off": false]))
        let start = self[.syslogMultilineStart]
        let waitNanos = try duration(.syslogMultilineWait, atLeast: second / 100)
        let linesMax = try count(.syslogMultilineLines, 2...1_000_000)
        let joinsDocker = try choice(.syslogJoinDocker, ["on": true, "off": false])
        do {
            try configuration.setSyslogJoining(
                start: start.text == "off" ? nil : start.text, waitNanos: waitNanos,
                linesMax: linesMax, joinsDockerPieces: joinsDocker)
        } catch {
            throw SettingError(start.source, start.text, "\(error)")
        }
    }

    func tenantName(_ setting: Setting) throws(SettingError) -> String {
        let value = self[setting]
        guard ServerConfiguration.isTenant(value.text) else {
            throw SettingError(
                value.source, value.text, "1 to 150 of a-z A-Z 0-9 ! - _ . * ' ( ) are allowed")
        }
        return value.text
    }

    var second: Int64 { 1_000_000_000 }

    func logLevel() throws(SettingError) -> Logger.Level {
        let value = self[.logLevel]
        guard let level = Logger.Level(rawValue: value.text) else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingError(value.source, value.text, "one of \(names) is allowed")
        }
        return level
    }
}
