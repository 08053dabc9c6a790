#if canImport(CEtcdRaft)
import Platform
import Raft
import Simulator
import Storage

@testable import Cluster
@testable import Replication

/// Breaks things in a cluster, one after the other and at the same time, and mends all of them in
/// the end.
struct ClusterNemesis {
    /// What can go wrong.
    enum Fault: CaseIterable {
        case crash, zoneLoss, cutOneWay, cutBothWays, isolate, flappingLink
        case slowLink, lossyLink, unorderedLink, pause, slowDisk, fullDisk, powerCut, failingSync
        case clockJump, clockDrift, rot, misdirectedWrite
        /// A machine comes back without its disk, and its power goes while it is brought up to date.
        case powerCutInImage
        /// A replica's core contradicts itself.
        case brokenReplica
    }

    private static let second: Int64 = 1_000_000_000
    private let world: ClusterWorld
    /// When what is to be mended, or breaks again.
    private var mends: [(nanos: Int64, body: () throws -> Void)] = []
    private var nextNanos: Int64 = 0
    private(set) var faultCount = 0
    /// Machines whose power is to go while an image comes in.
    private var doomed: Set<String> = []

    /// Faults that are left out, by their number from 1: to see which a failure needs.
    private let skipped: Set<Int>

    init(_ world: ClusterWorld, without skipped: Set<Int> = []) {
        self.world = world
        self.skipped = skipped
    }

    /// To be called after each step.
    mutating func act(mayLoseDisks: () -> Bool) throws {
        for mend in mends where mend.nanos <= world.nanos { try mend.body() }
        mends.removeAll { $0.nanos <= world.nanos }
        cutPowerInImages()
        guard world.nanos >= nextNanos else { return }
        nextNanos =
            world.nanos + Int64.random(in: 300_000_000...3_000_000_000, using: &world.random)
        var fault = Fault.allCases.randomElement(using: &world.random) ?? .crash
        let losesDisk =
            fault == .zoneLoss || fault == .powerCutInImage || fault == .brokenReplica
        if losesDisk, !mayLoseDisks() || !world.rotten.isEmpty { fault = .crash }
        let machine = world.machines.randomElement(using: &world.random) ?? world.machines[0]
        faultCount += 1
        // Who has no identity yet has nothing to lose.
        guard machine.identity != nil, !skipped.contains(faultCount) else { return }
        try inject(fault, machine)
    }

    private mutating func after(
        _ range: ClosedRange<Int64>, _ body: @escaping () throws -> Void
    ) {
        let wait = Int64.random(in: range, using: &world.random) * Self.second / 10
        mends.append((world.nanos + wait, body))
    }

    private mutating func inject(_ fault: Fault, _ machine: ClusterWorld.Machine) throws {
        world.note("\(fault) at \(machine.name)")
        switch fault {
        case .powerCutInImage:
            doomed.insert(machine.name)
            kill(.zoneLoss, machine)
        case .crash, .zoneLoss, .powerCut, .failingSync: kill(fault, machine)
        case .cutOneWay, .cutBothWays, .isolate: cut(fault, machine)
        case .flappingLink: flap(machine)
        case .slowLink, .lossyLink, .unorderedLink: disturb(fault, machine)
        case .pause, .slowDisk:
            machine.heldUntil =
                world.nanos + Int64.random(in: 1...40, using: &world.random) * Self.second / 10
            machine.speaksWhileHeld = fault == .slowDisk
        case .rot, .misdirectedWrite: rot(machine, fault)
        case .brokenReplica: ClusterNemesis.breakReplica(machine, world)
        case .fullDisk:
            machine.disk.faults.capacityBytes = 0
            let disk = machine.disk
            after(10...60) { disk.faults.capacityBytes = nil }
        case .clockJump:
            let jump = Int64.random(in: -600...600, using: &world.random) * Self.second
            machine.time.setWall(nanos: machine.time.wallNanos() + jump)
        case .clockDrift:
            machine.driftPerMille = Int64.random(in: -100...100, using: &world.random)
            after(50...200) { machine.driftPerMille = 0 }
        }
    }

    /// A bit of a sealed file flips, or a piece of another file lands in it; on one machine only
    /// while another one that votes has it, too: what others have may be given up again.
    private mutating func rot(_ machine: ClusterWorld.Machine, _ fault: Fault) {
        guard world.rotten.isEmpty || world.rotten == [machine.name],
            let replica = machine.node?.cluster?.replicas.randomElement(using: &world.random)
        else { return }
        let directory = replica.directory
        let voters = world.configurations[replica.group]?.voters ?? []
        let others = world.machines.filter {
            $0 !== machine && $0.identity.map(voters.contains) == true
        }.flatMap { other in
            other.node?.cluster?.replicas.filter { $0.number == replica.number } ?? []
        }
        let twice = Set(others.flatMap { $0.shard.manifest.segments.flatMap(\.files) })
        let files = replica.shard.manifest.segments.flatMap(\.files).filter {
            $0.byteCount > 0 && twice.contains($0)
        }
        guard let file = files.randomElement(using: &world.random) else { return }
        let byte = Int.random(in: 0..<file.byteCount, using: &world.random)
        world.rotten = [machine.name]
        guard fault == .misdirectedWrite else {
            return machine.disk.flipBit(directory / file.name, byte: byte)
        }
        let piece = (0..<512).map { _ in UInt8.random(in: 0...255, using: &world.random) }
        machine.disk.misdirect(piece, to: directory / file.name, at: byte / 512 * 512)
    }

