package import Model
package import Platform
internal import Synchronization

/// Evaluates groups of rules when they are due, where this node is the one to do so, and takes over
/// other rules when none is at work.
///
/// A timer asks `takeDue` ten times a second; each due group is evaluated by a task of its own on
/// threads of the rules, one slot at a time.
package final class RuleService: Sendable {
    /// What the service needs of the world.
    package struct Surroundings: Sendable {
        let context: QueryContext
        let appender: any Appender
        let time: any TimeSource
        let timers: any Timers
        let telemetry: Telemetry
        let carrier: any AlertCarrier
        /// Whether this node evaluates the rules: exactly one of a cluster does.
        let isKeeper: @Sendable () -> Bool
        /// One line for a person.
        let warn: @Sendable (String) -> Void

        package init(
            context: QueryContext, appender: any Appender, time: any TimeSource,
            timers: any Timers, telemetry: Telemetry, carrier: any AlertCarrier,
            isKeeper: @escaping @Sendable () -> Bool, warn: @escaping @Sendable (String) -> Void
        ) {
            self.context = context
            self.appender = appender
            self.time = time
            self.timers = timers
            self.telemetry = telemetry
            self.carrier = carrier
            self.isKeeper = isKeeper
            self.warn = warn
        }
    }

    /// A piece of work that is due.
    package struct Work: Sendable {
        enum Kind: Sendable {
            case evaluate(RuleGroup, IntervalClock.Due)
            case end(Orphans)
        }

        let kind: Kind
    }

    /// Series that no rule gives any more since `endedAt`. They get their stale markers when those
    /// that took their place have had time to write, and not when one of these goes on with them.
    struct Orphans: Sendable {
        var labels: Set<Labels>
        var endedAt: Timestamp
        var dueNanos: Int64
    }

    private struct Running {
        var group: RuleGroup
        var clock: IntervalClock
        var isBusy = false
    }

    private struct Pending {
        var configuration: RuleConfiguration
        /// Nothing of what is at work is taken over but what its series say.
        var isFresh: Bool
    }

    private struct State {
        var configuration: RuleConfiguration
        var running: [Running] = []
        var pending: Pending?
        var isKeeper = false
        var isStarted = false
        var isStopped = false
        var orphans: [Orphans] = []
        var timer: (any Cancellable)?
    }

    private static let tickNanos: Int64 = 100_000_000
    private static let intervalsUntilStale: Int64 = 2
    private static let threadCount = 2

    let notifier: Notifier
    private let world: Surroundings
    private let executor: QueryExecutor
    private let tasks: WorkTasks
    private let state: Mutex<State>

    package init(_ configuration: RuleConfiguration, in world: Surroundings) {
        self.world = world
        executor = QueryExecutor(name: "rules", threadCount: Self.threadCount)
        tasks = WorkTasks(on: executor)
        notifier = Notifier(
            carrier: world.carrier, time: world.time, telemetry: world.telemetry,
            warn: world.warn)
        state = Mutex(State(configuration: RuleConfiguration()))
        take(configuration)
    }

    /// From now on rules are evaluated.
    package func start() {
        state.withLock { $0.isStarted = true }
        startTimerIfNeeded()
    }

    /// The rules that it knows and how each group is, by file and name.
    var groups: [(definition: RuleGroupDefinition, status: RuleGroupStatus)] {
        state.withLock { state in state.running.map(\.group) }
            .map { ($0.definition, $0.status) }
    }

    /// Whose rules they are.
    var tenant: Tenant { state.withLock { $0.configuration.tenant } }

    /// Takes other rules over as soon as none is at work; those that stay the same go on.
    package func reload(_ configuration: RuleConfiguration) {
        take(configuration)
        startTimerIfNeeded()
    }

    private func take(_ configuration: RuleConfiguration) {
        notifier.configure(
            alertmanagers: configuration.alertmanagers,
            externalLabels: configuration.options.externalLabels)
        let now = world.time.wallNanos()
        state.withLock { state in
            let isFresh = state.pending?.isFresh ?? false
            state.pending = Pending(configuration: configuration, isFresh: isFresh)
            for running in state.running { running.group.stop() }
            applyPending(to: &state, now: now)
        }
    }

    private func startTimerIfNeeded() {
        let needsTimer = state.withLock { state in
            let groups = (state.pending?.configuration ?? state.configuration).groups
            return state.isStarted && state.timer == nil && !state.isStopped && !groups.isEmpty
        }
        guard needsTimer else { return }
        let timer = world.timers.every(
            Self.tickNanos, aligned: false, name: "rules"
        ) { [weak self] _ in self?.tick() }
        state.withLock { $0.timer = timer }
    }

    /// What is due now; it is at work until `perform` is through with it.
    package func takeDue() -> [Work] {
        let now = world.time.wallNanos()
        let isKeeper = world.isKeeper()
        return state.withLock { state in
            guard !state.isStopped else { return [] }
            if isKeeper != state.isKeeper {
                state.isKeeper = isKeeper
                state.pending = Pending(
                    configuration: state.pending?.configuration ?? state.configuration,
                    isFresh: true)
                for running in state.running { running.group.stop() }
            }
            applyPending(to: &state, now: now)
            guard isKeeper, state.pending == nil else { return [] }
            var work: [Work] = []
            for index in state.running.indices where !state.running[index].isBusy {
                guard let due = state.running[index].clock.due(now: now) else { continue }
                state.running[index].isBusy = true
                work.append(Work(kind: .evaluate(state.running[index].group, due)))
            }
            work += state.orphans.filter { $0.dueNanos <= now }.map { Work(kind: .end($0)) }
            state.orphans.removeAll { $0.dueNanos <= now }
            return work
        }
    }

    /// Does a piece of work that is due.
    package func perform(_ work: Work) async {
        switch work.kind {
        case .evaluate(let group, let due):
            await group.evaluate(due)
            state.withLock { state in
                guard let index = state.running.firstIndex(where: { $0.group === group })
                else { return }
                state.running[index].isBusy = false
            }
        case .end(let orphans): await end(orphans)
        }
    }

    /// Ends what is at work, and sends what waits for Alertmanagers.
    package func stop() async {
        let timer = state.withLock { state in
            state.isStopped = true
            for running in state.running { running.group.stop() }
            defer { state.timer = nil }
            return state.timer
        }
        timer?.cancel()
        await tasks.end()
        await notifier.stop()
        executor.stop()
    }

    private func tick() {
        for work in takeDue() { tasks.begin { await self.perform(work) } }
    }

    // MARK: - Other rules

    private func applyPending(to state: inout State, now: Int64) {
        guard let pending = state.pending, !state.running.contains(where: \.isBusy) else { return }
        let old = state.running
        let keepsTenant = pending.configuration.tenant == state.configuration.tenant
        let isFresh = pending.isFresh || !keepsTenant
        let isSame = !isFresh && pending.configuration.options == state.configuration.options
        let world = groupWorld(pending.configuration)
        state.running = pending.configuration.groups.map { definition in
            let slots = IntervalSlots(definition.intervalNanos, of: definition.key.text)
            let clock = IntervalClock(slots, now: now)
            guard !isFresh,
                let before = old.first(where: { $0.group.definition.key == definition.key })
            else {
                let isRestored = !isFresh && !old.isEmpty
                return Running(
                    group: RuleGroup(definition, in: world, isRestored: isRestored), clock: clock)
            }
            if isSame, before.group.definition == definition {
                before.group.goOn()
                return before
            }
            return Running(
                group: RuleGroup(definition, in: world, after: before.group, isRestored: true),
                clock: before.clock.slots == slots ? before.clock : clock)
        }
        if !isFresh { noteOrphans(of: old, in: &state, now: now) }
        let keys = Set(state.running.map(\.group.definition.key))
        for before in old where !keys.contains(before.group.definition.key) {
            RuleFigures.remove(before.group.definition, self.world.telemetry)
        }
        state.configuration = pending.configuration
        state.pending = nil
    }

    private func groupWorld(_ configuration: RuleConfiguration) -> RuleSurroundings {
        RuleSurroundings(
            evaluator: world.context.ruleEvaluator(for: configuration.tenant),
            appender: world.appender, time: world.time, telemetry: world.telemetry,
            tenant: configuration.tenant, options: configuration.options,
            notify: { [notifier] in notifier.send($0) }, warn: world.warn)
    }

    private func noteOrphans(of old: [Running], in state: inout State, now: Int64) {
        let live = RuleService.series(of: state)
        for before in old {
            let labels = before.group.series.subtracting(live)
            guard !labels.isEmpty else { continue }
            let wait = Self.intervalsUntilStale * before.group.definition.intervalNanos
            state.orphans.append(
                Orphans(
                    labels: labels, endedAt: Timestamp(nanos: now), dueNanos: now + wait))
        }
    }

    private static func series(of state: State) -> Set<Labels> {
        state.running.reduce(into: []) { $0.formUnion($1.group.series) }
    }

    private func end(_ orphans: Orphans) async {
        let (live, tenant) = state.withLock {
            (RuleService.series(of: $0), $0.configuration.tenant)
        }
        let ended = orphans.labels.subtracting(live).sorted()
        guard !ended.isEmpty else { return }
        let batch = RuleSamples().batch(ended: ended, at: orphans.endedAt, tenant: tenant)
        do throws(AppendError) {
            _ = try await world.appender.append(batch)
        } catch {
            world.warn(
                "\(ended.count) series of rules that are no more could not be ended: "
                    + HTTPFailure(error).message)
        }
    }
}
