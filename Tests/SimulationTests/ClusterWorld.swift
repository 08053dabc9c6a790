#if canImport(CEtcdRaft)
import Model
import Platform
import Raft
@testable import Replication
import Simulator
import Storage

@testable import Cluster

/// A cluster of real nodes on one thread: their code from the router to the segment files, over
/// simulated disks, a simulated network and clocks that only this world moves. Everything follows
/// from the seed.
///
/// `@unchecked Sendable`: one test drives it, one call after the other.
final class ClusterWorld: @unchecked Sendable {
    /// One machine: its disk outlives the node, unless it is taken away. `@unchecked Sendable` as the
    /// world.
    final class Machine: @unchecked Sendable {
        let name: String
        let zone: String
        var disk: SimulatedDisk
        let time: ManualTime
        var node: Node?
        var transport: (any PeerTransport)?
        var identity: NodeID?
        /// Until then it does nothing: a stopped process, or one that waits for its disk.
        var heldUntil: Int64 = 0
        /// Whether peers hear of it meanwhile: a process that waits for its disk still speaks.
        var speaksWhileHeld = false
        /// How long a sync of its journal takes. Its loop waits meanwhile; its threads do not.
        var syncNanos: Int64 = 0
        /// What its clock is ahead by since its last syncs: until that is over its loop waits.
        fileprivate var aheadNanos: Int64 = 0
        /// By how much its clock runs too fast, of a thousand; below zero, too slow.
        var driftPerMille: Int64 = 0
        /// What its clock has run in all, apart from waiting: it ticks by that.
        fileprivate var ranNanos: Int64 = 0
        let isWitness: Bool
        var deathNote: String?
        /// What its binary understands.
        var featureLevel = ClusterFeatures.level
        /// Why it was not taken in, when it last asked.
        var refusal: String?
        /// Of all its attempts to join with this disk.
        var token: UInt64
        /// Durable and completed entry of each shard when it was last looked at.
        var seen: [Int: [UInt64]] = [:]

        init(name: String, zone: String, isWitness: Bool, seed: UInt64) {
            self.name = name
            self.zone = zone
            self.isWitness = isWitness
            disk = SimulatedDisk(seed: seed)
            time = ManualTime()
            token = seed
        }

        /// What its clock shows of a step.
        fileprivate func runs(_ nanos: Int64) -> Int64 { nanos + nanos * driftPerMille / 1000 }
    }

    static let stepNanos: Int64 = 10_000_000
    static let clusterID: UInt64 = 0xC0FFEE

    let seed: UInt64
    let shardCount: Int
    let network: SimulatedNetwork
    let machines: [Machine]
    private(set) var nanos: Int64 = 0
    private(set) var violations: [String] = []
    private(set) var trace: [String] = []
    var random: SplitMix
    /// Who led a group in a term.
    private var leaders: [LeaderTerm: NodeID] = [:]
    /// Names of what shards have sealed, by shard and entry: the same on every replica.
    private var sealed: [String: [UInt8]] = [:]
    /// Of the logs. This and the two before are since the beginning, or since a person decided who goes
    /// on.
    private var logs = LogInvariants()
    /// Machines with damaged files.
    var rotten: Set<String> = []
    /// What machines that start from now on ask for of images; nil for the default.
    var imageBytesPerSecond: Int?
    /// How long they ask for what comes damaged; nil for the default.
    var damagePatienceNanos: Int64?
    /// After how long others take the place of a node that is not heard of.
    var graceNanos: Int64 = 3_600_000_000_000
    private let randomness: SeededRandom

    init(
        seed: UInt64, machines count: Int = 3, zones: Int = 5, witnesses: Set<Int> = [],
        shardCount: Int = 2, settings: SimulatedNetwork.Settings = .init()
    ) {
        self.seed = seed
        self.shardCount = shardCount
        random = SplitMix(seed: seed)
        randomness = SeededRandom(seed: seed ^ 0xABCD)
        network = SimulatedNetwork(seed: seed, settings: settings)
        machines = (0..<count).map { number in
            Machine(
                name: "m\(number)", zone: ["a", "b", "c", "d", "e"][number % zones],
                isWitness: witnesses.contains(number), seed: seed &* 31 &+ UInt64(number))
        }
    }

    func note(_ text: String) { trace.append("\(nanos / 1_000_000) ms: \(text)") }

    func violate(_ text: String) {
        guard !violations.contains(text) else { return }
        note("VIOLATION \(text)")
        violations.append(text)
    }

    // MARK: - Machines

