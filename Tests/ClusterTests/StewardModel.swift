import Cluster
import Raft

/// A group that does what its leader's steward says: joint changes take a check to end, learners
/// catch up as told, leadership goes where it is sent.
struct StewardModel {
    var voters: Set<NodeID>
    var learners: Set<NodeID> = []
    var leader: NodeID
    var term: UInt64 = 1
    var commitIndex: UInt64 = 10_000
    var match: [NodeID: UInt64] = [:]
    var live: Set<NodeID>
    var needsImage: Set<NodeID> = []
    var slow: Set<NodeID> = []
    var faulty: Set<NodeID> = []
    /// Learners that never get the log.
    var stuck: Set<NodeID> = []
    var wanted: WantedGroup
    var outgoing: Set<NodeID> = []
    var transferee: NodeID?
    var stewards: [NodeID: Steward] = [:]
    /// Of the leader's log.
    var firstIndex: UInt64 = 1
    /// What was done, in order.
    var actions: [Steward.Action] = []
    /// Numbers of voters that the group went through.
    var voterCounts: [Int] = []

    init(
        voters: [NodeID], leader: NodeID, wanted: [NodeID], learners: [NodeID] = [],
        live: [NodeID]? = nil
    ) {
        self.voters = Set(voters)
        self.leader = leader
        self.wanted = WantedGroup(voters: wanted, learners: learners)
        self.live = Set(live ?? voters + wanted + learners)
        voterCounts = [voters.count]
        for voter in voters { match[voter] = commitIndex }
    }

    var configuration: GroupConfiguration {
        var configuration = GroupConfiguration(
            index: 1, voters: voters.sorted(), learners: learners.sorted())
        configuration.outgoingVoters = outgoing.sorted()
        return configuration
    }

    func status(for node: NodeID) -> RaftStatus {
        var status = RaftStatus(
            term: term, leader: leader, isLeader: node == leader,
            firstIndex: firstIndex, lastIndex: commitIndex, commitIndex: commitIndex,
            configuration: configuration)
        status.transferee = transferee
        status.members = configuration.members.map {
            RaftStatus.Member(
                node: $0, matchIndex: match[$0] ?? 0, isLearner: learners.contains($0),
                isActive: $0 == leader || live.contains($0), needsImage: needsImage.contains($0))
        }
        return status
    }

    /// One check by the leader, with its action applied.
    @discardableResult
    mutating func check() -> Steward.Action? {
        let group = GroupID(1)
        var steward = stewards[leader] ?? Steward(group: group, node: leader)
        let action = steward.next(
            status(for: leader), wanted: wanted, live: live, slow: slow, faulty: faulty)
        stewards[leader] = steward
        outgoing = []
        if let to = transferee {
            leader = to
            term += 1
            transferee = nil
        }
        switch action {
        case .change(let changes): apply(changes)
        case .transfer(let to): transferee = to
        case .wait, nil: break
        }
        if let action {
            if case .wait = action {} else { actions.append(action) }
        }
        for id in voters.union(learners) where live.contains(id) && !stuck.contains(id) {
            match[id] = commitIndex
        }
        return action
    }

    private mutating func apply(_ changes: [MembershipChange]) {
        let before = voters
        for change in changes {
            switch change {
            case .addLearner(let id):
                voters.remove(id)
                learners.insert(id)
            case .addVoter(let id):
                learners.remove(id)
                voters.insert(id)
            case .remove(let id):
                voters.remove(id)
                learners.remove(id)
            }
        }
        if changes.count > 1 { outgoing = before }
        if voters != before { voterCounts.append(voters.count) }
    }

    /// Until the steward has nothing to do; false when it still has after `checksMax`.
    mutating func settle(checksMax: Int = 60) -> Bool {
        for _ in 0..<checksMax where check() == nil && transferee == nil && outgoing.isEmpty {
            return true
        }
        return false
    }

    var isReached: Bool { wanted.isReached(by: configuration) }
}
