internal import Model
internal import Query
internal import Yams

/// A file of tests of rules, in the format of `promtool test rules`, read strictly.
/// Source: Prometheus documentation, "Unit testing for rules".
struct RuleTestFile {
    /// Series, and what rules and expressions have to make of them.
    struct Test {
        var line: Int
        var name = ""
        /// Between two values of a series, ns.
        var intervalNanos: Int64 = 0
        /// Of the first value and the first evaluation.
        var start = Timestamp(nanos: 0)
        var series: [(labels: Labels, values: [SampleValue?])] = []
        var alerts: [AlertCase] = []
        var expressions: [ExpressionCase] = []
        var externalLabels: [RulePair] = []
        var externalURL = ""

        /// From the start to the last case, ns.
        var spanNanos: Int64 {
            (alerts.map(\.timeNanos) + expressions.map(\.timeNanos)).max() ?? 0
        }
    }

    /// Which alerts of a name fire at a time.
    struct AlertCase {
        var line: Int
        /// Since the start.
        var timeNanos: Int64
        var name: String
        var expected: [(labels: Labels, annotations: Labels)]
    }

    /// What an expression answers at a time.
    struct ExpressionCase {
        var line: Int
        var timeNanos: Int64
        var text: String
        var expected: [(labels: Labels, value: SampleValue)]
    }

    private(set) var ruleFiles: [String] = []
    private(set) var intervalNanos: Int64 = 60_000_000_000
    private(set) var comparesLoosely = false
    private(set) var groupOrder: [String] = []
    private(set) var tests: [Test] = []

    /// Throws everything that is wrong.
    init(path: String, text: String) throws(FileFaults) {
        let notes = YAMLSection.Notes(path: path)
        let keys = [
            "rule_files", "evaluation_interval", "fuzzy_compare", "group_eval_order", "tests",
        ]
        if let file = YAMLSection(text: text, allowed: keys, notes: notes) {
            ruleFiles = file.texts("rule_files")
            let interval = file.duration("evaluation_interval") ?? 0
            if interval > 0 { intervalNanos = interval }
            comparesLoosely = file.flag("fuzzy_compare") ?? false
            groupOrder = file.texts("group_eval_order")
            if Set(groupOrder).count < groupOrder.count {
                file.note("group_eval_order", "a group stands here twice")
            }
            for (node, key) in file.list("tests") {
                if let test = test(node, key, notes) { tests.append(test) }
            }
        }
        guard notes.faults.isEmpty else { throw FileFaults(notes.faults) }
    }

    private func test(_ node: Node, _ key: String, _ notes: YAMLSection.Notes) -> Test? {
        let keys = [
            "interval", "input_series", "name", "alert_rule_test", "promql_expr_test",
            "external_labels", "external_url", "start_timestamp",
        ]
        guard let section = YAMLSection(node, key: key, allowed: keys, notes: notes) else {
            return nil
        }
        var test = Test(line: node.mark?.line ?? 0)
        test.name = section.text("name") ?? ""
        let interval = section.duration("interval") ?? 0
        test.intervalNanos = interval > 0 ? interval : intervalNanos
        test.externalLabels = section.pairs("external_labels") { !$0.isEmpty }
        test.externalURL = section.text("external_url") ?? ""
        if let text = section.text("start_timestamp") {
            if let start = TimeText.parse(text) {
                test.start = start
            } else {
                section.note("start_timestamp", "\"\(text)\" is neither RFC 3339 nor seconds")
            }
        }
        for (node, key) in section.list("input_series") {
            guard
                let item = YAMLSection(
                    node, key: key, allowed: ["series", "values"], notes: notes),
                let labels = Self.labels(item, "series"), let text = item.required("values")
            else { continue }
            do throws(SeriesNotation.Problem) {
                test.series.append((labels, try SeriesNotation.values(text)))
            } catch {
                item.note("values", "\(error)")
            }
        }
        test.alerts = section.list("alert_rule_test").compactMap { Self.alert($0, $1, notes) }
        test.expressions = section.list("promql_expr_test").compactMap {
            Self.expression($0, $1, notes)
        }
        return test
    }

    private static func labels(_ section: YAMLSection, _ name: String) -> Labels? {
        do throws(SeriesNotation.Problem) {
            return try SeriesNotation.labels(section.text(name) ?? "")
        } catch {
            section.note(name, "\(error)")
            return nil
        }
    }

    private static func alert(
        _ node: Node, _ key: String, _ notes: YAMLSection.Notes
    ) -> AlertCase? {
        guard
            let section = YAMLSection(
                node, key: key, allowed: ["eval_time", "alertname", "exp_alerts"], notes: notes),
            let name = section.required("alertname")
        else { return nil }
        var alert = AlertCase(
            line: node.mark?.line ?? 0, timeNanos: section.duration("eval_time") ?? 0, name: name,
            expected: [])
        for (node, key) in section.list("exp_alerts") {
            // An alert without labels and annotations of its own may be an empty item.
            if node.null != nil {
                alert.expected.append((Labels([("alertname", name)]), .empty))
                continue
            }
            guard
                let item = YAMLSection(
                    node, key: key, allowed: ["exp_labels", "exp_annotations"], notes: notes)
            else { continue }
            let own = item.pairs("exp_labels") { !$0.isEmpty }
            let texts = item.pairs("exp_annotations") { !$0.isEmpty }
            alert.expected.append(
                ((own + [RulePair(name: "alertname", value: name)]).labels, texts.labels))
        }
        return alert
    }

    private static func expression(
        _ node: Node, _ key: String, _ notes: YAMLSection.Notes
    ) -> ExpressionCase? {
        guard
            let section = YAMLSection(
                node, key: key, allowed: ["expr", "eval_time", "exp_samples"], notes: notes),
            let text = section.required("expr")
        else { return nil }
        var expression = ExpressionCase(
            line: node.mark?.line ?? 0, timeNanos: section.duration("eval_time") ?? 0, text: text,
            expected: [])
        for (node, key) in section.list("exp_samples") {
            guard
                let item = YAMLSection(
                    node, key: key, allowed: ["labels", "value", "histogram"], notes: notes),
                let labels = labels(item, "labels"), let value = value(item)
            else { continue }
            expression.expected.append((labels, value))
        }
        return expression
    }

    private static func value(_ section: YAMLSection) -> SampleValue? {
        if let text = section.text("histogram") {
            do throws(SeriesNotation.Problem) {
                return .histogram(try SeriesNotation.histogram(text))
            } catch {
                section.note("histogram", "\(error)")
                return nil
            }
        }
        guard let text = section.text("value") else { return .float(0) }
        switch text.lowercased() {
        case ".nan", "nan": return .float(.nan)
        case ".inf", "+.inf", "inf", "+inf": return .float(.infinity)
        case "-.inf", "-inf": return .float(-.infinity)
        default: break
        }
        guard let value = Double(text) else {
            section.note("value", "\"\(text)\" is no number")
            return nil
        }
        return .float(value)
    }
}