    func found() throws {
        let machine = machines[0]
        try ClusterDirectory(
            clusterID: Self.clusterID, node: ClusterPlace.founder, name: machine.name,
            zone: machine.zone
        ).write(machine.disk)
        try start(machine)
    }

    /// Starts what the machine's disk says it is.
    func start(_ machine: Machine) throws {
        guard let identity = try ClusterDirectory.read(machine.disk) else { return }
        var configuration = NodeConfiguration()
        configuration.shardCount = shardCount
        configuration.journalFileBytes = 1 << 20
        configuration.retentionNanos = nil
        configuration.shard.sealBytes = 64 << 10
        configuration.shard.sealAgeNanos = 8_000_000_000
        configuration.journalSegmentsMax = 4
        imageBytesPerSecond.map { configuration.imageBytesPerSecond = $0 }
        damagePatienceNanos.map { configuration.damagePatienceNanos = $0 }
        var profile = ClusterProfile(
            name: machine.name, zone: machine.zone, address: "\(machine.name):1",
            httpAddress: "\(machine.name):2")
        profile.graceNanos = graceNanos
        profile.featureLevel = machine.featureLevel
        profile.isWitness = machine.isWitness
        machine.deathNote = nil
        machine.aheadNanos = 0
        machine.disk.onSync = { [weak machine] path in
            guard let machine, machine.syncNanos > 0, path.contains("journal/") else { return }
            machine.time.advance(byNanos: machine.syncNanos)
            machine.aheadNanos += machine.syncNanos
        }
        let node = try Node.start(
            configuration,
            as: ClusterPlace(
                identity: identity, profile: profile,
                firstPeers: try FirstPeers.read(machine.disk)),
            in: surroundings(of: machine), hasThreads: false)
        guard let cluster = node.cluster else { return }
        let id = PeerID(identity.node.number)
        let transport = network.start(id, receiver: cluster.receiver)
        cluster.attach(transport)
        transport.setPeers(addresses)
        machine.node = node
        machine.transport = transport
        machine.identity = identity.node
        machine.heldUntil = nanos
    }

    func surroundings(of machine: Machine) -> Node.Surroundings {
        Node.Surroundings(
            disk: machine.disk, time: machine.time, timers: ManualTime(), random: randomness,
            telemetry: Telemetry(),
            onNotice: { [weak self] in self?.note("\(machine.name): \($0)") },
            onFatal: { [weak machine] in machine?.deathNote = $0 })
    }

    private var addresses: [PeerID: Endpoint] {
        var addresses: [PeerID: Endpoint] = [:]
        for machine in machines {
            if let id = machine.identity {
                addresses[PeerID(id.number)] = .inet(host: machine.name, port: 1)
            }
        }
        return addresses
    }

    /// A person's word ends what was promised before: entries of some logs are no more, and others take
    /// their places and terms.
    func forgetPromises() {
        logs = LogInvariants()
        logs.goesOnByDecision = true
        leaders = [:]
        sealed = [:]
    }

    func crash(_ machine: Machine, tear: DiskFaults.Tear = .sectors) {
        guard machine.node != nil else { return }
        if let id = machine.identity { network.crash(PeerID(id.number)) }
        machine.node = nil
        machine.transport = nil
        machine.disk.faults.tear = tear
        machine.disk.powerCycle()
    }

    /// The machine comes back with an empty disk, and asks to be a member again.
    func reimage(_ machine: Machine) {
        crash(machine)
        machine.identity = nil
        machine.disk = SimulatedDisk(seed: random.next())
        machine.token = random.next()
    }

    /// A machine without an identity asks a member.
    func join(_ machine: Machine, through other: Machine) {
        guard machine.identity == nil, let keeper = other.node?.cluster?.keeper else { return }
        let newcomer = Newcomer(
            name: machine.name, zone: machine.zone, address: "\(machine.name):1",
            httpAddress: "\(machine.name):2", featureLevel: machine.featureLevel,
            isWitness: machine.isWitness, token: machine.token)
        let disk = machine.disk
        keeper.join(ClusterCommand.join(newcomer, replaces: nil).encoded()) { [self] answer in
            guard machine.identity == nil, machine.disk === disk else { return }
            switch JoinAnswer.read(answer) {
            case .refused(let reason): machine.refusal = reason
            case .accepted(let accepted): settle(accepted, machine)
            }
        }
    }

