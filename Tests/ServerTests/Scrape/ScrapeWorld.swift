import Foundation
import Ingest
import Model
import Platform
import Server
import Simulator
import Synchronization
import Testing

/// Targets and files in memory, and a clock that the test moves.
final class ScrapeWorld: Sendable {
    private struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    private struct State {
        /// Bodies by URL; who is not there is away.
        var targets: [String: String] = [:]
        var files: [String: String] = [:]
        var asked: [ScrapeRequest] = []
        var warnings: [String] = []
        var isKeeper = true
        /// Whether targets take what is asked and never answer.
        var isHanging = false
    }

    let time = ManualTime(wallNanos: 1_700_000_000_000_000_000)
    let store = RuleTestStore()
    let telemetry = Telemetry()
    private let state = Mutex(State())

    func set(_ url: String, _ body: String?) { state.withLock { $0.targets[url] = body } }

    func setFile(_ path: String, _ text: String?) { state.withLock { $0.files[path] = text } }

    func setHanging(_ isHanging: Bool) { state.withLock { $0.isHanging = isHanging } }

    func setKeeper(_ isKeeper: Bool) { state.withLock { $0.isKeeper = isKeeper } }

    var asked: [ScrapeRequest] { state.withLock { $0.asked } }
    var warnings: [String] { state.withLock { $0.warnings } }

    func configuration(_ text: String) throws -> ScrapeConfiguration {
        var configuration = ScrapeConfiguration()
        try configuration.setFile(
            path: "etc/scrapes.yaml", text: text, read: { try self.read($0) },
            expand: { self.expand($0) })
        return configuration
    }

    /// One that knows already whether it is the keeper.
    func service(_ text: String) async throws -> ScrapeService {
        let service = ScrapeService(
            try configuration(text),
            in: ScrapeService.Surroundings(
                appender: store, time: time, timers: time, telemetry: telemetry,
                fetcher: self, seed: 1, limits: Adjustable(IngestLimits()), version: "test",
                read: { [self] in try read($0) }, expand: { [self] in expand($0) },
                isKeeper: { [self] in state.withLock { $0.isKeeper } },
                warn: { [self] line in state.withLock { $0.warnings.append(line) } }))
        for work in service.takeDue() { await service.perform(work) }
        return service
    }

    private func read(_ path: String) throws -> String {
        guard let text = state.withLock({ $0.files[path] }) else {
            throw Missing(description: "cannot read \(path)")
        }
        return text
    }

    /// A star stands for the rest.
    private func expand(_ pattern: String) -> [String] {
        guard let star = pattern.firstIndex(of: "*") else { return [pattern] }
        return state.withLock { $0.files.keys.sorted() }
            .filter { $0.hasPrefix(pattern[..<star]) }
    }

    /// Lets so many seconds pass, each with its work.
    func pass(seconds: Int, _ service: ScrapeService) async {
        for _ in 0..<seconds {
            time.advance(byNanos: 1_000_000_000)
            for work in service.takeDue() { await service.perform(work) }
        }
    }

    /// What was last written of a metric, by the labels besides its name.
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

    /// The times of all samples of a metric, ms.
    func times(_ name: String) async throws -> [Int64] {
        var found: [Int64] = []
        _ = try await store.selectSeries(
            SeriesRequest(
                tenant: .standard, selector: Selector([Matcher("__name__", equals: name)]),
                start: .distantPast, end: .distantFuture, budget: QueryBudget())
        ) { batch in
            for series in batch { found += series.timestamps.nanos.map { $0 / 1_000_000 } }
        }
        return found
    }

    func data(_ answer: HTTPAnswer) throws -> Any {
        guard case .bytes(let bytes) = answer.body else { return [:] }
        let whole = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        return whole?["data"] ?? [:]
    }

    func targets(
        _ service: ScrapeService, _ parameters: [(String, String)] = []
    ) throws -> (active: [[String: Any]], dropped: [[String: Any]]) {
        let api = TargetsAPI(service: service, keeper: { nil })
        let data = try data(api.targets(call("/api/v1/targets", parameters))) as? [String: Any]
        return (
            data?["activeTargets"] as? [[String: Any]] ?? [],
            data?["droppedTargets"] as? [[String: Any]] ?? []
        )
    }

    func call(_ path: String, _ parameters: [(String, String)]) -> HTTPCall {
        var form = FormParameters()
        for (name, value) in parameters { form.add(name, value) }
        return HTTPCall(method: .get, path: path, parameters: form)
    }

    /// The figure of that name, summed over its labels.
    func figure(_ name: String) -> Double {
        let family = telemetry.snapshot().first { $0.name == name }
        return family?.samples.reduce(0) { $0 + $1.value } ?? 0
    }
}

extension ScrapeWorld: ScrapeFetcher {
    func fetch(_ request: ScrapeRequest) async throws(ScrapeFailure) -> TargetScraper.Answer {
        let body = state.withLock { state in
            state.asked.append(request)
            return state.targets[request.url]
        }
        if state.withLock({ $0.isHanging }) {
            let (never, source) = AsyncStream.makeStream(of: Void.self)
            for await _ in never {}
            source.finish()
        }
        guard let body else { throw ScrapeFailure(.connection, "away") }
        return TargetScraper.Answer(contentType: "text/plain", body: Array(body.utf8))
    }
}
