#if canImport(CEtcdRaft)
import Model
import Simulator
import Storage

@testable import Cluster

/// What was written to a cluster and what of it was acknowledged; and how it is found again: every
/// operation is a line, a sample and an increment of a counter of its own, which may be in different
/// shards. Some are deleted again.
///
/// `@unchecked Sendable`: one test drives it, one call after the other.
final class ClusterLedger: @unchecked Sendable {
    private(set) var attempted = 0
    /// Of these, those to a cluster in which nothing was wrong at that moment.
    private(set) var attemptedWhileWhole = 0
    private(set) var acknowledged: Set<Int> = []
    private(set) var refused = 0
    /// Operations that somebody asked to be deleted, and those of them that are for certain.
    private var deleting: Set<Int> = []
    private var deleted: Set<Int> = []

    private static let epoch: Int64 = 1_704_067_200_000_000_000

    /// Writes the next operation through a node; `answered`: whether it was taken.
    func write(
        through node: Node, isWhole: Bool = false,
        _ answered: @escaping @Sendable (Bool) -> Void = { _ in }
    ) {
        let number = attempted
        if isWhole { attemptedWhileWhole += 1 }
        attempted += 1
        node.submit(batch(number)) { [self] result in
            switch result {
            case .success(let receipt):
                if receipt.rejections.isEmpty { acknowledged.insert(number) }
                answered(true)
            case .failure:
                refused += 1
                answered(false)
            }
        }
    }

    /// Deletes one of the operations that were acknowledged through a node: its line, by its text, and
    /// its series.
    func delete(through node: Node) throws {
        let candidates = acknowledged.subtracting(deleting).sorted()
        guard !candidates.isEmpty else { return }
        let number = candidates[attempted * 31 % candidates.count]
        deleting.insert(number)
        let text = try RegularExpression("^operation \(number)$")
        let waiting = Gathering<String>(2) { [self] troubles in
            if troubles.isEmpty { deleted.insert(number) }
        }
        for deletion in [
            Deletion(
                tenant: .standard, signal: .logs, selector: .everything,
                filters: [LineFilter([.matches(text)])]),
            Deletion(
                tenant: .standard, signal: .metrics,
                selector: Selector([Matcher("n", equals: "\(number)")])),
        ] {
            node.delete(deletion) { result in
                switch result {
                case .success: waiting.done(nil)
                case .failure(let error): waiting.done("\(error)")
                }
            }
        }
    }

    /// How many were deleted for certain.
    var deletedCount: Int { deleted.count }

    private func batch(_ number: Int) -> WriteBatch {
        var batch = WriteBatch(tenant: .standard)
        let time = Self.epoch + Int64(number) * 1_000_000
        batch.series = [
            SeriesReference(
                tenant: .standard, labels: Labels([("__name__", "sample"), ("n", "\(number)")])),
            SeriesReference(
                tenant: .standard, labels: Labels([("__name__", "counter"), ("n", "\(number)")])),
        ]
        batch.streams = [
            SeriesReference(tenant: .standard, labels: Labels([("app", "a\(number % 5)")]))
        ]
        batch.samples.append(seriesIndex: 0, timestamp: time, value: Double(number))
        batch.increments.append(kind: .counter, seriesIndex: 1, timestamp: time, value: 1)
        batch.lines.append(
            streamIndex: 0, timestamp: time, line: Array("operation \(number)".utf8)[...])
        return batch
    }