    private func settle(_ accepted: JoinAnswer, _ machine: Machine) {
        do {
            _ = try DataDirectory.open(machine.disk, shardCount: accepted.shardCount)
            try ClusterDirectory(
                clusterID: accepted.clusterID, node: accepted.node, name: machine.name,
                zone: machine.zone
            ).write(machine.disk)
            note("\(machine.name) joins as \(accepted.node)")
            machine.identity = accepted.node
            try start(machine)
            for other in machines { other.transport?.setPeers(addresses) }
        } catch {
            violate("\(machine.name) cannot join: \(error)")
        }
    }

    /// Of all that happened: one seed gives one.
    var digest: UInt64 {
        trace.joined(separator: "\n").utf8.reduce(network.counts.deliveryHash) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01b3
        }
    }

    /// The terms in which each group was led.
    var leaderTerms: [GroupID: Set<UInt64>] {
        leaders.keys.reduce(into: [:]) { $0[$1.group, default: []].insert($1.term) }
    }

    /// The newest that anybody up knows of each group.
    var configurations: [GroupID: GroupConfiguration] {
        var newest: [GroupID: GroupConfiguration] = [:]
        for machine in machines {
            machine.node?.look { replicator in
                for (group, replica) in replicator.replicas {
                    guard let known = replica.configuration,
                        known.index > newest[group]?.index ?? 0
                    else { continue }
                    newest[group] = known
                }
            }
        }
        return newest
    }

    // MARK: - Time

    func run(forNanos duration: Int64, _ each: (() throws -> Void)? = nil) throws {
        let end = nanos + duration
        while nanos < end {
            try step()
            try each?()
        }
    }

    /// Ten milliseconds.
    func step() throws {
        nanos += Self.stepNanos
        network.deliver(upToNanos: nanos)
        for (place, machine) in machines.enumerated() {
            let runs = machine.runs(Self.stepNanos)
            let waited = min(machine.aheadNanos, runs)
            machine.aheadNanos -= waited
            machine.time.advance(byNanos: runs - waited)
            let before = machine.ranNanos
            machine.ranNanos += runs
            guard let node = machine.node else { continue }
            let isHeld = nanos < machine.heldUntil
            if isHeld, !machine.speaksWhileHeld { continue }
            // Nodes do not tick all at the same moment.
            let phase = Int64(place) * 3 * Self.stepNanos
            let passes = { (period: Int64) in
                (before + phase) / period != (machine.ranNanos + phase) / period
            }
            if passes(100_000_000) { node.tick() }
            if isHeld { continue }
            if passes(1_000_000_000) { node.second() }
            if machine.aheadNanos == 0 { work(machine, node) }
            machine.node?.maintainIfWoken()
        }
    }

    private func work(_ machine: Machine, _ node: Node) {
        for _ in 0..<64 {
            guard machine.aheadNanos == 0, node.hasWork else { break }
            let goesOn = node.step() && machine.deathNote == nil
            if let id = machine.identity {
                node.look { for problem in logs.look(at: id, $0) { violate(problem) } }
            }
            guard goesOn else {
                note("\(machine.name) ends: \(machine.deathNote ?? "its loop")")
                crash(machine)
                return
            }
        }
        check(machine, node)
    }

    // MARK: - Invariants

    /// Files that one has and the other has not.
    private static func difference(_ image: ShardImage, _ known: [UInt8]) -> String {
        let own = Set(image.files.map(\.name))
        var other: Set<String> = []
        do { other = Set(try ShardImage(decoding: known).files.map(\.name)) } catch {}
        return
            "it has \(own.subtracting(other).sorted()), another \(other.subtracting(own).sorted())"
    }

    private func check(_ machine: Machine, _ node: Node) {
        guard let membership = node.cluster, let id = machine.identity else { return }
        for claim in membership.claims {
            if let other = leaders[claim], other != id {
                violate("\(claim.group): \(other) and \(id) lead in term \(claim.term)")
            }
            leaders[claim] = id
        }
        for replica in membership.replicas {
            let manifest = replica.shard.manifest
            let place = [manifest.durableIndex, manifest.completedIndex]
            guard machine.seen[replica.number] != place else { continue }
            machine.seen[replica.number] = place
            guard let image = replica.shard.image else { continue }
            // Two replicas that have done the same have the same files.
            let key = "\(replica.number) \(place)"
            let bytes = image.encoded()
            if let known = sealed[key], known != bytes {
                violate("shard \(key) differs at \(id): \(ClusterWorld.difference(image, known))")
            }
            sealed[key] = bytes
        }
        for fault in membership.keeper.faults
        where fault.value != ClusterNemesis.brokenOnPurpose {
            violate("\(id) \(fault.key): \(fault.value)")
        }
    }
}
#endif
