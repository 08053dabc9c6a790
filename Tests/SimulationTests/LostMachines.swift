#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Storage

@testable import Cluster

/// In the midst of everything the power of all machines goes at once, and some of them are never seen
/// again. A person lets the others go on as another cluster, of any number of nodes down to one, as long
/// as by their logs nothing is lost: then nothing that was acknowledged may be missed.
struct LostMachines {
    private static let second: Int64 = 1_000_000_000

    private let world: ClusterWorld
    private var nextNanos: Int64
    /// Survivors that are not started yet.
    private var down: [(nanos: Int64, machine: ClusterWorld.Machine)] = []
    /// Whether survivors went on.
    private(set) var haveGoneOn = false

    init(_ world: ClusterWorld) {
        self.world = world
        nextNanos =
            world.nanos + Int64.random(in: 30...150, using: &world.random) * Self.second / 10
    }

    /// To be called after each step.
    mutating func act() throws {
        for one in down where one.nanos <= world.nanos {
            try ClusterNemesis.revive(one.machine, world)
        }
        down.removeAll { $0.nanos <= world.nanos }
        let isBroken = world.machines.contains {
            $0.node?.cluster?.keeper.faults.isEmpty == false
        }
        // Damage and loss together lose something.
        guard world.nanos >= nextNanos, !haveGoneOn, !isBroken, world.rotten.isEmpty,
            world.machines.allSatisfy({ $0.identity != nil })
        else { return }
        nextNanos = world.nanos + Int64.random(in: 1...4, using: &world.random) * Self.second
        world.note("the power of all goes")
        for machine in world.machines {
            world.crash(machine)
            machine.disk.faults = DiskFaults()
            machine.disk.powerCycle()
            let wait = Int64.random(in: 0...30, using: &world.random) * Self.second / 10
            down.append((world.nanos + wait, machine))
        }
        guard let survivors = try choose() else { return }
        haveGoneOn = true
        let names = survivors.map(\.name).joined(separator: ", ")
        world.note("these go on: \(names), of \(world.machines.count)")
        try Self.recover(world, survivors, cuts: true)
        down.removeAll { one in !survivors.contains { $0 === one.machine } }
    }

    /// Those who are enough, by what is on all disks; nil when everybody is needed.
    private func choose() throws -> [ClusterWorld.Machine]? {
        var described: [(machine: ClusterWorld.Machine, survivor: Survivor)] = []
        for machine in world.machines {
            do {
                let recovery = try ClusterRecovery(in: world.surroundings(of: machine))
                described.append((machine, recovery.survivor))
            } catch {
                // One that knows of no cluster yet.
                world.note("\(machine.name) can not go on: \(error)")
            }
            machine.disk.powerCycle()
        }
        let all = described.map(\.survivor)
        let subsets = (1..<(1 << described.count)).map { bits in
            described.indices.filter { bits >> $0 & 1 == 1 }
        }
        let enough = subsets.filter {
            $0.count < world.machines.count && Self.isEnough($0.map { all[$0] }, of: all)
        }
        guard let fewest = enough.map(\.count).min() else { return nil }
        let isFewest = Bool.random(using: &world.random)
        return enough.filter { !isFewest || $0.count == fewest }
            .randomElement(using: &world.random)?.map { described[$0].machine }
    }

    /// They are a majority of every group, or have as much of its log as anybody.
    private static func isEnough(_ survivors: [Survivor], of all: [Survivor]) -> Bool {
        guard let plan = try? RecoveryPlan(survivors) else { return false }
        return plan.losses(survivors).allSatisfy { group, loss in
            if loss == .nothing { return true }
            guard let best = RecoveryPlan.best(group, all)?.logs[group],
                let own = RecoveryPlan.best(group, survivors)?.logs[group]
            else { return false }
            return !own.isBehind(best)
        }
    }

    /// Recovers the survivors' disks, which nobody uses; the others' are lost. `cuts`: the power goes
    /// during each recovery, again and again.
    static func recover(
        _ world: ClusterWorld, _ survivors: [ClusterWorld.Machine], cuts: Bool
    ) throws {
        let descriptions = try survivors.map {
            try ClusterRecovery(in: world.surroundings(of: $0)).survivor
        }
        let plan = try RecoveryPlan(descriptions)
        for machine in survivors {
            var isDone = false
            while !isDone {
                let disk = machine.disk
                if cuts, Bool.random(using: &world.random) {
                    disk.faults.powerCutAtCall =
                        disk.callCount + Int.random(in: 1...120, using: &world.random)
                }
                do {
                    let recovery = try ClusterRecovery(in: world.surroundings(of: machine))
                    if let begun = recovery.begun, begun != plan {
                        world.violate("\(machine.name) has begun another recovery")
                    }
                    try recovery.perform(plan)
                    isDone = true
                } catch {
                    guard disk.faults.powerCutAtCall != nil else { throw error }
                    world.note("\(machine.name): \(error)")
                }
                disk.faults.powerCutAtCall = nil
                disk.powerCycle()
            }
            if try ClusterDirectory.read(machine.disk)?.clusterID != plan.clusterID {
                world.violate("\(machine.name) is not of the new cluster")
            }
        }
        for machine in world.machines where !survivors.contains(where: { $0 === machine }) {
            world.reimage(machine)
        }
        world.forgetPromises()
    }
}
#endif
