import Cluster
import Raft
import Simulator

/// A cluster whose groups take on their assignments after a while, as nodes come, go and are lost.
struct PlacementModel {
    var log: ClusterLog
    var live: Set<NodeID> = [NodeID(1)]
    var writtenOff: Set<NodeID> = []
    var slow: Set<NodeID> = []
    var moving: Set<GroupID> = []
    /// Bytes of each group; one that is not named is large.
    var sizes: [GroupID: UInt64] = [:]
    /// What each group has in fact.
    var actual: [GroupID: Set<NodeID>]
    var random: SplitMix
    let zoneCount: Int
    var flaws: [String] = []

    var state: ClusterState { log.state }
    var view: Placement.View {
        Placement.View(
            live: live, writtenOff: writtenOff, moving: moving, sizes: sizes, slow: slow)
    }

    init(seed: UInt64, shardCount: Int, zoneCount: Int) {
        random = SplitMix(seed: seed)
        self.zoneCount = zoneCount
        log = ClusterLog(shardCount: shardCount, zones: ["z0"])
        actual = log.state.assignments.mapValues { Set($0) }
    }

    mutating func join(zone: Int? = nil, isWitness: Bool = false) {
        let place = zone ?? Int.random(in: 0..<zoneCount, using: &random)
        let id = NodeID(state.nextNodeNumber)
        log.join(zone: "z\(place)", isWitness: isWitness)
        live.insert(id)
    }

    /// A member that may be taken away without leaving nobody.
    mutating func victim() -> NodeID? {
        let keepers = state.membersByID.filter { $0.mayKeepData && live.contains($0.id) }
        return keepers.count > 1 ? keepers.randomElement(using: &random)?.id : nil
    }

    mutating func drain() {
        if let id = victim() { log.apply(.setMemberState(id, .draining)) }
    }

    mutating func lose() {
        guard let id = victim() else { return }
        live.remove(id)
        writtenOff.insert(id)
    }

    /// Back with an empty disk, under a new id.
    mutating func replace(_ lost: NodeID) {
        guard let member = state.members[lost], member.state != .gone else { return }
        var again = member.profile
        again.token = state.nextNodeNumber
        live.insert(NodeID(state.nextNodeNumber))
        log.apply(.join(again, replaces: lost))
        for (group, replicas) in state.assignments where actual[group] != Set(replicas) {
            moving.insert(group)
        }
    }

    /// One round: asks, applies, lets some groups get there. False when nothing was to be done.
    mutating func round() -> Bool {
        let commands = Placement.commands(state, view)
        check(commands)
        for command in commands {
            guard case .assign(let group, let replicas) = command else { continue }
            if log.apply(command) != .done { flaws.append("\(command) is refused") }
            if actual[group] != Set(replicas) { moving.insert(group) } else { moving.remove(group) }
        }
        // Who is not there does not catch up.
        let able = moving.sorted().filter { group in
            (state.assignments[group] ?? []).allSatisfy {
                actual[group]?.contains($0) == true || live.contains($0)
            }
        }
        let isBusy = !commands.isEmpty || !able.isEmpty
        for group in able where Bool.random(using: &random) {
            actual[group] = Set(state.assignments[group] ?? [])
            moving.remove(group)
        }
        return isBusy
    }

    /// Until nothing is to be done; nil when that takes more than `roundsMax`.
    mutating func settle(roundsMax: Int) -> Int? {
        for number in 0..<roundsMax where !round() { return number }
        return nil
    }

    /// What must hold for each command.
    private mutating func check(_ commands: [ClusterCommand]) {
        let eligible = state.members.values.filter {
            $0.state == .active && !writtenOff.contains($0.id)
        }
        var busy: [NodeID: [UInt64]] = [:]
        for group in moving where group.number > 0 {
            for id in state.assignments[group] ?? [] { busy[id, default: []].append(size(group)) }
        }
        for case .assign(let group, let after) in commands {
            let before = state.assignments[group] ?? []
            let added = Set(after).subtracting(before)
            let removed = Set(before).subtracting(after)
            if added.isEmpty, removed.isEmpty {
                if after == before { flaws.append("\(group): nothing changes") }
                continue
            }
            let isOneStep =
                removed.isEmpty || added.isEmpty || (added.count == 1 && removed.count == 1)
            if !isOneStep { flaws.append("\(group): \(before) to \(after) at once") }
            for id in added {
                let member = state.members[id]
                if member?.state != .active || !live.contains(id)
                    || (group.number > 0 && member?.isWitness == true)
                {
                    flaws.append("\(group): placed on \(id)")
                }
            }
            checkZones(group, after, added, eligible)
            guard group.number > 0 else { continue }
            let isMoving = moving.contains(group)
            let involved = Set(before + after).subtracting(isMoving ? before : [])
            for id in involved where live.contains(id) {
                busy[id, default: []].append(size(group))
                let moves = busy[id] ?? []
                let isLittle =
                    moves.reduce(0, +) <= Placement.moveBytesMax
                    && moves.count <= Placement.smallMovesPerNodeMax
                if moves.count > Placement.movesPerNodeMax, !isLittle {
                    flaws.append("\(id) takes part in too many moves")
                }
            }
        }
    }

    private func size(_ group: GroupID) -> UInt64 { sizes[group] ?? Placement.moveBytesMax }

    private mutating func checkZones(
        _ group: GroupID, _ after: [NodeID], _ added: Set<NodeID>, _ eligible: [Member]
    ) {
        let keepers = eligible.filter { group.number == 0 || !$0.isWitness }
        guard Set(keepers.map(\.failureDomain)).count >= 3, after.count >= 3 else { return }
        for id in added {
            let domain = state.members[id]?.failureDomain
            let inDomain = after.count { state.members[$0]?.failureDomain == domain }
            if inDomain > after.count / 2 {
                flaws.append("\(group): \(after) gives a majority to one zone")
            }
        }
    }
}
