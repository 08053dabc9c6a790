internal import Cluster
internal import Logging
internal import Model
internal import Platform

/// Retention of a node's data: applied where the cluster's leader is.
extension RetentionService {
    convenience init(
        _ configuration: RetentionConfiguration, of node: Node, reading context: QueryContext,
        in world: Node.Surroundings, logger: Logger
    ) {
        self.init(
            configuration,
            in: Surroundings(
                context: context, time: world.time, timers: world.timers,
                telemetry: world.telemetry,
                isKeeper: { node.isReady && node.duty == .here },
                delete: { deletion async throws(AppendError) in try await node.delete(deletion) },
                warn: { logger.warning("\($0)") }))
    }
}
