internal import Model
internal import Platform
internal import Query
internal import Synchronization

/// One group of rules at work: evaluates them in their order, writes what they give, and knows how
/// each is. Whoever drives it evaluates one slot at a time.
final class RuleGroup: Sendable {
    private struct State {
        var status: RuleGroupStatus
        var evaluationCount = 0
        var isStopping = false
    }

    /// State is taken over after so many evaluations: recording rules that alerts stand on have
    /// values by then.
    private static let evaluationsBeforeRestore = 2
    /// Where the state cannot be read it is tried again with the next evaluation; after so many
    /// tries alerts begin anew, since until then their series are not written.
    private static let restoreTriesMax = 5

    let definition: RuleGroupDefinition
    let world: RuleSurroundings
    private let figures: RuleFigures
    private let state: Mutex<State>

    /// `predecessor`: how the group was that this one replaces; nil after a start, when the state
    /// of alerts is taken over from their series. `isRestored`: there is none to be taken over.
    init(
        _ definition: RuleGroupDefinition, in world: RuleSurroundings,
        after predecessor: RuleGroup? = nil, isRestored: Bool
    ) {
        self.definition = definition
        self.world = world
        figures = RuleFigures(definition, world.telemetry)
        var rules = definition.rules.map { RuleStatus($0, isRestored: isRestored) }
        predecessor?.hand(over: definition.rules, to: &rules)
        let old = predecessor?.status
        let status = RuleGroupStatus(
            rules: rules, lastEvaluation: old?.lastEvaluation,
            durationNanos: old?.durationNanos ?? 0)
        state = Mutex(State(status: status))
    }

    var status: RuleGroupStatus { state.withLock { $0.status } }

    /// The series that its rules last wrote.
    var series: Set<Labels> {
        status.rules.reduce(into: []) { $0.formUnion($1.series) }
    }

    /// Ends an evaluation after the rule at work.
    func stop() { state.withLock { $0.isStopping = true } }

    /// Takes `stop` back: it stays among the rules after all.
    func goOn() { state.withLock { $0.isStopping = false } }

    /// Evaluates all rules for the slot that is due.
    func evaluate(_ due: IntervalClock.Due) async {
        let started = world.time.monotonicNanos()
        figures.iterations.add(due.missedCount + 1)
        figures.missed.add(due.missedCount)
        let slot = Timestamp(nanos: due.nanos)
        var sampleCount = 0
        for index in definition.rules.indices {
            if state.withLock({ $0.isStopping }) || Task.isCancelled { return }
            sampleCount += await evaluate(rule: index, at: slot)
        }
        let duration = world.time.monotonicNanos() - started
        figures.lastSamples.set(sampleCount)
        figures.lastDuration.set(Double(duration) / 1e9)
        let now = world.now()
        figures.lastEvaluation.set(Double(now.nanos) / 1e9)
        let restoreTry = state.withLock { state in
            state.status.durationNanos = duration
            state.status.lastEvaluation = now
            state.evaluationCount += 1
            return state.evaluationCount - RuleGroup.evaluationsBeforeRestore + 1
        }
        if (1...RuleGroup.restoreTriesMax).contains(restoreTry) {
            await restore(isLastTry: restoreTry == RuleGroup.restoreTriesMax)
        }
    }

    // MARK: - One rule

    /// Samples of the rule, 0 when it failed.
    private func evaluate(rule index: Int, at slot: Timestamp) async -> Int {
        let started = world.time.monotonicNanos()
        let time = world.now()
        figures.evaluations.add()
        var problem: RuleProblem?
        var sampleCount = 0
        do throws(RuleProblem) {
            let samples = try await samples(of: index, at: slot)
            sampleCount = samples.series.count
            try await write(samples, of: index, at: queryTime(slot))
        } catch {
            problem = error
        }
        let duration = world.time.monotonicNanos() - started
        figures.duration.record(nanos: duration)
        state.withLock { state in
            state.status.rules[index].durationNanos = duration
            state.status.rules[index].lastEvaluation = time
            state.status.rules[index].health = problem == nil ? .ok : .err
            state.status.rules[index].lastError = problem?.description ?? ""
        }
        if let problem, problem != .cancelled {
            figures.failures.add()
            world.warn(
                "rule \(definition.rules[index].name) of group \(definition.name) "
                    + "(\(definition.file)): \(problem)")
        }
        return sampleCount
    }

    /// What the slot's queries look at.
    private func queryTime(_ slot: Timestamp) -> Timestamp {
        slot.advanced(byNanos: -definition.queryOffsetNanos)
    }

