internal import Platform
package import Raft

/// Time, counted in ticks, and who needs to notice it.
///
/// A group with nothing to do goes quiet: its leader stops ticking once every follower that can be
/// reached has all there is, and followers do not tick while the leader's node says that it leads
/// the group. That word (`claims`) is one frame per pair of nodes for all groups, sent by a thread
/// that never waits for a disk: so a slow sync is no reason for an election, and idle groups cost
/// nothing. When the word stays away, followers tick, and elect.
extension Replicator {
    /// Ticks for which a leader's claim holds.
    static let claimTicks: UInt64 = 4
    /// Idle ticks after which a leader looks whether its group can go quiet.
    static let idleTicksMax = 5
    /// A quiet leader still ticks once in so many, to notice what it was not told.
    static let quietTicks: UInt64 = 50
    /// Ticks after which a follower that was told to get an image is asked again.
    static let imageTicks = 100

    /// The groups that this node leads, and in which term: what its peers are to be told.
    package var claims: [LeaderTerm] {
        replicas.values
            .filter { !$0.isSole && $0.leadership.isOwn && $0.fault == nil }
            .map { LeaderTerm(group: $0.id, term: $0.hardState.term) }
            .sorted { $0.group < $1.group }
    }

    /// What a peer's node says of the groups that it leads.
    package func receive(claims: [LeaderTerm], from peer: NodeID) {
        for claim in claims {
            replicas[claim.group]?.claim = LeaderClaim(
                leader: peer, term: claim.term, tick: tickCount)
        }
    }

    /// A peer can be reached again: the groups shared with it look what it lacks. What it was told
    /// before, of an image for one, may be lost or forgotten.
    package func connected(_ peer: NodeID) {
        for group in replicas.keys.sorted() {
            guard let replica = replicas[group],
                replica.configuration?.members.contains(peer) == true
            else { continue }
            replica.wake()
            if replica.leadership.isOwn, !replica.isSole { tellImageLost(replica, peer) }
        }
    }

    /// The word that a follower needs an image did not get there.
    package func reportImageLost(_ group: GroupID, to peer: NodeID) {
        guard let replica = replicas[group], replica.fault == nil else { return }
        tellImageLost(replica, peer)
    }

    /// No effect on a follower that needs none.
    private func tellImageLost(_ replica: GroupReplica, _ peer: NodeID) {
        drive(replica) { core throws(RaftError) in
            try core.reportImage(to: peer, isTaken: false)
        }
    }

    /// One tick. `reachable`: peers with a connection.
    package func tick(reachable: Set<NodeID>) {
        tickCount += 1
        for group in replicas.keys.sorted() {
            guard let replica = replicas[group], !replica.isSole, replica.fault == nil else {
                continue
            }
            if replica.leadership.isOwn {
                tickLeader(replica, reachable)
            } else if !isClaimed(replica) {
                drive(replica) { core throws(RaftError) in try core.tick() }
            }
        }
    }

    private func isClaimed(_ replica: GroupReplica) -> Bool {
        guard let claim = replica.claim, claim.leader == replica.leadership.leader,
            claim.term == replica.hardState.term
        else { return false }
        if Mutant.isOn(.claimsNeverExpire) { return true }
        return tickCount - claim.tick <= Replicator.claimTicks
    }

    private func tickLeader(_ replica: GroupReplica, _ reachable: Set<NodeID>) {
        if replica.isQuiet {
            let turn = tickCount &+ UInt64(replica.id.number)
            guard turn.isMultiple(of: Replicator.quietTicks) else { return }
        }
        drive(replica) { core throws(RaftError) in try core.tick() }
        replica.idleTickCount += 1
        guard tickCount.isMultiple(of: UInt64(Replicator.idleTicksMax)),
            let status = status(of: replica.id)
        else { return }
        askForImages(status, replica)
        replica.isQuiet =
            replica.idleTickCount >= Replicator.idleTicksMax && canBeQuiet(status, reachable)
    }

    private func canBeQuiet(_ status: RaftStatus, _ reachable: Set<NodeID>) -> Bool {
        if Mutant.isOn(.quietWhileBehind) { return true }
        return status.commitIndex == status.lastIndex && status.transferee == nil
            && !status.configuration.isJoint
            && status.members.allSatisfy { member in
                member.node == node || !reachable.contains(member.node)
                    || (member.matchIndex == status.lastIndex && member.isActive)
            }
    }

    /// A follower that was told to get an image and is not heard of may have forgotten.
    private func askForImages(_ status: RaftStatus, _ replica: GroupReplica) {
        for member in status.members {
            guard member.needsImage else {
                replica.unansweredImageTicks[member.node] = nil
                continue
            }
            let ticks = replica.unansweredImageTicks[member.node, default: 0]
            replica.unansweredImageTicks[member.node] = ticks + Replicator.idleTicksMax
            guard ticks >= Replicator.imageTicks else { continue }
            replica.unansweredImageTicks[member.node] = nil
            tellImageLost(replica, member.node)
        }
    }
}

/// A group and the term in which a node leads it.
package struct LeaderTerm: Hashable, Sendable {
    package let group: GroupID
    package let term: UInt64

    package init(group: GroupID, term: UInt64) {
        self.group = group
        self.term = term
    }
}
