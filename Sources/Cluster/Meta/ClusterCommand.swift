package import Raft

/// What an entry of the meta group's log says. Layout in docs/format/cluster-command.md.
///
/// A command holds all that deciding it needs, so that applying it is a function of the state and
/// the command: what makes no sense any more is refused, on every replica alike.
package enum ClusterCommand: Hashable, Sendable {
    /// The first command of all: a cluster of one node that holds every group.
    case found(
        clusterID: UInt64, shardCount: Int, founder: NodeID, Newcomer, ClusterSettings)
    /// Makes the newcomer a member. `replaces`: a member of the same name that is known dead; the
    /// newcomer takes its places.
    case join(Newcomer, replaces: NodeID?)
    case setMemberState(NodeID, Member.State)
    /// What a restart may have changed.
    case updateMember(
        NodeID, address: String, httpAddress: String, zone: String?, featureLevel: UInt32)
    /// Who is to hold a group: preferred leader first; of the meta group, who votes.
    case assign(GroupID, [NodeID])
    /// The value in nanoseconds or as a number; nil: off.
    case set(ClusterSetting, Int64?)
    /// Allows the formats and commands of that level; never goes back.
    case raiseFeatureLevel(UInt32)
    /// What a person decided when a majority was lost, see `ClusterRecovery`: only the survivors go
    /// on, in a cluster of another id. `holders`: who has each group, the meta group first.
    case recover(clusterID: UInt64, survivors: [NodeID], holders: [NodeID])
}

/// What became of an applied command. The same on every replica.
package enum ClusterOutcome: Hashable, Sendable {
    case done
    /// The joining node is a member under this id, from now on or from an earlier attempt.
    case joined(NodeID)
    /// Nothing was done.
    case refused(ClusterRefusal)
    /// The entry was applied before: nothing was done.
    case duplicate
}

/// Why a command was refused, as one line for a person.
package enum ClusterRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case alreadyFounded(clusterID: UInt64)
    case notFounded
    case badShardCount(Int)
    case badName(String)
    case badAddress(String)
    /// Others name their zones.
    case zoneMissing(name: String)
    case nameTaken(name: String, by: NodeID)
    /// The member to replace is not one of that name and kind.
    case cannotReplace(NodeID, name: String)
    case featureLevelTooLow(has: UInt32, needs: UInt32)
    /// Members that do not understand that level yet.
    case featureLevelHeldBack(by: [NodeID], level: UInt32)
    case featureLevelBelow(current: UInt32, level: UInt32)
    case tooManyMembers(Int)
    case unknownMember(NodeID)
    case memberGone(NodeID)
    case lastMember(NodeID)
    case unknownGroup(GroupID)
    case badAssignment(GroupID, reason: String)
    case badSetting(ClusterSetting)
    /// No command that any version wrote.
    case badCommand

    package var description: String {
        switch self {
        case .alreadyFounded(let id): "the cluster \(hexadecimal(id)) is founded already"
        case .notFounded: "there is no cluster yet"
        case .badShardCount(let count): "a cluster of \(count) shards is not possible"
        case .badName(let name):
            "'\(name)' is no name: 1 to \(Newcomer.nameBytesMax) bytes without spaces"
        case .badAddress(let text): "'\(text)' is not HOST:PORT"
        case .zoneMissing(let name):
            "the members of this cluster name their zones: start \(name) with --zone"
        case .nameTaken(let name, let id):
            "\(id) has the name \(name) already: choose another, or wait until it is known dead"
        case .cannotReplace(let id, let name): "\(id) is not a \(name) that can be replaced"
        case .featureLevelTooLow(let has, let needs):
            "the cluster needs feature level \(needs), this varve has \(has): install a varve "
                + "with feature level \(needs) or later"
        case .featureLevelHeldBack(let nodes, let level):
            "feature level \(level) is more than some members have: "
                + nodes.map(\.description).joined(separator: ", ")
        case .featureLevelBelow(let current, let level):
            "the feature level is \(current) and never goes back, to \(level) neither"
        case .tooManyMembers(let limit): "a cluster has at most \(limit) members"
        case .unknownMember(let id): "\(id) is not a member"
        case .memberGone(let id): "\(id) has left for good: join again with an empty directory"
        case .lastMember(let id): "\(id) is the last that keeps data"
        case .unknownGroup(let group): "there is no \(group)"
        case .badAssignment(let group, let reason): "\(group) can not be so: \(reason)"
        case .badSetting(let setting):
            "\(setting.name) can not be so: \(setting.allowed) is allowed"
        case .badCommand: "a command that no version wrote"
        }
    }
}

/// 16 digits.
func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