    /// Reads a replica of each shard as a query does, and looks for all that was acknowledged before
    /// they were asked. `isRotten`: whether there are damaged files by then, of which a read may say
    /// so.
    func readBack(
        _ replicas: [(cluster: ClusterMembership, replica: ShardReplica)],
        isRotten: @escaping @Sendable () -> Bool, _ found: @escaping @Sendable (String) -> Void
    ) {
        let (promised, gone, count) = (acknowledged, deleted, replicas.count)
        let waiting = Gathering<Shard>(count) { shards in
            // Who cannot be fresh says so.
            guard shards.count == count else { return }
            var lines: Set<Int> = []
            let request = LineRequest(
                tenant: .standard, selector: .everything, start: .distantPast,
                end: .distantFuture, order: .any, budget: QueryBudget())
            do {
                for shard in shards {
                    let completeness = try shard.selectLines(request) { data in
                        lines.formUnion(ClusterLedger.numbers(data))
                        return true
                    }
                    // What lacks something says so.
                    guard completeness.isComplete else { return }
                }
            } catch {
                if !isRotten() { found("\(error)") }
                return
            }
            let there = lines.intersection(gone)
            if !there.isEmpty { found("a fresh read has deleted lines \(there.sorted())") }
            let missing = promised.subtracting(lines).subtracting(self.deleting)
            if !missing.isEmpty { found("a fresh read lacks lines \(missing.sorted())") }
        }
        for (cluster, replica) in replicas {
            cluster.whenFresh(replica) { waiting.done($0) }
        }
    }

    private static func numbers(_ data: LineData) -> [Int] {
        (0..<data.lines.count).map { row in
            let text = String(
                decoding: data.lines.bytes[data.lines.lineRange(row)], as: UTF8.self)
            return Int(text.dropFirst(10)) ?? -1
        }
    }

    /// What is wrong with what a replica's shards hold, all shards of the cluster together.
    /// `areSeriesLimited`: samples may have been refused, said in an answer that was lost; the retry
    /// that was acknowledged says no more than that the batch is there.
    func problems(
        _ querier: any Querier, at name: String, areSeriesLimited: Bool = false
    ) async throws -> [String] {
        var problems: [String] = []
        var lines: [Int: Int] = [:]
        let request = LineRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            order: .any, budget: QueryBudget())
        var completeness = try await querier.selectLines(request) { data in
            for number in ClusterLedger.numbers(data) { lines[number, default: 0] += 1 }
            return true
        }
        var samples: [Int: Double] = [:]
        var counters: [Int: Double] = [:]
        let series = SeriesRequest(
            tenant: .standard, selector: .everything, start: .distantPast, end: .distantFuture,
            budget: QueryBudget())
        completeness.merge(
            try await querier.selectSeries(series) { batch in
                for found in batch {
                    let number = Int(found.labels["n"] ?? "") ?? -1
                    guard let last = found.values.last else { continue }
                    if found.labels.metricName == "sample" {
                        samples[number] = last
                    } else {
                        counters[number] = last
                    }
                }
            })
        problems += completeness.missing.map { "\(name): \($0)" }
        for number in deleted.sorted()
        where lines[number] != nil || samples[number] != nil || counters[number] != nil {
            problems.append("\(name): operation \(number) was deleted and is there")
        }
        for number in acknowledged.subtracting(deleting).sorted() {
            if lines[number] != 1 {
                problems.append("\(name): line \(number) is there \(lines[number] ?? 0) times")
            }
            if areSeriesLimited { continue }
            if samples[number] != Double(number) {
                problems.append("\(name): sample \(number) is missing")
            }
            if counters[number] != 1 {
                problems.append("\(name): counter \(number) is \(counters[number] ?? 0)")
            }
        }
        for (number, count) in lines.sorted(by: { $0.key < $1.key })
        where count > 1 || number < 0 || number >= attempted {
            problems.append("\(name): line \(number) is there \(count) times")
        }
        for (number, value) in counters.sorted(by: { $0.key < $1.key }) where value > 1 {
            problems.append("\(name): counter \(number) is \(value)")
        }
        return problems
    }
}

/// Calls back when the last of several is done, with what they gave. `@unchecked Sendable`: as the
/// ledger.
private final class Gathering<Value>: @unchecked Sendable {
    private var left: Int
    private var values: [Value] = []
    private let completion: ([Value]) -> Void

    init(_ count: Int, _ completion: @escaping ([Value]) -> Void) {
        left = count
        self.completion = completion
    }

    func done(_ value: Value?) {
        if let value { values.append(value) }
        left -= 1
        if left == 0 { completion(values) }
    }
}
#endif
