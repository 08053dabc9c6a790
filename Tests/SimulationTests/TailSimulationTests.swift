#if canImport(CEtcdRaft)
import Model
import Simulator
import Synchronization
import Testing

@testable import Cluster

/// A live tail on a node that falls so far behind that an image takes its replicas' place.
@Suite(.serialized) struct TailSimulationTests {
    private static let second = ClusterSimulationTests.second

    /// Numbers of the operations whose lines a tail was given, and since when it lacks some.
    private final class Tail: Sendable {
        private let numbers = Mutex<[Int]>([])
        private let gaps = Mutex<[Timestamp]>([])

        var seen: [Int] { numbers.withLock { $0 } }
        var since: Timestamp? { gaps.withLock { $0.min() } }

        func follow(_ node: Node) -> any FollowSubscription {
            node.querier.follow(
                tenant: .standard, onGap: { since in self.gaps.withLock { $0.append(since) } }
            ) { batch in
                self.numbers.withLock { numbers in
                    for row in 0..<batch.lines.count {
                        let line = batch.lines.bytes[batch.lines.lineRange(row)]
                        let text = String(decoding: line, as: UTF8.self)
                        numbers.append(Int(text.split(separator: " ").last ?? "") ?? -1)
                    }
                }
            }
        }
    }

    @Test func aTailIsToldOfWhatAnImageBringsPastIt() throws {
        let world = try ClusterSimulationTests.grown(seed: 61)
        defer { for machine in world.machines { world.crash(machine) } }
        let late = world.machines[2]
        let node = try #require(late.node)
        let ledger = ClusterLedger()
        let tails = [Tail(), Tail()]
        let subscriptions = [
            tails[0].follow(node), tails[1].follow(try #require(world.machines[0].node)),
        ]
        func write(seconds: Int64) throws {
            var nextWrite = world.nanos
            try world.run(forNanos: seconds * Self.second) {
                guard world.nanos >= nextWrite else { return }
                nextWrite += 200_000_000
                if let node = world.machines[0].node { ledger.write(through: node) }
            }
        }
        try write(seconds: 4)
        let before = late.time.wallNanos()
        late.heldUntil = world.nanos + 40 * Self.second
        try write(seconds: 50)
        try world.run(forNanos: 10 * Self.second)
        // Who kept up has seen everything once.
        #expect(Set(tails[1].seen).isSuperset(of: ledger.acknowledged))
        #expect(tails[1].seen.count == Set(tails[1].seen).count && tails[1].since == nil)
        // Who did not lacks lines, and knows since when.
        let seen = Set(tails[0].seen)
        #expect(!seen.isSuperset(of: ledger.acknowledged), "no image came")
        #expect(tails[0].seen.count == seen.count)
        let since = try #require(tails[0].since)
        #expect(since.nanos <= before && since.nanos > before - 10 * Self.second)
        #expect(world.violations.isEmpty, "\(world.violations)")
        for subscription in subscriptions { subscription.cancel() }
    }
}
#endif
