import Platform
import Raft
import Simulator
import Synchronization
import Testing

@testable import Cluster

/// When a read may go on: fresh, or as stale as it says it may be.
@Suite struct ReadBarrierTests {
    private static let second: Int64 = 1_000_000_000
    private static let group = ShardGroup.group(of: 3)

    /// What a barrier sees of its node, on a clock by hand.
    private final class World: Sendable {
        let time = ManualTime()
        let asked = Mutex<[UInt64]>([])
        let applied = Mutex<UInt64>(0)
        /// What reads were told, in order.
        let told = Mutex<[String]>([])

        func barrier() -> ReadBarrier {
            ReadBarrier(
                time: time, firstContext: 1,
                ask: { _, context in self.asked.withLock { $0.append(context) } },
                applied: { _ in self.applied.withLock { $0 } })
        }

        func read(_ barrier: ReadBarrier, within staleness: Int64) {
            barrier.whenFresh(group, within: staleness) { trouble in
                self.told.withLock { $0.append(trouble ?? "fresh") }
            }
        }

        var toldCount: Int { told.withLock { $0.count } }
        var askedCount: Int { asked.withLock { $0.count } }
        var lastContext: UInt64 { asked.withLock { $0.last ?? 0 } }
    }

    @Test func aStaleReadGoesOnAtOnceUntilItsBoundIsOver() {
        let world = World()
        let barrier = world.barrier()
        world.read(barrier, within: 5 * Self.second)
        #expect(world.askedCount == 1 && world.toldCount == 0, "nothing is known yet")
        world.time.advance(byNanos: Self.second)
        barrier.answered(Self.group, context: world.lastContext, index: 7)
        #expect(world.toldCount == 0, "it has not applied so much")
        world.applied.withLock { $0 = 7 }
        barrier.applied(Self.group, through: 7)
        #expect(world.toldCount == 1)

        // The question was asked at 0 s: it says what was acknowledged by then.
        world.time.advance(byNanos: 4 * Self.second)
        world.read(barrier, within: 5 * Self.second)
        #expect(world.askedCount == 1 && world.toldCount == 2)
        world.read(barrier, within: 4 * Self.second)
        #expect(world.askedCount == 2 && world.toldCount == 2, "that bound is over")
        world.read(barrier, within: 0)
        #expect(world.toldCount == 2, "a fresh read always asks")
    }

    /// A leader that is gone: a read goes on while its bound holds and says so afterwards.
    @Test func aBoundThatCanNotBeKeptIsNamed() {
        let world = World()
        let barrier = world.barrier()
        world.read(barrier, within: 0)
        barrier.answered(Self.group, context: world.lastContext, index: 0)
        #expect(world.toldCount == 1)
        world.time.advance(byNanos: 9 * Self.second)
        world.read(barrier, within: 10 * Self.second)
        #expect(world.toldCount == 2)
        world.time.advance(byNanos: 2 * Self.second)
        world.read(barrier, within: 10 * Self.second)
        world.time.advance(byNanos: 3 * Self.second)
        barrier.tick()
        #expect(world.told.withLock { $0.last }?.hasPrefix("no leader confirmed") == true)
    }

    @Test func aReplicaThatWasRebuiltIsNotTakenForFresh() {
        let world = World()
        let barrier = world.barrier()
        world.applied.withLock { $0 = 9 }
        world.read(barrier, within: 0)
        barrier.answered(Self.group, context: world.lastContext, index: 9)
        #expect(world.toldCount == 1)
        world.applied.withLock { $0 = 4 }
        world.read(barrier, within: 10 * Self.second)
        #expect(world.toldCount == 1 && world.askedCount == 2)
    }
}
