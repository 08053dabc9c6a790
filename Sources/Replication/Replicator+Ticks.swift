internal import Platform
package import Raft

/// Time, counted in ticks, and who needs to notice it.
///
/// A group with nothing to do goes quiet: its leader stops ticking once every follower that can be
/// reached has all there is, and followers do not tick while the leader's node says that it leads
/// the group. That word (`claims`) is one frame per pair of nodes for all groups, sent by a thread
/// that never waits for a disk: so a slow sync is no reason for an election, and idle groups cost
/// nothing. When the word stays away, followers tick, and elect.
///
/// How soon follows from what disks and links do: the caller says with each tick how patient the
/// node is to be, and of so many ticks the cores see one. Leaders, who look whether a majority hears
/// them, and followers slow down alike, and claims hold as much longer.
extension Replicator {
    /// Ticks for which a leader's claim holds, at a patience of one.
    static let claimTicks: UInt64 = 5
    /// Idle ticks after which a leader looks whether its group can go quiet.
    static let idleTicksMax = 5
    /// A quiet leader still ticks once in so many, to notice what it was not told.
    static let quietTicks: UInt64 = 600
    /// Groups of which that happens at once: a few bursts cost less than many single steps.
    static let quietGroupsAtOnce: UInt64 = 64
    /// What `tick` may be told of patience: elections begin after 1 s to 10 s.
    package static let patienceMax = 10
    /// The most where a group has no leader: elections of 3 s to 6 s.
    static let vacantPatienceMax: UInt64 = 3
    /// Ticks of a core for which a group's preferred leader waits for another one's word after the start.
    static let firstCampaignTicks = 2
    /// A follower that stands for election because it is plain that it should, and is not elected,
    /// stands again after so many ticks, so often: voters that began to wait a little later turn the
    /// first attempt down.
    static let campaignAgainTicks = 2
    static let campaignsMax = 4
    /// Ticks after which a follower that was told to get an image is told again: one that gets it
    /// already makes nothing of it, one that gave up would lack it until then.
    static let imageTicks = 20

    /// The groups that this node leads, and in which term: what its peers are to be told.
    package var claims: [LeaderTerm] {
        replicas.values
            .filter { !$0.isSole && $0.leadership.isOwn && $0.fault == nil }
            .map { LeaderTerm(group: $0.id, term: $0.hardState.term) }
            .sorted { $0.group < $1.group }
    }

    /// What a peer's node says of the groups that it leads: list `number`. `claims`: nil when that
    /// is what it said before.
    package func receive(claims: [LeaderTerm]?, number: UInt64, from peer: NodeID) {
        let said = heard[peer] ?? HeardClaims()
        if let claims, said.number != number || said.groupCount != openCount {
            isStirred = true
            said.groupCount = openCount
            heard[peer] = said
            for claim in claims {
                replicas[claim.group]?.claim = LeaderClaim(
                    leader: peer, term: claim.term, number: number, said: said)
            }
            said.number = number
        }
        if said.number == number { said.tick = tickCount }
    }

    /// The groups that this node is to lead: those that have no leader at the start ask for an
    /// election as soon as enough voters can be reached.
    package func prefer(_ groups: [GroupID]) {
        isStirred = true
        for group in groups { replicas[group]?.isPreferred = true }
    }

    /// How often the group has woken, when it is quiet and led here: while that stays the same,
    /// nothing of its status changes. Nil otherwise.
    package func wakeCountWhenQuiet(_ group: GroupID) -> UInt64? {
        guard let replica = replicas[group], replica.isQuiet, replica.leadership.isOwn,
            replica.fault == nil
        else { return nil }
        return replica.wakeCount
    }

