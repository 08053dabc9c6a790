package import Model
package import Platform
internal import Query
internal import Synchronization

/// Deletes what rules of retention say is too old or too much, where this node is the one to do so.
///
/// A deletion for each rule, again when the line between what stays and what goes has moved by a part of
/// the age: then segments that hold some of it are written again, so moving it by less would cost more.
package final class RetentionService: Sendable {
    /// What the service needs of the world.
    package struct Surroundings: Sendable {
        let context: QueryContext
        let time: any TimeSource
        let timers: any Timers
        let telemetry: Telemetry
        /// Whether this node applies the rules: exactly one of a cluster does.
        let isKeeper: @Sendable () -> Bool
        let delete: @Sendable (Deletion) async throws(AppendError) -> Void
        /// One line for a person.
        let warn: @Sendable (String) -> Void

        package init(
            context: QueryContext, time: any TimeSource, timers: any Timers,
            telemetry: Telemetry, isKeeper: @escaping @Sendable () -> Bool,
            delete: @escaping @Sendable (Deletion) async throws(AppendError) -> Void,
            warn: @escaping @Sendable (String) -> Void
        ) {
            self.context = context
            self.time = time
            self.timers = timers
            self.telemetry = telemetry
            self.isKeeper = isKeeper
            self.delete = delete
            self.warn = warn
        }
    }

    /// What is known of a rule since this node keeps it.
    struct Progress: Sendable {
        /// Everything before is gone.
        var cut = Timestamp.distantPast
        /// Bytes by hour, of hours that are over.
        var bytesByHour: [Int64: Int] = [:]
        /// When bytes were counted last, wall time.
        var countedAt: Int64?
        /// The last thing that went wrong, which is not said twice.
        var complaint = ""
    }

    private struct State {
        var rules: [RetentionRule] = []
        var progress: [RetentionRule: Progress] = [:]
        var isKeeper = false
        var isBusy = false
        var isStopped = false
        var timer: (any Cancellable)?
    }

    private static let tickNanos: Int64 = 1_000_000_000
    /// Between two countings of bytes.
    private static let countNanos: Int64 = 60_000_000_000
    /// The line moves by this part of an age, and not by more than an hour.
    private static let stepsPerAge: Int64 = 24
    private static let stepNanosMax: Int64 = 3_600_000_000_000

    private let world: Surroundings
    private let executor: QueryExecutor
    private let tasks: WorkTasks
    private let state: Mutex<State>

    package init(_ configuration: RetentionConfiguration, in world: Surroundings) {
        self.world = world
        executor = QueryExecutor(name: "retention", threadCount: 1)
        tasks = WorkTasks(on: executor)
        state = Mutex(State(rules: configuration.rules))
    }

    /// From now on rules are applied.
    package func start() {
        let timer = world.timers.every(
            Self.tickNanos, aligned: false, name: "retention"
        ) { [weak self] _ in self?.tick() }
        state.withLock { $0.timer = timer }
    }

    /// Takes other rules over; those that stay the same go on.
    package func reload(_ configuration: RetentionConfiguration) {
        state.withLock { state in
            state.rules = configuration.rules
            state.progress = state.progress.filter { configuration.rules.contains($0.key) }
        }
    }

    package func stop() async {
        let timer = state.withLock { state in
            state.isStopped = true
            defer { state.timer = nil }
            return state.timer
        }
        timer?.cancel()
        await tasks.end()
        executor.stop()
    }

    private func tick() {
        guard isDue() else { return }
        tasks.begin {
            await self.round()
            self.state.withLock { $0.isBusy = false }
        }
    }

    private func isDue() -> Bool {
        let isKeeper = world.isKeeper()
        return state.withLock { state in
            // Somebody else may have had it meanwhile: nothing is known.
            if isKeeper != state.isKeeper { state.progress = [:] }
            state.isKeeper = isKeeper
            guard isKeeper, !state.isBusy, !state.isStopped, !state.rules.isEmpty else {
                return false
            }
            state.isBusy = true
            return true
        }
    }

    /// Applies each rule once.
    package func round() async {
        for rule in state.withLock({ $0.rules }) {
            var progress = state.withLock { $0.progress[rule] } ?? Progress()
            do {
                try await apply(rule, &progress)
                progress.complaint = ""
            } catch {
                let complaint = "retention of \(rule.text): \(error)"
                if progress.complaint != complaint { world.warn(complaint) }
                progress.complaint = complaint
                world.telemetry.counter(
                    "varve_retention_failures_total",
                    help: "Rules of retention that could not be applied and are tried again."
                ).add()
            }
            let done = progress
            state.withLock { state in
                // A rule that is gone, or somebody else's by now, leaves nothing behind.
                if state.isKeeper, state.rules.contains(rule) { state.progress[rule] = done }
            }
        }
    }

    private func apply(_ rule: RetentionRule, _ progress: inout Progress) async throws {
        var cut = progress.cut
        if let age = rule.ageNanos {
            let step = min(max(age / Self.stepsPerAge, Self.tickNanos), Self.stepNanosMax)
            let before = world.time.wallNanos() - age
            cut = max(cut, Timestamp(nanos: before - before % step))
        }
        if let bytesMax = rule.bytesMax {
            let now = world.time.wallNanos()
            if progress.countedAt.map({ now - $0 >= Self.countNanos || now < $0 }) ?? true {
                let count = ByteCounting(rule, world.context, nowNanos: now)
                cut = max(cut, try await count.cut(keeping: bytesMax, &progress.bytesByHour))
                progress.countedAt = now
            }
        }
        guard cut > progress.cut else { return }
        if try await isAnythingThere(rule, before: cut) {
            try await world.delete(
                Deletion(
                    tenant: rule.tenant, signal: rule.signal, selector: Selector(rule.matchers),
                    end: cut))
            world.telemetry.counter(
                "varve_retention_deletions_total",
                help: "Deletions that rules of retention asked for."
            ).add()
        }
        progress.cut = cut
    }

    private func isAnythingThere(
        _ rule: RetentionRule, before cut: Timestamp
    ) async throws -> Bool {
        let answer = try await world.context.querier.labelSets(
            LabelRequest(
                tenant: rule.tenant, signal: rule.signal, selector: Selector(rule.matchers),
                end: cut, limit: 1, budget: world.context.budget()))
        // What could not be read may hold some.
        return !answer.values.isEmpty || !answer.completeness.isComplete
    }
}
