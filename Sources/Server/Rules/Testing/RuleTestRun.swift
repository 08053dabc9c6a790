internal import Model
internal import Platform
internal import Query

/// One test: fills a store, evaluates all groups at each interval, and compares.
struct RuleTestRun {
    /// What came out differently, and where the case stands.
    struct Failure {
        var line: Int
        var text: String
    }

    private let test: RuleTestFile.Test
    private let file: RuleTestFile
    private let store = RuleTestStore()
    private let evaluator: QuerierRuleEvaluator
    private let time: StillTime
    private let groups: [RuleGroup]

    init(
        _ test: RuleTestFile.Test, _ file: RuleTestFile, _ definitions: [RuleGroupDefinition]
    ) {
        self.test = test
        self.file = file
        time = StillTime(nanos: test.start.nanos)
        evaluator = QuerierRuleEvaluator(
            querier: store, tenant: .standard,
            engine: PromQLEngine(options: .init(subqueryStepNanos: file.intervalNanos)),
            budget: { QueryBudget() })
        let world = RuleSurroundings(
            evaluator: evaluator, appender: store, time: time, telemetry: Telemetry(),
            tenant: .standard,
            options: RuleOptions(
                externalLabels: test.externalLabels, externalURL: test.externalURL),
            notify: { _ in }, warn: { _ in })
        groups = definitions.map { RuleGroup($0, in: world, isRestored: true) }
    }

    /// Empty when all cases are as expected.
    func failures() async -> [Failure] {
        var failures: [Failure] = []
        fill()
        let end = test.start.advanced(byNanos: test.spanNanos)
        var slot = test.start
        while slot <= end {
            time.set(nanos: slot.nanos)
            store.setHorizon(nanos: slot.nanos)
            for group in groups {
                await group.evaluate(IntervalClock.Due(nanos: slot.nanos, missedCount: 0))
                let broken = zip(group.definition.rules, group.status.rules).filter {
                    $0.1.health == .err
                }
                let since = DurationText.format(nanos: slot.nanos - test.start.nanos)
                failures += broken.map { rule, status in
                    Failure(
                        line: test.line,
                        text: "rule \(rule.name) (\(group.definition.file):\(rule.line)) failed "
                            + "at \(since): \(status.lastError)")
                }
            }
            // What follows would only say the same.
            if !failures.isEmpty { return failures }
            let next = slot.advanced(byNanos: file.intervalNanos)
            for alert in test.alerts {
                let moment = test.start.advanced(byNanos: alert.timeNanos)
                if slot <= moment, moment < next, let text = difference(alert) {
                    failures.append(Failure(line: alert.line, text: text))
                }
            }
            slot = next
        }
        store.setHorizon(nanos: end.nanos)
        for expression in test.expressions {
            if let text = await difference(expression) {
                failures.append(Failure(line: expression.line, text: text))
            }
        }
        return failures
    }

    private func fill() {
        for (labels, values) in test.series {
            var batch = WriteBatch(tenant: .standard)
            batch.series = [SeriesReference(tenant: .standard, labels: labels)]
            for (index, value) in values.enumerated() {
                let nanos = test.start.nanos + Int64(index) * test.intervalNanos
                switch value {
                case .float(let number)?:
                    batch.samples.append(seriesIndex: 0, timestamp: nanos, value: number)
                case .histogram(let histogram)?:
                    batch.histograms.append(
                        HistogramSample(seriesIndex: 0, timestamp: nanos, histogram: histogram))
                case nil: break
                }
            }
            store.take(batch)
        }
    }

    // MARK: - Alerts

    private func difference(_ alert: RuleTestFile.AlertCase) -> String? {
        var found: [(labels: Labels, annotations: Labels)] = []
        for group in groups {
            for (rule, status) in zip(group.definition.rules, group.status.rules)
            where rule.isAlert && rule.name == alert.name {
                for firing in status.alerts?.active ?? [] where firing.state == .firing {
                    found.append((firing.labels, firing.annotations.labels))
                }
            }
        }
        let lines = [alert.expected, found].map { alerts in
            alerts.sorted { ($0.labels, $0.annotations) < ($1.labels, $1.annotations) }
                .map { "labels \($0.labels) annotations \($0.annotations)" }
        }
        guard lines[0] != lines[1] else { return nil }
        let since = DurationText.format(nanos: alert.timeNanos)
        return RuleTestRun.report("alert \(alert.name) at \(since)", lines[0], lines[1])
    }

    // MARK: - Expressions

    private func difference(_ expression: RuleTestFile.ExpressionCase) async -> String? {
        let moment = test.start.advanced(byNanos: expression.timeNanos)
        let title = "\(expression.text) at \(DurationText.format(nanos: expression.timeNanos))"
        let found: [VectorSample]
        do {
            let query = try RuleQuery(reading: expression.text, .promql)
            found = try await evaluator.samples(of: query, at: moment)
        } catch {
            return "\(title): \(error)"
        }
        let expected = expression.expected.sorted { $0.labels < $1.labels }
        if found.count == expected.count,
            zip(found, expected).allSatisfy({
                $0.labels == $1.labels && isEqual($0.value, $1.value)
            })
        {
            return nil
        }
        return RuleTestRun.report(
            title, expected.map { RuleTestRun.text($0.labels, $0.value) },
            found.map { RuleTestRun.text($0.labels, $0.value) })
    }

    private func isEqual(_ found: SampleValue, _ expected: SampleValue) -> Bool {
        switch (found, expected) {
        case (.float(let a), .float(let b)):
            if a == b || a.isNaN && b.isNaN { return true }
            return file.comparesLoosely && (a.nextUp == b || a.nextDown == b)
        case (.histogram(let a), .histogram(let b)):
            return a.count == b.count && a.sum == b.sum && a.allBuckets == b.allBuckets
                && (b.resetHint == .unknown || a.resetHint == b.resetHint)
        default: return false
        }
    }

    private static func text(_ labels: Labels, _ value: SampleValue) -> String {
        switch value {
        case .float(let number): return "\(labels) \(NumberText.format(number))"
        case .histogram(let histogram):
            let buckets = histogram.allBuckets.map {
                "(\(NumberText.format($0.lower)), \(NumberText.format($0.upper))]: "
                    + NumberText.format($0.count)
            }
            return "\(labels) count \(NumberText.format(histogram.count)) sum "
                + "\(NumberText.format(histogram.sum)) \(buckets.joined(separator: ", "))"
        }
    }

    /// What is only expected with `-`, what was only found with `+`.
    private static func report(
        _ title: String, _ expected: [String], _ found: [String]
    ) -> String {
        var lines = [title, "    - expected, + got"]
        var rest = found
        for line in expected {
            if let place = rest.firstIndex(of: line) {
                rest.remove(at: place)
                lines.append("      \(line)")
            } else {
                lines.append("    - \(line)")
            }
        }
        lines += rest.map { "    + \($0)" }
        return lines.joined(separator: "\n")
    }
}