    /// A peer can be reached again: the groups shared with it look what it lacks. What it was told
    /// before, of an image for one, may be lost or forgotten.
    package func connected(_ peer: NodeID) {
        isStirred = true
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

    /// One tick. `reachable`: peers with a connection. `patience`: of so many ticks one counts
    /// towards an election, 1 to `patienceMax`.
    package func tick(reachable: Set<NodeID>, patience: Int = 1) {
        tickCount += 1
        self.patience = UInt64(min(max(patience, 1), Replicator.patienceMax))
        isCoreTick = tickCount.isMultiple(of: self.patience)
        guard isStirred || isQuietTurn || isAnyoneSilent else { return }
        isStirred = false
        for replica in inOrder
        where !replica.isSole && replica.fault == nil && !replica.isSilent {
            if replica.leadership.isOwn {
                tickLeader(replica, reachable)
                if !replica.isQuiet { isStirred = true }
            } else if isClaimed(replica) {
                replica.unclaimedTicks = 0
            } else {
                for _ in 0..<coreTicks(replica, reachable) { tickFollower(replica, reachable) }
                isStirred = true
            }
        }
    }

    /// Whether a peer's word that it still leads what it led has stayed away for too long.
    private var isAnyoneSilent: Bool {
        heard.values.contains {
            $0.number != nil && tickCount - $0.tick > Replicator.claimTicks * patience
        }
    }

    /// Whether it is some quiet groups' turn.
    private var isQuietTurn: Bool {
        guard let last = inOrder.last else { return false }
        let period = Replicator.quietTicks
        let turn = (period - tickCount % period) % period
        return turn <= UInt64(last.id.number) / Replicator.quietGroupsAtOnce
    }

    /// What a tick is to a follower's core. Patience is for a leader that may be slow. A node that has
    /// closed its connection, or was found dead, is gone, and half the time is enough to see that it
    /// does not come back at once. Where nobody leads, an election needs its rounds and no more.
    private func coreTicks(_ replica: GroupReplica, _ reachable: Set<NodeID>) -> Int {
        guard let leader = replica.leadership.leader, !reachable.contains(leader) else {
            let patience =
                isVacant(replica) ? min(patience, Replicator.vacantPatienceMax) : patience
            return tickCount.isMultiple(of: patience) ? 1 : 0
        }
        // One by one where they may stand for election, so that the first one's word gets around.
        return replica.unclaimedTicks < Int(Replicator.electionTicks) ? 2 : 1
    }

    /// Whether nobody leads the group, as far as this node knows, or who did says that it does not
    /// any more. Of a group that is not claimed.
    private func isVacant(_ replica: GroupReplica) -> Bool {
        guard let leader = replica.leadership.leader else { return true }
        guard let said = heard[leader], said.number != nil else { return false }
        return tickCount - said.tick <= Replicator.claimTicks
    }

    private func isClaimed(_ replica: GroupReplica) -> Bool {
        guard let claim = replica.claim, claim.leader == replica.leadership.leader,
            claim.term == replica.hardState.term
        else { return false }
        if Mutant.isOn(.claimsNeverExpire) { return true }
        return claim.said.number == claim.number
            && tickCount - claim.said.tick <= Replicator.claimTicks * patience
    }

    /// A follower that hears of no leader ticks towards an election. Where it is plain who should
    /// stand for it, that one does so without drawing a timeout: one election instead of several
    /// that get in each other's way.
    private func tickFollower(_ replica: GroupReplica, _ reachable: Set<NodeID>) {
        drive(replica) { core throws(RaftError) in try core.tick() }
        replica.unclaimedTicks += 1
        guard let configuration = replica.configuration, configuration.voters.contains(node) else {
            return
        }
        let present = configuration.voters.filter { $0 == node || reachable.contains($0) }
        guard present.count > configuration.voters.count / 2 else {
            // Counts from when there are enough.
            if replica.leadership.leader == nil { replica.unclaimedTicks = 0 }
            return
        }
        func begin() {
            replica.isPreferred = false
            replica.campaigns = Campaigns(firstTick: replica.unclaimedTicks)
        }
        if let leader = replica.leadership.leader {
            guard replica.unclaimedTicks == Int(Replicator.electionTicks) + 1,
                !reachable.contains(leader), successor(replica.id, present) == node
            else { return }
            begin()
        } else if replica.isPreferred, replica.unclaimedTicks == Replicator.firstCampaignTicks {
            begin()
        }
        // Two answers from the most distant voter, of which patience speaks, fit in between.
        let most = Replicator.vacantPatienceMax
        let pause = Replicator.campaignAgainTicks * Int((patience + most - 1) / most)
        guard replica.campaigns?.begins(at: replica.unclaimedTicks, pause: pause) == true
        else { return }
        drive(replica) { core throws(RaftError) in try core.campaign() }
    }

    /// Who of the voters stands for election when the leader is lost: the same for all of them, and
    /// another one for another group.
    private func successor(_ group: GroupID, _ present: [NodeID]) -> NodeID? {
        present.min { first, second in
            (Replicator.rank(first, group), first.number)
                < (Replicator.rank(second, group), second.number)
        }
    }

    private static func rank(_ node: NodeID, _ group: GroupID) -> UInt64 {
        let mixed =
            (node.number &* 0x9E37_79B9_7F4A_7C15) ^ (UInt64(group.number) &* 0xC2B2_AE3D_27D4_EB4F)
        return (mixed ^ (mixed >> 29)) &* 0xBF58_476D_1CE4_E5B9
    }

    private func tickLeader(_ replica: GroupReplica, _ reachable: Set<NodeID>) {
        if replica.isQuiet {
            let turn = tickCount &+ UInt64(replica.id.number) / Replicator.quietGroupsAtOnce
            guard turn.isMultiple(of: Replicator.quietTicks) else { return }
        }
        if replica.isQuiet || isCoreTick {
            drive(replica) { core throws(RaftError) in try core.tick() }
        }
        replica.idleTickCount += 1
        guard tickCount.isMultiple(of: UInt64(Replicator.idleTicksMax)),
            let status = status(of: replica.id)
        else { return }
        askForImages(status, replica)
        let isQuiet =
            replica.idleTickCount >= Replicator.idleTicksMax && canBeQuiet(status, reachable)
        if replica.isQuiet, !isQuiet { replica.wakeCount += 1 }
        replica.isQuiet = isQuiet
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

/// When a follower that should lead stands for election, in ticks without a leader's word.
struct Campaigns {
    private var nextTick: Int
    private var left = Replicator.campaignsMax

    init(firstTick: Int) { nextTick = firstTick }

    /// Whether it does now; the next time is `pause` ticks later.
    mutating func begins(at tick: Int, pause: Int) -> Bool {
        guard tick >= nextTick, left > 0 else { return false }
        left -= 1
        nextTick = tick + pause
        return true
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
