internal import Platform
package import Raft

/// What the leader of a group does next so that the group's members become those assigned: one
/// step at a time, each from what the group is now, so that a new leader goes on where the last
/// one stopped. A value without clock; the leader's loop asks it at regular intervals.
///
/// What holds for its steps:
/// - Nothing while a change of members or a transfer of leadership is under way.
/// - A member gets a vote only as a learner that has kept up with the log for several checks.
/// - Whoever is to leave keeps its vote until a successor takes it in the same joint change, or
///   all wanted members vote.
/// - Whoever leads without a vote, since it came to lead before it knew that it had lost it, hands
///   over before anything else: its proposals are dropped.
/// - A group grows to three in one change, and is never left with two or four on the way.
/// - After a step, a majority of the voters is active, and needs no image to go on: nothing could be
///   committed until that has come.
/// - Whose replica takes no further part goes at once, and comes back as anybody new does.
///
/// Source: raft.md §5 of the design; Ongaro, "Consensus: Bridging Theory and Practice", §4.2, 4.3.
package struct Steward: Sendable {
    /// Checks in a row at which a learner must have kept up.
    package static let catchUpChecks = 3
    /// Entries behind the commit up to which it counts as keeping up: what is on its way at any
    /// moment of a busy group.
    package static let lagEntriesMax: UInt64 = 256
    /// Checks after a transfer before the next: one that fails stops writes until it times out.
    package static let transferPauseChecks = 10

    /// What to do now.
    package enum Action: Hashable, Sendable {
        /// Propose these changes as one.
        case change([MembershipChange])
        case transfer(NodeID)
        /// Nothing can be done yet, for this reason.
        case wait(reason: String)
    }

    package let group: GroupID
    /// Who asks.
    package let node: NodeID
    private var term: UInt64 = 0
    /// Checks in a row at which a learner kept up.
    private var checks: [NodeID: Int] = [:]
    private var pauseChecks = 0

    package init(group: GroupID, node: NodeID) {
        self.group = group
        self.node = node
    }

    /// Whether it holds back a transfer that it may ask for later.
    package var isPausing: Bool { pauseChecks > 0 }

    /// The next step, or nil when the group is as wanted or somebody else leads it. Each call is
    /// one check of the learners. `slow`: whose disks are slow: nobody hands leadership to them
    /// while another can take it. `faulty`: whose replicas take no further part, by their own word.
    package mutating func next(
        _ status: RaftStatus, wanted: WantedGroup, live: Set<NodeID>, slow: Set<NodeID> = [],
        faulty: Set<NodeID> = []
    ) -> Action? {
        guard status.isLeader, !wanted.voters.isEmpty else {
            checks.removeAll()
            return nil
        }
        // What an earlier leader, or this one in another term, saw says nothing.
        if status.term != term {
            term = status.term
            checks.removeAll()
        }
        pauseChecks = max(0, pauseChecks - 1)
        let scene = Scene(status, wanted, live, slow, node)
        count(scene)
        if status.configuration.isJoint { return .wait(reason: "a change of members is under way") }
        if let transferee = status.transferee {
            return .wait(reason: "leadership goes to \(transferee)")
        }
        if !scene.isVoter(node), !Mutant.isOn(.leadsWithoutVote) {
            return handOver(scene)
        }
        if !Mutant.isOn(.brokenReplicaStaysIn),
            let broken = scene.present.first(where: { faulty.contains($0) && $0 != node }),
            let change = scene.expulsion(of: broken)
        {
            return change
        }
        let isWelcome = { live.contains($0) && !faulty.contains($0) }
        if let newcomer = scene.missing.first(where: isWelcome) {
            return .change([.addLearner(newcomer)])
        }
        let action =
            relieveSelf(scene) ?? promote(scene) ?? removeRest(scene)
            ?? obstacle(scene).map { .wait(reason: $0) } ?? leadership(scene)
        if case .transfer = action { pauseChecks = Steward.transferPauseChecks }
        return action
    }

    /// Of a leader that does not vote: to whoever does, those that stay before others.
    private mutating func handOver(_ scene: Scene) -> Action {
        let voters = scene.status.configuration.voters
        let order =
            scene.wanted.voters.filter(voters.contains)
            + voters.filter { !scene.wanted.voters.contains($0) }
        let able = order.filter(scene.keepsUp)
        guard pauseChecks == 0,
            let next = able.first(where: { !scene.slow.contains($0) }) ?? able.first
        else { return .wait(reason: "nobody that votes can take leadership yet") }
        pauseChecks = Steward.transferPauseChecks
        return .transfer(next)
    }

    private mutating func count(_ scene: Scene) {
        var next: [NodeID: Int] = [:]
        for learner in scene.newcomers where scene.keepsUp(learner) {
            next[learner] = min((checks[learner] ?? 0) + 1, Steward.catchUpChecks)
        }
        checks = next
    }

    private func isReady(_ learner: NodeID) -> Bool {
        (checks[learner] ?? 0) >= Steward.catchUpChecks || Mutant.isOn(.newcomerVotesAtOnce)
    }

    /// A leader that is to leave hands over to one that stays; that one removes it.
    private func relieveSelf(_ scene: Scene) -> Action? {
        guard scene.leaving.contains(node), pauseChecks == 0 else { return nil }
        let able = scene.wanted.voters.filter { scene.isVoter($0) && scene.keepsUp($0) }
        return (able.first { !scene.slow.contains($0) } ?? able.first).map { .transfer($0) }
    }

    /// Gives votes to learners that have caught up, each in place of somebody who leaves.
    private func promote(_ scene: Scene) -> Action? {
        let ready = scene.newcomers.filter(isReady)
        guard !ready.isEmpty else { return nil }
        let others = scene.leaving.filter { $0 != node }
        let isComplete = ready.count == scene.newcomers.count && scene.missing.isEmpty
        if isComplete, !scene.leaving.contains(node) {
            return scene.change(adding: ready, removing: others)
        }
        if let successor = ready.first, let leaver = others.first {
            return scene.change(adding: [successor], removing: [leaver])
        }
        // Alone and to leave: somebody must be able to take over first. Of an odd number wanted,
        // one waits for this node's place, so that the votes stay odd.
        guard scene.status.configuration.voters == [node], isComplete else { return nil }
        let added = ready.count > 1 ? Array(ready.dropLast()) : ready
        return scene.change(adding: added, removing: [])
    }

    /// Whoever is not wanted any more when nobody is to take its vote, and learners at any time.
    private func removeRest(_ scene: Scene) -> Action? {
        if let stray = scene.strayLearners.first { return .change([.remove(stray)]) }
        guard scene.missing.isEmpty, scene.newcomers.isEmpty else { return nil }
        let others = scene.leaving.filter { $0 != node }
        return others.isEmpty ? nil : scene.change(adding: [], removing: others)
    }

    /// What the group waits for, if its members are not as wanted.
    private func obstacle(_ scene: Scene) -> String? {
        if let missing = scene.missing.first {
            return scene.live.contains(missing)
                ? "\(missing) gives its replica up to get a new one" : "\(missing) is not live"
        }
        if let late = scene.newcomers.first(where: { !isReady($0) }) {
            guard let member = scene.members[late], member.isActive, scene.live.contains(late)
            else { return "\(late) does not answer" }
            if !scene.status.logReaches(member) { return "\(late) gets an image" }
            let behind =
                scene.status.commitIndex
                - min(
                    member.matchIndex, scene.status.commitIndex)
            return "\(late) catches up, \(behind) entries behind"
        }
        if scene.leaving.contains(node) { return "nobody that stays can take leadership yet" }
        if !scene.newcomers.isEmpty || !scene.leaving.isEmpty {
            return "too few voters answer for a change of members"
        }
        return nil
    }

    /// Once the members are right, the preferred leader leads.
    private func leadership(_ scene: Scene) -> Action? {
        guard pauseChecks == 0, let preferred = scene.wanted.voters.first, preferred != node,
            scene.isVoter(preferred), scene.keepsUp(preferred),
            !scene.slow.contains(preferred) || scene.slow.contains(node)
        else { return nil }
        return .transfer(preferred)
    }
}

