internal import Model

/// `info(v, {data="…"})`: adds the labels of info metrics to the series that they identify by
/// `instance` and `job`. Follows Prometheus: of info series with one identity the newest sample
/// counts, labels that a series has already stay, and info series themselves pass unchanged.
struct InfoJoin {
    static let standardMetric = "target_info"
    /// Where names are only excluded, these are left to choose from.
    private static let infoNames = ".+_info"
    private static let identifying: Set<String> = ["instance", "job"]

    /// The name under which the info series are fetched: the word `info`, which no other leaf is.
    static func leafRange(of node: PromQLExpr.Call) -> Range<Int> {
        node.range.lowerBound..<node.range.lowerBound + node.function.name.utf8.count
    }

    /// Which info series the call is about.
    static func selector(of node: PromQLExpr.Call) -> PromQLExpr.VectorSelector {
        var matchers: [Matcher] = []
        if node.arguments.count > 1, case .vector(let labels) = node.arguments[1] {
            matchers = labels.matchers
        }
        let names = matchers.filter { $0.name == "__name__" }
        if names.isEmpty {
            matchers.append(Matcher("__name__", equals: standardMetric))
        } else if names.allSatisfy({ $0.operation == .notEqual || $0.operation == .notMatches }) {
            do throws(ModelError) {
                matchers.append(try Matcher("__name__", .matches, infoNames))
            } catch {
                preconditionFailure("BUG: \(infoNames) is no expression: \(error)")
            }
        }
        return PromQLExpr.VectorSelector(
            name: "", matchers: matchers, shift: .none, range: leafRange(of: node))
    }

    private let nameMatchers: [Matcher]
    /// By label; empty when all labels are wanted.
    private let dataMatchers: [String: [Matcher]]

    init(_ node: PromQLExpr.Call) {
        let matchers = InfoJoin.selector(of: node).matchers
        nameMatchers = matchers.filter { $0.name == "__name__" }
        dataMatchers = Dictionary(
            grouping: matchers.filter { $0.name != "__name__" }, by: \.name)
    }

    /// An info series: its row, metric and identity.
    private struct Identity: Hashable {
        let metric: String
        let labels: Labels
    }

    /// `infos`: rows of info series, their cells the times of samples.
    func join(_ base: StepMatrix, _ infos: StepMatrix) throws -> StepMatrix {
        let rows = Dictionary(
            grouping: infos.labels.indices,
            by: { row in
                Identity(
                    metric: infos.labels[row].metricName,
                    labels: infos.labels[row].keeping(InfoJoin.identifying))
            })
        let metrics = Set(infos.labels.map(\.metricName)).sorted()
        var result = StepMatrix(stepCount: base.stepCount)
        var places: [Labels: Int] = [:]
        for row in 0..<base.rowCount {
            let labels = base.labels[row]
            let isInfo = nameMatchers.allSatisfy { $0.matches(labels.metricName) }
            let identity = labels.keeping(InfoJoin.identifying)
            let candidates =
                isInfo || identity.isEmpty
                ? [] : metrics.compactMap { rows[Identity(metric: $0, labels: identity)] }
            for (step, cell) in base.cells(row).enumerated() where base.isPresent(cell) {
                guard
                    let joined = try joined(
                        labels, candidates, infos, step, isInfo: isInfo)
                else { continue }
                let place = places[joined] ?? result.rowCount
                if place == result.rowCount {
                    places[joined] = place
                    result.appendBlank(joined)
                }
                let target = place * base.stepCount + step
                guard !result.isPresent(target) else { throw StepMatrix.sameLabels }
                result.set(target, base.cell(cell))
            }
        }
        return result
    }

    /// Nil when the series is to be left out, since labels that it must have are nowhere.
    private func joined(
        _ labels: Labels, _ candidates: [[Int]], _ infos: StepMatrix, _ step: Int, isInfo: Bool
    ) throws(QueryError) -> Labels? {
        if isInfo { return labels }
        var builder = LabelsBuilder(labels)
        var added: [String: String] = [:]
        var hasInfo = false
        for rows in candidates {
            guard let row = try newest(rows, infos, step) else { continue }
            hasInfo = true
            for (name, value) in infos.labels[row].pairs where name != "__name__" {
                guard dataMatchers.isEmpty || dataMatchers[name] != nil else { continue }
                if let known = added[name], known != value {
                    throw .execution(message: "conflicting label: \(name)")
                }
                guard labels[name] == nil else { continue }
                added[name] = value
                builder.set(name, value)
            }
        }
        if !hasInfo, !dataMatchers.values.allSatisfy({ $0.allSatisfy(\.matchesEmpty) }) {
            return nil
        }
        return builder.build()
    }

    private func newest(
        _ rows: [Int], _ infos: StepMatrix, _ step: Int
    ) throws(QueryError) -> Int? {
        var best: Int?
        for row in rows {
            let time = infos.values[row * infos.stepCount + step]
            if time.isStaleMarker { continue }
            guard let known = best else {
                best = row
                continue
            }
            let other = infos.values[known * infos.stepCount + step]
            if time == other {
                throw .execution(
                    message: "found duplicate series for info metric: existing "
                        + "\(infos.labels[known]), new \(infos.labels[row])")
            }
            if time > other { best = row }
        }
        return best
    }
}

extension PromQLEvaluator {
    func info(_ node: PromQLExpr.Call, _ grid: StepGrid) throws -> StepMatrix {
        let base = try vector(node.arguments[0], grid)
        let key = LeafJob.Key(range: InfoJoin.leafRange(of: node), grid: grid)
        guard let infos = leaves[key] else { preconditionFailure("BUG: infos were not fetched") }
        return try InfoJoin(node).join(base, infos)
    }
}
