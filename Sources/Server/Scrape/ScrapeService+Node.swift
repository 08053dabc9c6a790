internal import Cluster
internal import Ingest
internal import Logging
internal import Platform

/// Scrapes of a node: over the network, written through its door, done where the cluster's leader is.
extension ScrapeService {
    convenience init(
        _ configuration: ScrapeConfiguration, of node: Node, limits: Adjustable<IngestLimits>,
        version: String, in world: Node.Surroundings, logger: Logger
    ) {
        self.init(
            configuration,
            in: Surroundings(
                appender: node.appender, time: world.time, timers: world.timers,
                telemetry: world.telemetry, fetcher: HTTPScrapeFetcher(time: world.time),
                seed: world.random.next(), limits: limits, version: version,
                read: TextFile.read, expand: TextFile.expand,
                isKeeper: { node.isReady && node.duty == .here },
                warn: { logger.warning("\($0)") }))
    }
}