    private func samples(of index: Int, at slot: Timestamp) async throws(RuleProblem) -> RuleSamples
    {
        let rule = definition.rules[index]
        let time = queryTime(slot)
        let found = try await world.evaluator.samples(of: rule.query, at: time)
        guard case .alert(_, _, let annotations) = rule.kind else {
            return try RuleSamples(recording: found, as: rule, limit: definition.limit)
        }
        let findings = await findings(found, rule, annotations, at: time)
        let result = state.withLock { state -> Result<(RuleSamples, [Alert]), RuleProblem> in
            guard var alerts = state.status.rules[index].alerts else {
                preconditionFailure("BUG: an alerting rule without alerts")
            }
            defer { state.status.rules[index].alerts = alerts }
            do throws(RuleProblem) {
                try alerts.update(findings, at: slot, limit: definition.limit)
            } catch {
                return .failure(error)
            }
            let due = alerts.takeDue(
                at: slot, resendNanos: world.options.resendNanos,
                intervalNanos: definition.intervalNanos)
            return .success((alerts.samples, due))
        }
        let (samples, due) = try result.get()
        if !due.isEmpty {
            let link = OutgoingAlert.link(to: rule.query.text, at: world.options.externalURL)
            world.notify(due.map { OutgoingAlert($0, link: link) })
        }
        return samples
    }

    /// The labels and annotations that the alert of each sample has.
    private func findings(
        _ samples: [VectorSample], _ rule: RuleDefinition, _ annotations: [RulePair],
        at time: Timestamp
    ) async -> [AlertTable.Finding] {
        var findings: [AlertTable.Finding] = []
        for sample in samples {
            let context = AlertText.Context(sample, at: time, world)
            var builder = LabelsBuilder(sample.labels.withoutMetricName)
            for label in rule.labels {
                builder.set(label.name, await AlertText.expand(label.value, context, rule.name))
            }
            builder.set("alertname", rule.name)
            var texts: [RulePair] = []
            for annotation in annotations {
                let text = await AlertText.expand(annotation.value, context, rule.name)
                texts.append(RulePair(name: annotation.name, value: text))
            }
            findings.append(
                AlertTable.Finding(
                    labels: builder.build(), annotations: texts, value: context.value))
        }
        return findings
    }

    /// Writes samples, and the end of series that the rule does not give any more.
    private func write(
        _ samples: RuleSamples, of index: Int, at time: Timestamp
    ) async throws(RuleProblem) {
        let given = samples.labels
        let ended = state.withLock { state -> [Labels] in
            let rules = state.status.rules
            var ended = rules[index].series.subtracting(given)
            if !ended.isEmpty {
                // A series that another rule gives goes on.
                for other in rules.indices where other != index {
                    ended.subtract(rules[other].series)
                }
            }
            return ended.sorted()
        }
        let batch = samples.batch(ended: ended, at: time, tenant: world.tenant)
        if !batch.isEmpty {
            let receipt: AppendReceipt
            do throws(AppendError) {
                receipt = try await world.appender.append(batch)
            } catch {
                throw .failed("the samples cannot be written: \(HTTPFailure(error).message)")
            }
            if let first = receipt.rejections.first {
                throw .failed(
                    "\(first.itemCount) samples were refused: \(first.reason): \(first.example)")
            }
        }
        state.withLock { $0.status.rules[index].series = given }
    }

    // MARK: - State from before

    /// Takes the state of alerts over from the series that they wrote before this start.
    private func restore(isLastTry: Bool) async {
        guard status.rules.contains(where: { $0.alerts?.isRestored == false }) else { return }
        let started = world.time.monotonicNanos()
        let limits = world.options.restore
        let now = world.now()
        for (index, rule) in definition.rules.enumerated() {
            guard let alerts = status.rules[index].alerts, !alerts.isRestored else { continue }
            var states: [LastSample] = []
            if alerts.wantsRestore(limits) {
                do throws(RuleProblem) {
                    states = try await world.evaluator.lastSamples(
                        of: [
                            Matcher("__name__", equals: AlertTable.stateMetric),
                            Matcher("alertname", equals: rule.name),
                        ], from: now.advanced(byNanos: -limits.outageNanos),
                        to: now.advanced(byNanos: 1))
                } catch {
                    world.warn("the state of alert \(rule.name) cannot be restored: \(error)")
                    if !isLastTry { continue }
                }
            }
            state.withLock { $0.status.rules[index].alerts?.restore(states, at: now, limits) }
        }
        figures.lastRestore.set(Double(world.time.monotonicNanos() - started) / 1e9)
    }

    /// Gives what is known of rules to those of the same name and labels in a newer group: the
    /// first to the first, the second to the second.
    private func hand(over rules: [RuleDefinition], to statuses: inout [RuleStatus]) {
        var own = Array(zip(definition.rules, status.rules))
        for (index, rule) in rules.enumerated() {
            guard
                let place = own.firstIndex(where: {
                    $0.0.name == rule.name && $0.0.labels == rule.labels
                        && $0.0.isAlert == rule.isAlert
                })
            else { continue }
            let old = own.remove(at: place).1
            statuses[index].series = old.series
            if let alerts = old.alerts { statuses[index].alerts?.takeOver(alerts) }
        }
    }
}