/// A group at one check: who is there and who is to be.
private struct Scene {
    let status: RaftStatus
    let wanted: WantedGroup
    let live: Set<NodeID>
    let slow: Set<NodeID>
    let node: NodeID
    let members: [NodeID: RaftStatus.Member]
    /// Voters and learners.
    let present: [NodeID]
    /// Wanted and not in the group. Learners only when they are live: they hold up nobody.
    let missing: [NodeID]
    /// Learners that are to vote, in the order of the assignment.
    let newcomers: [NodeID]
    /// Voters that are not to vote; those that do not answer first.
    let leaving: [NodeID]
    let strayLearners: [NodeID]

    init(
        _ status: RaftStatus, _ wanted: WantedGroup, _ live: Set<NodeID>, _ slow: Set<NodeID>,
        _ node: NodeID
    ) {
        self.status = status
        self.wanted = wanted
        self.live = live
        self.slow = slow
        self.node = node
        let members = Dictionary(
            status.members.map { ($0.node, $0) }, uniquingKeysWith: { first, _ in first })
        self.members = members
        let configuration = status.configuration
        let present = Set(configuration.members)
        self.present = configuration.members
        missing =
            (wanted.voters + wanted.learners.filter(live.contains))
            .filter { !present.contains($0) }
        newcomers = wanted.voters.filter(configuration.learners.contains)
        leaving = configuration.voters.filter { !wanted.voters.contains($0) }.sorted {
            let first = live.contains($0) && members[$0]?.isActive == true
            let second = live.contains($1) && members[$1]?.isActive == true
            return (first ? 1 : 0, $0.number) < (second ? 1 : 0, $1.number)
        }
        strayLearners = configuration.learners.filter {
            !wanted.voters.contains($0) && !wanted.learners.contains($0)
        }
    }

    func isVoter(_ id: NodeID) -> Bool { status.configuration.voters.contains(id) }

    /// Whether it answers and lacks no more of the log than what is on its way.
    func keepsUp(_ id: NodeID) -> Bool {
        guard live.contains(id), let member = members[id], member.isActive,
            status.logReaches(member)
        else { return false }
        return member.matchIndex + Steward.lagEntriesMax >= status.commitIndex
    }

    /// The change, or nil when too few of its voters would answer. A voter that is wanted as a
    /// learner stays as one.
    func change(adding: [NodeID], removing: [NodeID]) -> Steward.Action? {
        let voters = status.configuration.voters.filter { !removing.contains($0) } + adding
        guard canCommit(voters) else { return nil }
        return .change(
            adding.map { .addVoter($0) }
                + removing.map { wanted.learners.contains($0) ? .addLearner($0) : .remove($0) })
    }
    /// The change that puts a member out whatever it is wanted as, or nil as above.
    func expulsion(of member: NodeID) -> Steward.Action? {
        canCommit(status.configuration.voters.filter { $0 != member })
            ? .change([.remove(member)]) : nil
    }

    /// Whether enough of these voters answer, and have the log or can get it.
    private func canCommit(_ voters: [NodeID]) -> Bool {
        let able = voters.count { voter in
            if voter == node { return true }
            guard live.contains(voter), let member = members[voter] else { return false }
            return member.isActive && status.logReaches(member)
        }
        return able > voters.count / 2
    }
}
