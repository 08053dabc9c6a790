internal import Platform
internal import Synchronization

/// Tells all Alertmanagers of alerts.
final class Notifier: Sendable {
    private struct State {
        var links: [AlertmanagerLink] = []
        var tasks: [String: Task<Void, Never>] = [:]
        var externalLabels: [RulePair] = []
    }

    private let state = Mutex(State())
    private let carrier: any AlertCarrier
    private let time: any TimeSource
    private let telemetry: Telemetry
    private let warn: @Sendable (String) -> Void

    init(
        carrier: any AlertCarrier, time: any TimeSource, telemetry: Telemetry,
        warn: @escaping @Sendable (String) -> Void
    ) {
        self.carrier = carrier
        self.time = time
        self.telemetry = telemetry
        self.warn = warn
    }

    /// Addresses that alerts are posted to, in the order of the setting.
    var urls: [String] { state.withLock { $0.links.map(\.url) } }

    /// Takes over which Alertmanagers there are; those that stay keep what waits for them.
    func configure(alertmanagers: [String], externalLabels: [RulePair]) {
        state.withLock { state in
            state.externalLabels = externalLabels
            let old = Dictionary(uniqueKeysWithValues: state.links.map { ($0.url, $0) })
            var links: [AlertmanagerLink] = []
            for address in alertmanagers {
                let url = AlertmanagerLink.endpoint(of: address)
                guard !links.contains(where: { $0.url == url }) else { continue }
                if let link = old[url] {
                    links.append(link)
                    continue
                }
                let link = AlertmanagerLink(
                    address, carrier: carrier, time: time, telemetry: telemetry, warn: warn)
                links.append(link)
                state.tasks[url] = Task { await link.run() }
            }
            for (url, link) in old where !links.contains(where: { $0.url == url }) {
                link.close()
                state.tasks[url] = nil
            }
            state.links = links
        }
    }

    /// Queues alerts for all of them.
    func send(_ alerts: [OutgoingAlert]) {
        let (links, external) = state.withLock { ($0.links, $0.externalLabels) }
        let labelled = alerts.map { $0.labelled(external) }
        for link in links { link.add(labelled) }
    }

    /// Sends what waits and ends; an Alertmanager that does not answer is given up.
    func stop() async {
        let (links, tasks) = state.withLock { state in
            defer { (state.links, state.tasks) = ([], [:]) }
            return (state.links, Array(state.tasks.values))
        }
        for link in links { link.close() }
        for task in tasks { await task.value }
    }
}
