#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Storage
import Testing

@testable import Cluster

/// The binaries of a cluster are replaced one after the other while things break: every machine starts
/// with level N-1 and is started again with N, now and then one goes back; when all have N, the cluster
/// is told to raise its level, again and again until it has.
struct RollingUpgrade {
    private static let second: Int64 = 1_000_000_000
    private static let old = ClusterFeatures.level
    private static let new = old + 1

    private let world: ClusterWorld
    private var nextNanos: Int64
    private var mayGoBack = true

    init(_ world: ClusterWorld) {
        self.world = world
        nextNanos = world.nanos
    }

    private var areAllNew: Bool { world.machines.allSatisfy { $0.featureLevel == Self.new } }

    /// To be called after each step.
    mutating func act() throws {
        guard world.nanos >= nextNanos else { return }
        nextNanos = world.nanos + Int64.random(in: 1...6, using: &world.random) * Self.second
        let olds = world.machines.filter { $0.featureLevel == Self.old }
        let news = world.machines.filter { $0.featureLevel == Self.new }
        if mayGoBack, !news.isEmpty, Int.random(in: 0..<4, using: &world.random) == 0 {
            mayGoBack = false
            try replace(news[0], Self.old)
        } else if let machine = olds.randomElement(using: &world.random) {
            // From the last one on there is no way back: any of them may raise the level.
            if olds.count == 1 { mayGoBack = false }
            try replace(machine, Self.new)
        } else {
            raise()
        }
    }

    /// All that are left, at once.
    func finish() throws {
        for machine in world.machines where machine.featureLevel == Self.old {
            try replace(machine, Self.new)
        }
    }

    /// Raises the level, if that was not done, and says what is wrong with it.
    func end() throws -> [String] {
        let started = world.nanos
        while levels != [Self.new], world.nanos < started + 10 * Self.second {
            raise()
            try world.run(forNanos: Self.second)
        }
        guard levels == [Self.new], areAllNew else {
            return ["levels \(levels.sorted()) after everybody has \(Self.new)"]
        }
        return []
    }

    private var levels: Set<UInt32> {
        Set(world.machines.map { $0.node?.cluster?.state.featureLevel ?? 0 })
    }

    private func raise() {
        guard areAllNew, levels != [Self.new] else { return }
        let up = world.machines.compactMap(\.node).randomElement(using: &world.random)
        up?.cluster?.keeper.propose(.raiseFeatureLevel(Self.new))
    }

    private func replace(_ machine: ClusterWorld.Machine, _ level: UInt32) throws {
        world.note("\(machine.name) gets level \(level)")
        machine.featureLevel = level
        // One that is down gets it when it is started.
        guard machine.node != nil else { return }
        world.crash(machine)
        try ClusterNemesis.revive(machine, world)
    }
}
#endif
