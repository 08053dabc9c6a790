import Foundation
import Model
import Platform
import Server
import Simulator
import Synchronization
import Testing

/// Rules over series in memory and a clock that the test moves.
final class RuleWorld: Sendable {
    let time = ManualTime(wallNanos: 1_700_000_000_000_000_000)
    let store: RuleTestStore
    let carrier = KeptRequests()
    let telemetry = Telemetry()
    let warnings = Mutex<[String]>([])
    let isKeeper = Mutex(true)

    /// What is read: `store`, with gaps when the test wants them.
    let querier: GappyStore

    init(store: RuleTestStore = RuleTestStore()) {
        self.store = store
        querier = GappyStore(store)
    }

    func configuration(
        _ text: String, resendSeconds: Int64 = 60, graceSeconds: Int64 = 600
    ) throws -> RuleConfiguration {
        var configuration = RuleConfiguration()
        configuration.setAlertmanagers(
            ["http://am:9093/"], resendNanos: resendSeconds * 1_000_000_000)
        configuration.setExternal(labels: [("site", "north")], url: "http://varve/")
        configuration.setRestore(
            outageNanos: 3_600_000_000_000, graceNanos: graceSeconds * 1_000_000_000)
        try configuration.setFiles(
            [("rules.yaml", text)], intervalNanos: 60_000_000_000)
        return configuration
    }

    /// One that knows already whether it is the keeper.
    func service(_ configuration: RuleConfiguration) -> RuleService {
        let service = RuleService(
            configuration,
            in: RuleService.Surroundings(
                context: QueryContext(
                    querier: querier, time: time, limits: Adjustable(QueryContext.Limits()),
                    version: "test"),
                appender: store, time: time, timers: time, telemetry: telemetry,
                carrier: carrier, isKeeper: { [self] in isKeeper.withLock { $0 } },
                warn: { [self] line in warnings.withLock { $0.append(line) } }))
        _ = service.takeDue()
        return service
    }

    /// Lets so many minutes pass, each with its evaluations.
    func pass(minutes: Int, _ service: RuleService) async {
        for _ in 0..<minutes {
            time.advance(byNanos: 60_000_000_000)
            for work in service.takeDue() { await service.perform(work) }
        }
    }

    /// A sample of now.
    func put(_ name: String, _ value: Double, _ labels: [(String, String)] = []) {
        var batch = WriteBatch(tenant: .standard)
        batch.series = [
            SeriesReference(tenant: .standard, labels: Labels([("__name__", name)] + labels))
        ]
        batch.samples.append(seriesIndex: 0, timestamp: time.wallNanos(), value: value)
        store.take(batch)
    }

    /// What was last written of a metric, by the labels besides its name; stale ones as NaN.
    func last(_ name: String) async throws -> [Labels: Double] {
        var found: [Labels: Double] = [:]
        _ = try await store.selectSeries(
            SeriesRequest(
                tenant: .standard, selector: Selector([Matcher("__name__", equals: name)]),
                start: .distantPast, end: .distantFuture, budget: QueryBudget())
        ) { batch in
            for series in batch { found[series.labels.withoutMetricName] = series.values.last }
        }
        return found
    }

    func json(_ answer: HTTPAnswer) throws -> [String: Any] {
        guard case .bytes(let bytes) = answer.body else { return [:] }
        let whole = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        return whole?["data"] as? [String: Any] ?? [:]
    }

    /// The rules of all groups, as the API tells of them.
    func rules(
        _ service: RuleService, _ parameters: [(String, String)] = []
    ) throws -> [[String: Any]] {
        var form = FormParameters()
        for (name, value) in parameters { form.add(name, value) }
        let api = RulesAPI(service: service, keeper: { nil })
        let data = try json(
            api.rules(HTTPCall(method: .get, path: "/api/v1/rules", parameters: form)))
        let groups = data["groups"] as? [[String: Any]] ?? []
        return groups.flatMap { $0["rules"] as? [[String: Any]] ?? [] }
    }

    /// State and beginning of the alerts that are active.
    func alerts(_ service: RuleService) throws -> [String] {
        let api = RulesAPI(service: service, keeper: { nil })
        let data = try json(api.alerts(HTTPCall(method: .get, path: "/api/v1/alerts")))
        let alerts = data["alerts"] as? [[String: Any]] ?? []
        return alerts.map { "\($0["state"] ?? "") \($0["activeAt"] ?? "")" }
    }

    /// The figure of that name, summed over its labels.
    func figure(_ name: String) -> Double {
        let family = telemetry.snapshot().first { $0.name == name }
        return family?.samples.reduce(0) { $0 + $1.value } ?? 0
    }
}

/// An Alertmanager that keeps what it is told, or is away.
final class KeptRequests: AlertCarrier {
    private struct State {
        var bodies: [String] = []
        var isAway = false
    }

    private let state = Mutex(State())

    var bodies: [String] { state.withLock { $0.bodies } }

    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

    func post(_ body: [UInt8], to url: String) async throws(NetworkError) {
        let isAway = state.withLock { state in
            if !state.isAway { state.bodies.append(String(decoding: body, as: UTF8.self)) }
            return state.isAway
        }
        if isAway { throw .cannotConnect(endpoint: url, reason: "away") }
    }
}
