package import Cluster
internal import Ingest
package import Logging
internal import Model
internal import NIOCore
internal import NIOPosix
package import Platform
internal import Query
internal import Synchronization

/// A running server: the node, its listeners and its HTTP, started and stopped in order.
package final class VarveServer: Sendable {
    /// Where it listens, with the ports that the system chose.
    package struct Addresses: Sendable, Hashable {
        package var http: Endpoint?
        package var statsd: Endpoint?
        package var statsdUnix: Endpoint?
        package var syslog: Endpoint?
        package var peers: Endpoint?
    }

    package let addresses: Addresses

    private let node: Node
    private let statsd: StatsdService?
    private let syslog: SyslogService?
    private let rules: RuleService
    private let scrapes: ScrapeService
    private let retention: RetentionService
    private let http: HTTPService?
    private let httpTask: Task<Void, any Error>?
    private let group: MultiThreadedEventLoopGroup
    private let limits: AdjustableLimits
    private let logger: Logger

    /// What is read anew for each request.
    private struct AdjustableLimits: Sendable {
        let query: Adjustable<QueryContext.Limits>
        let ingest: Adjustable<IngestLimits>
        let shown: Adjustable<ShownSettings>

        init(_ configuration: ServerConfiguration) {
            query = Adjustable(configuration.queryLimits)
            ingest = Adjustable(configuration.ingestLimits)
            shown = Adjustable(configuration.shown)
        }
    }

    private init(
        addresses: Addresses, node: Node, statsd: StatsdService?, syslog: SyslogService?,
        rules: RuleService, scrapes: ScrapeService, retention: RetentionService,
        http: HTTPService?,
        httpTask: Task<Void, any Error>?,
        group: MultiThreadedEventLoopGroup, limits: AdjustableLimits, logger: Logger
    ) {
        self.addresses = addresses
        self.node = node
        self.statsd = statsd
        self.syslog = syslog
        self.rules = rules
        self.scrapes = scrapes
        self.retention = retention
        self.http = http
        self.httpTask = httpTask
        self.group = group
        self.limits = limits
        self.logger = logger
    }

    /// Opens the data, then the listeners, HTTP last: who is answered there can already write
    /// everywhere. Throws `ServerError`, `NodeError` or `NetworkError`, each one line for a
    /// person; then nothing runs.
    package static func start(
        _ configuration: ServerConfiguration, in world: Node.Surroundings, logger: Logger
    ) async throws -> VarveServer {
        var world = world
        world.reducers = QueryReducers()
        let place = try await configuration.cluster?.entry.enter(in: world)
        try Task.checkCancellation()
        let node = try Node.start(configuration.node, as: place, in: world)
        ProcessFigures.register(in: world.telemetry, version: configuration.version)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let limits = AdjustableLimits(configuration)
        var addresses = Addresses()
        var statsd: StatsdService?
        var syslog: SyslogService?
        let context = QueryContext(
            querier: node.querier, time: world.time, limits: limits.query,
            version: configuration.version)
        let rules = RuleService(
            configuration.rules, of: node, reading: context, in: world, logger: logger)
        let scrapes = ScrapeService(
            configuration.scrapes, of: node, limits: limits.ingest,
            version: configuration.version, in: world, logger: logger)
        let retention = RetentionService(
            configuration.retention, of: node, reading: context, in: world, logger: logger)
        do {
            addresses.peers = try await startPeers(configuration, node, world, group)
            statsd = try await startStatsd(configuration, node, world, group)
            addresses.statsd = statsd?.endpoints.udp
            addresses.statsdUnix = statsd?.endpoints.unix
            syslog = try await startSyslog(configuration, node, world, group)
            addresses.syslog = syslog?.udpEndpoint
            var http: HTTPService?
            var task: Task<Void, any Error>?
            if case .inet(let host, let port)? = configuration.http {
                var table = RouteTable()
                RulesAPI(service: rules, keeper: { DutyRelay.keeper(beside: node) })
                    .addRoutes(to: &table)
                LokiRulesAPI(service: rules).addRoutes(to: &table)
                TargetsAPI(service: scrapes, keeper: { DutyRelay.keeper(beside: node) })
                    .addRoutes(to: &table)
                let service = makeHTTP(configuration, limits, node, context, table, world, logger)
                let (running, bound) = try await run(service, host: host, port: port)
                addresses.http = .inet(host: host, port: bound)
                (http, task) = (service, running)
            }
            rules.start()
            scrapes.start()
            retention.start()
            return VarveServer(
                addresses: addresses, node: node, statsd: statsd, syslog: syslog, rules: rules,
                scrapes: scrapes, retention: retention, http: http, httpTask: task, group: group,
                limits: limits,
                logger: logger)
        } catch {
            await retention.stop()
            await scrapes.stop()
            await rules.stop()
            _ = await statsd?.stop()
            await syslog?.stop()
            node.stop()
            throw error
        }
    }

    /// Stops listening, flushes what is aggregated, makes everything durable and closes.
    package func stop() async {
        await syslog?.stop()
        if await statsd?.stop() == false {
            logger.error("statsd: the last interval could not be delivered")
        }
        await retention.stop()
        await scrapes.stop()
        await rules.stop()
        await http?.stop()
        // Requests in hand had their grace; how HTTP ended is of no interest any more.
        _ = await httpTask?.result
        node.stop()
        await withCheckedContinuation { continuation in
            group.shutdownGracefully { _ in continuation.resume() }
        }
    }

    /// Takes over what can change while it runs: bounds of data, queries and bodies, how statsd and
    /// syslog are read, rules, what is scraped, retention by selector. The rest needs a restart.
    package func reload(_ configuration: ServerConfiguration) {
        node.reload(configuration.node)
        statsd?.reload(configuration.statsdOptions)
        syslog?.reload(configuration.syslogOptions)
        http?.setLimits(
            bodyBytesMax: configuration.bodyBytesMax, queriesMax: configuration.queriesMax)
        limits.query.value = configuration.queryLimits
        limits.ingest.value = configuration.ingestLimits
        limits.shown.value = configuration.shown
        rules.reload(configuration.rules)
        scrapes.reload(configuration.scrapes)
        retention.reload(configuration.retention)
    }

    /// Gives a member its way to the others; where it listens for them.
    private static func startPeers(
        _ configuration: ServerConfiguration, _ node: Node, _ world: Node.Surroundings,
        _ group: MultiThreadedEventLoopGroup
    ) async throws -> Endpoint? {
        guard let cluster = configuration.cluster, let membership = node.cluster else { return nil }
        let transport = try await TCPPeerTransport.start(
            membership.hello, listen: cluster.listen, security: cluster.entry.security,
            receiver: membership.receiver, telemetry: world.telemetry, time: world.time,
            group: group, onNotice: world.onNotice)
        membership.attach(transport)
        return transport.endpoint
    }

    private static func startStatsd(
        _ configuration: ServerConfiguration, _ node: Node, _ world: Node.Surroundings,
        _ group: MultiThreadedEventLoopGroup
    ) async throws -> StatsdService? {
        let wanted = configuration.statsd
        guard wanted.network != nil || wanted.unixPath != nil else { return nil }
        var endpoints = StatsdService.Endpoints(
            udp: wanted.network, tcp: wanted.network,
            unix: wanted.unixPath.map { Endpoint.unix(path: $0) })
        endpoints.streams.connectionCountMax = configuration.connectionsMax
        return try await StatsdService.start(
            endpoints, options: configuration.statsdOptions,
            in: StatsdService.Surroundings(
                appender: node.appender, time: world.time, timers: world.timers,
                random: world.random, telemetry: world.telemetry, group: group))
    }

    private static func startSyslog(
        _ configuration: ServerConfiguration, _ node: Node, _ world: Node.Surroundings,
        _ group: MultiThreadedEventLoopGroup
    ) async throws -> SyslogService? {
        guard let endpoint = configuration.syslog else { return nil }
        var options = SyslogService.Options()
        options.udp = endpoint
        options.tcp = endpoint
        options.syslog = configuration.syslogOptions
        options.streams.connectionCountMax = configuration.connectionsMax
        return try await SyslogService.start(
            options, appender: node.appender, telemetry: world.telemetry, time: world.time,
            timers: world.timers, random: world.random, group: group)
    }

    private static func makeHTTP(
        _ configuration: ServerConfiguration, _ adjustable: AdjustableLimits, _ node: Node,
        _ context: QueryContext, _ services: RouteTable, _ world: Node.Surroundings,
        _ logger: Logger
    ) -> HTTPService {
        let logs = LogQLEngine(querier: node.querier)
        var table = services
        AdminAPI(node: node, telemetry: world.telemetry, version: configuration.version)
            .addRoutes(to: &table)
        let gate = AdminGate(isOpen: configuration.hasAdminAPI)
        let deletions = DeletionAPI(node: node, time: world.time, gate: gate)
        deletions.addRoutes(to: &table)
        SnapshotAPI(node: node, gate: gate, time: world.time, random: world.random)
            .addRoutes(to: &table)
        ClusterAPI(node: node).addRoutes(to: &table)
        let metrics = PromQLEngine(clock: context.queryClock)
        PrometheusAPI(engine: metrics, context: context).addRoutes(to: &table)
        FederationAPI(context: context, lookbackNanos: metrics.options.lookbackNanos)
            .addRoutes(to: &table)
        ExemplarAPI(context: context).addRoutes(to: &table)
        RemoteReadAPI(context: context, limits: adjustable.ingest).addRoutes(to: &table)
        StatusAPI(context: context, settings: adjustable.shown, started: context.now())
            .addRoutes(to: &table)
        FeaturesAPI().addRoutes(to: &table)
        LokiAPI(engine: logs, context: context, intake: adjustable.ingest).addRoutes(to: &table)
        LogEventAPI(engine: logs, context: context, timers: world.timers).addRoutes(to: &table)
        LogPlanAPI(node: node, context: context).addRoutes(to: &table)
        LogHitsAPI(engine: logs, context: context).addRoutes(to: &table)
        LogStreamAPI(
            engine: logs, context: context, timers: world.timers, time: world.time
        )
        .addRoutes(to: &table)
        LogTailAPI(engine: logs, context: context, timers: world.timers).addRoutes(to: &table)
        DeisAPI(engine: logs, context: context, delete: { try await deletions.delete($0) })
            .addRoutes(to: &table)
        PushAPI(
            appender: node.appender, caches: SeriesCaches(seed: world.random.next()),
            adjustableLimits: adjustable.ingest, time: world.time, telemetry: world.telemetry,
            version: configuration.version
        ).addRoutes(to: &table)
        var limits = HTTPService.Limits()
        limits.bodyBytesMax = configuration.bodyBytesMax
        limits.queriesMax = configuration.queriesMax
        limits.connectionsMax = configuration.connectionsMax
        return HTTPService(
            table: table, limits: limits,
            executor: QueryExecutor(name: "query", threadCount: max(System.coreCount, 2)),
            telemetry: world.telemetry, time: world.time, logger: logger)
    }

    /// Returns when connections are taken, with the bound port.
    private static func run(
        _ http: HTTPService, host: String, port: Int
    ) async throws -> (Task<Void, any Error>, Int) {
        let (ports, ready) = AsyncStream.makeStream(of: Int.self)
        let task = Task {
            defer { ready.finish() }
            try await http.run(host: host, port: port) { ready.yield($0) }
        }
        var iterator = ports.makeAsyncIterator()
        if let bound = await iterator.next() { return (task, bound) }
        do {
            try await task.value
        } catch {
            throw ServerError("cannot listen on \(host):\(port) for HTTP: \(error)")
        }
        throw ServerError("HTTP on \(host):\(port) ended before it began")
    }
}
