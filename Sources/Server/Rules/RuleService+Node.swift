internal import Cluster
internal import Logging
internal import Platform

/// Rules of a node: read and written through its doors, evaluated where the cluster's leader is.
extension RuleService {
    convenience init(
        _ configuration: RuleConfiguration, of node: Node, reading context: QueryContext,
        in world: Node.Surroundings, logger: Logger
    ) {
        self.init(
            configuration,
            in: Surroundings(
                context: context, appender: node.appender, time: world.time,
                timers: world.timers, telemetry: world.telemetry, carrier: HTTPAlertCarrier(),
                isKeeper: { node.isReady && node.duty == .here },
                warn: { logger.warning("\($0)") }))
    }
}