    /// Why a replica takes no further part that somebody else broke.
    static let brokenOnPurpose = "broken on purpose"

    /// Of any shard.
    static func breakReplica(_ machine: ClusterWorld.Machine, _ world: ClusterWorld) {
        guard let node = machine.node,
            let replica = node.cluster?.replicas.randomElement(using: &world.random)
        else { return }
        node.look { replicator in
            guard let broken = replicator.replicas[replica.group] else { return }
            replicator.fail(broken, brokenOnPurpose)
        }
    }

    /// At any of the calls that fetching and installing an image takes.
    private mutating func cutPowerInImages() {
        for machine in world.machines where doomed.contains(machine.name) {
            guard machine.node?.cluster?.fetcher.progress.isEmpty == false else { continue }
            doomed.remove(machine.name)
            machine.disk.faults.tear = .sectors
            machine.disk.faults.powerCutAtCall =
                machine.disk.callCount + Int.random(in: 1...80, using: &world.random)
            let world = world
            after(20...60) { try ClusterNemesis.revive(machine, world) }
        }
    }

    private mutating func kill(_ fault: Fault, _ machine: ClusterWorld.Machine) {
        let tears: [DiskFaults.Tear] = [.dropAll, .keepAll, .prefix, .sectors, .pages]
        let tear = tears.randomElement(using: &world.random) ?? .sectors
        switch fault {
        case .powerCut:
            machine.disk.faults.tear = tear
            machine.disk.faults.powerCutAtCall =
                machine.disk.callCount + Int.random(in: 1...20, using: &world.random)
        case .failingSync:
            machine.disk.faults.syncsFailFromCall =
                machine.disk.callCount + Int.random(in: 1...10, using: &world.random)
        case .zoneLoss: world.reimage(machine)
        default: world.crash(machine, tear: tear)
        }
        let world = world
        after(5...60) { try ClusterNemesis.revive(machine, world) }
    }

    /// Up again with what its disk holds; a machine without an identity has to join.
    static func revive(_ machine: ClusterWorld.Machine, _ world: ClusterWorld) throws {
        guard machine.identity != nil else {
            machine.disk.faults = DiskFaults()
            return
        }
        let isBroken =
            machine.disk.isPowerOff || machine.disk.faults.syncsFailFromCall != nil
            || machine.disk.faults.powerCutAtCall != nil
        if isBroken { world.crash(machine) }
        guard machine.node == nil else { return }
        machine.disk.faults = DiskFaults()
        machine.disk.powerCycle()
        world.note("\(machine.name) starts")
        try world.start(machine)
    }

    private mutating func cut(_ fault: Fault, _ machine: ClusterWorld.Machine) {
        let others = world.machines.filter { $0 !== machine && $0.identity != nil }
        guard let id = machine.identity.map({ PeerID($0.number) }) else { return }
        let targets =
            fault == .isolate ? others : Array(others.shuffled(using: &world.random).prefix(1))
        for other in targets {
            guard let to = other.identity.map({ PeerID($0.number) }) else { continue }
            world.network.cut(from: id, to: to)
            let bothWays = fault != .cutOneWay
            if bothWays { world.network.cut(from: to, to: id) }
            let network = world.network
            after(3...80) {
                network.heal(from: id, to: to)
                if bothWays { network.heal(from: to, to: id) }
            }
        }
    }

    /// A link is there and is not, in turn, for some seconds.
    private mutating func flap(_ machine: ClusterWorld.Machine) {
        let others = world.machines.filter { $0 !== machine && $0.identity != nil }
        guard let a = machine.identity.map({ PeerID($0.number) }),
            let other = others.randomElement(using: &world.random),
            let b = other.identity.map({ PeerID($0.number) })
        else { return }
        let network = world.network
        var nanos = world.nanos
        for _ in 0..<Int.random(in: 3...10, using: &world.random) {
            mends.append((nanos, { network.cut(between: a, and: b) }))
            nanos += Int64.random(in: 1...10, using: &world.random) * Self.second / 10
            mends.append(
                (
                    nanos,
                    {
                        network.heal(from: a, to: b)
                        network.heal(from: b, to: a)
                    }
                ))
            nanos += Int64.random(in: 1...10, using: &world.random) * Self.second / 10
        }
    }

    private mutating func disturb(_ fault: Fault, _ machine: ClusterWorld.Machine) {
        guard let id = machine.identity.map({ PeerID($0.number) }) else { return }
        var faults = LinkFaults()
        switch fault {
        case .slowLink:
            faults.addedDelayNanos = Int64.random(in: 10...800, using: &world.random) * 1_000_000
        case .lossyLink: faults.dropProbability = 0.02
        default:
            faults.duplicateProbability = 0.1
            faults.reorderProbability = 0.1
        }
        for other in world.machines where other !== machine {
            guard let to = other.identity.map({ PeerID($0.number) }) else { continue }
            world.network.setFaults(faults, from: id, to: to)
            let network = world.network
            after(5...60) { network.setFaults(LinkFaults(), from: id, to: to) }
        }
    }

    /// Everything is mended and everybody is up.
    mutating func mendAll() throws {
        world.note("everything is mended")
        for mend in mends { try mend.body() }
        mends = []
        doomed = []
        world.network.healAll()
        for machine in world.machines {
            machine.heldUntil = 0
            machine.driftPerMille = 0
            machine.disk.faults.capacityBytes = nil
            try ClusterNemesis.revive(machine, world)
        }
    }
}
#endif
