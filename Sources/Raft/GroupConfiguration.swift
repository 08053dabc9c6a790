/// Who is in a group from an entry of its log on.
package struct GroupConfiguration: Hashable, Sendable {
    /// Of the entry that made it so.
    package var index: UInt64
    package var voters: [NodeID]
    /// Receive the log and do not vote.
    package var learners: [NodeID]
    /// While a change of several is under way: who voted before. Both majorities count.
    package var outgoingVoters: [NodeID] = []
    /// Outgoing voters that stay as learners.
    package var nextLearners: [NodeID] = []
    /// The change ends by itself.
    package var leavesByItself = false

    package init(index: UInt64, voters: [NodeID], learners: [NodeID] = []) {
        self.index = index
        self.voters = voters
        self.learners = learners
    }

    /// All that receive the log, each once, ascending.
    package var members: [NodeID] {
        Set(voters + learners + outgoingVoters + nextLearners).sorted()
    }

    /// Whether an image that has this configuration can bring a node into the group. etcd 3.4 takes
    /// none of those by which it was only a voter on its way out.
    package func admits(_ node: NodeID) -> Bool {
        voters.contains(node) || learners.contains(node)
    }

    /// Whether a change of several is under way.
    package var isJoint: Bool { !outgoingVoters.isEmpty }
}

/// A state machine's image at an entry: what a replica needs that the log can not give any more.
package struct ImageReference: Hashable, Sendable {
    /// The last entry in it.
    package var index: UInt64
    package var term: UInt64
    package var configuration: GroupConfiguration

    package init(index: UInt64, term: UInt64, configuration: GroupConfiguration) {
        self.index = index
        self.term = term
        self.configuration = configuration
    }
}

/// One change of who is in a group.
package enum MembershipChange: Hashable, Sendable {
    case addLearner(NodeID)
    /// Also makes a voter of a learner.
    case addVoter(NodeID)
    case remove(NodeID)
}

/// Where a group stands, for people and figures.
package struct RaftStatus: Hashable, Sendable {
    /// A leader's view of a member.
    package struct Member: Hashable, Sendable {
        package let node: NodeID
        /// It has the log up to there.
        package let matchIndex: UInt64
        package let isLearner: Bool
        /// It answered within the last election timeout.
        package let isActive: Bool
        /// It can go on with an image only.
        package let needsImage: Bool

        package init(
            node: NodeID, matchIndex: UInt64, isLearner: Bool, isActive: Bool, needsImage: Bool
        ) {
            self.node = node
            self.matchIndex = matchIndex
            self.isLearner = isLearner
            self.isActive = isActive
            self.needsImage = needsImage
        }
    }

    package let term: UInt64
    package let leader: NodeID?
    package let isLeader: Bool
    package let firstIndex: UInt64
    package let lastIndex: UInt64
    package let commitIndex: UInt64
    /// Whom it hands leadership to.
    package var transferee: NodeID?
    package var configuration: GroupConfiguration
    /// Only a leader knows.
    package var members: [Member] = []

    package init(
        term: UInt64, leader: NodeID?, isLeader: Bool, firstIndex: UInt64, lastIndex: UInt64,
        commitIndex: UInt64, configuration: GroupConfiguration
    ) {
        self.term = term
        self.leader = leader
        self.isLeader = isLeader
        self.firstIndex = firstIndex
        self.lastIndex = lastIndex
        self.commitIndex = commitIndex
        self.configuration = configuration
    }
}

extension RaftStatus {
    /// Whether the log alone can bring the member up to date: what it lacks is still there. A leader
    /// hears only with its first question that a new member needs an image.
    package func logReaches(_ member: Member) -> Bool {
        !member.needsImage && member.matchIndex + 1 >= firstIndex
    }
}
