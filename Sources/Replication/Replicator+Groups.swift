internal import Platform
package import Raft

/// How groups come into being and change members.
///
/// A group begins behind an image: an image of nothing at `firstImageIndex`, with who founded it. A
/// log from 1 on would let a newcomer apply changes of membership without knowing who was there
/// before.
extension Replicator {
    /// Where a new group's log begins.
    package static let firstImageIndex: UInt64 = 1

    /// What a group is on this node when the journal knows nothing of it.
    package enum Beginning: Sendable {
        /// Its only voter, without peers, ever: the core of a node of one.
        case soleVoter
        /// Its only voter, to be joined by others. A sole voter's log goes on.
        case founder
        /// A replica that its leader will bring up to date; who founded the group.
        case newcomer(founder: NodeID)
    }

    /// Ticks of a core without a leader's word until an election.
    package static let electionTicks: Int32 = 10

    /// Opens the group. `applied`: where the state machine stands; entries that are known to be
    /// committed behind it are not returned by `commit` but by `replay`, which is due now. Errors:
    /// `journal`; `notFounded` when a sole voter's log is to be founded that has released nothing:
    /// seal first; `noCore`; `noPeers`.
    package func open(
        _ group: GroupID, as beginning: Beginning, applied: UInt64
    ) throws(ReplicationError) {
        precondition(replicas[group] == nil, "BUG: \(group) is opened twice")
        if journal.configuration(of: group) == nil {
            let first: ImageReference
            switch beginning {
            case .soleVoter:
                openSoleVoter(group)
                return
            case .founder: first = try foundingImage(of: group)
            case .newcomer(let founder):
                first = ImageReference(
                    index: Replicator.firstImageIndex, term: 1,
                    configuration: GroupConfiguration(
                        index: Replicator.firstImageIndex, voters: [founder]))
            }
            try begin(group, behind: first)
        }
        #if canImport(CEtcdRaft)
        try openCore(group, applied: applied)
        #else
        throw ReplicationError.noPeers
        #endif
    }

    /// The journal takes over that the state machine has an image which it does not know of: it was
    /// installed and the node stopped before this was written. Before `open`.
    package func recover(
        _ group: GroupID, image: ImageReference
    ) throws(ReplicationError) {
        let state = journal.state(of: group)
        try writeImage(
            group, image,
            HardState(
                term: max(state.term, image.term),
                vote: state.term >= image.term ? NodeID(nonzero: state.vote) : nil))
    }

    @discardableResult
    func openSoleVoter(_ group: GroupID) -> GroupReplica? {
        // A group with peers is opened by whoever knows them.
        guard journal.configuration(of: group) == nil else { return nil }
        return addSoleVoter(group)
    }

    func addSoleVoter(_ group: GroupID) -> GroupReplica {
        let state = journal.state(of: group)
        let hardState = HardState(term: state.term, vote: NodeID(nonzero: state.vote))
        let lastIndex = journal.lastIndex(of: group)
        let replica = GroupReplica(
            id: group, core: SoleVoter(node: node, hardState: hardState, lastIndex: lastIndex),
            isSole: true, hardState: hardState,
            leadership: Leadership(leader: node, isOwn: true), commitIndex: lastIndex,
            configuration: nil)
        add(replica)
        return replica
    }

    /// What a group of this node alone begins behind: what it has released, or nothing at all.
    private func foundingImage(
        of group: GroupID
    ) throws(ReplicationError) -> ImageReference {
        let state = journal.state(of: group)
        if state.releasedIndex > 0 {
            return ImageReference(
                index: state.releasedIndex, term: state.releasedTerm,
                configuration: GroupConfiguration(index: state.releasedIndex, voters: [node]))
        }
        guard journal.lastIndex(of: group) == 0 else { throw ReplicationError.notFounded(group) }
        return ImageReference(
            index: Replicator.firstImageIndex, term: 1,
            configuration: GroupConfiguration(index: Replicator.firstImageIndex, voters: [node]))
    }

    func begin(
        _ group: GroupID, behind image: ImageReference
    ) throws(ReplicationError) {
        if journal.lastIndex(of: group) > 0 {
            // The log stays; from now on it says who is in the group.
            journal.setConfiguration(image.configuration, group: group)
            do {
                var batch = JournalBatch()
                try journal.commit(&batch, mayUseReserve: true)
            } catch {
                throw ReplicationError.journal(error)
            }
        } else {
            try writeImage(group, image, HardState(term: 1, vote: nil))
        }
    }

    func writeImage(
        _ group: GroupID, _ image: ImageReference, _ hardState: HardState
    ) throws(ReplicationError) {
        do {
            try journal.install(image, hardState: hardState, group: group)
        } catch {
            throw ReplicationError.journal(error)
        }
    }

    #if canImport(CEtcdRaft)
    private func openCore(_ group: GroupID, applied: UInt64) throws(ReplicationError) {
        let configurations = journal.configurations(of: group)
        guard let configuration = configurations.last else { return }
        let state = journal.state(of: group)
        var entries: [Entry] = []
        let last = journal.lastIndex(of: group)
        var index = state.releasedIndex + 1
        while index <= last {
            do {
                entries.append(try journal.read(group, index: index).entry)
            } catch {
                throw ReplicationError.journal(error)
            }
            index += 1
        }
        // A change of membership is known only once it was committed, and so was what is applied.
        let known = max(applied, configuration.index, state.releasedIndex)
        let changes =
            Mutant.isOn(.goesByOldMembers)
            ? [] : entries.filter { $0.kind == .membership && $0.index > configuration.index }
        let committed = max(known, Replicator.provenChange(changes, after: configuration))
        let hardState = HardState(term: state.term, vote: NodeID(nonzero: state.vote))
        do {
            var start = EtcdRaft.Start(
                node: node, seed: random.next(), hardState: hardState,
                appliedIndex: min(committed, changes.first.map { $0.index - 1 } ?? committed),
                image: ImageReference(
                    index: state.releasedIndex, term: state.releasedTerm,
                    configuration: configurations.last { $0.index <= state.releasedIndex }
                        ?? configuration),
                configurations: configurations, entries: entries)
            start.committedIndex = committed
            start.electionTicks = Replicator.electionTicks
            start.messagePayloadBytesMax = min(4 << 20, journal.batchBytesMax / 4)
            let replica = GroupReplica(
                id: group, core: try EtcdRaft(start), isSole: false, hardState: hardState,
                leadership: Leadership(leader: nil, isOwn: false), commitIndex: committed,
                configuration: configuration)
            try catchUp(replica)
            add(replica)
            // Nobody to wait for.
            if replica.configuration?.voters == [node], replica.configuration?.isJoint == false {
                drive(replica) { core throws(RaftError) in try core.campaign() }
            }
        } catch {
            throw ReplicationError.noCore(group)
        }
    }

    /// The last of `changes`, ascending and all behind `configuration`, that another one proves to be
    /// committed; 0 for none. A leader proposes a change only when it has applied the one before, and
    /// in a joint configuration only to leave it. etcd 3.4 proposes that again with every commit
    /// until it has left: what comes after the first proves nothing more, and nothing proves it.
    package static func provenChange(
        _ changes: [Entry], after configuration: GroupConfiguration
    ) -> UInt64 {
        var proven: UInt64 = 0
        /// What the next change proves.
        var pending: UInt64 = 0
        var isLeft = !configuration.isJoint
        for change in changes {
            if !change.leavesJoint {
                proven = pending
                pending = change.index
                isLeft = false
            } else if !isLeft {
                proven = pending
                pending = change.index
                isLeft = true
            }
        }
        return proven
    }

    /// Changes of members that are committed and of which the journal does not say what they came
    /// to, since the power went: they are in force before anything else is done. With the members of
    /// two changes ago the node could elect a leader beside the one that the others have. Other
    /// entries that come along are those that `replay` gives.
    private func catchUp(_ replica: GroupReplica) throws(RaftError) {
        while let ready = try replica.core.ready() {
            let persisted = try replica.core.persisted(ready.number)
            guard let configuration = persisted.configuration else { continue }
            replica.configuration = configuration
            journal.setConfiguration(configuration, group: replica.id)
        }
    }
    #endif

    /// Calls `body` with the group's committed entries after `applied`, in order, from the
    /// journal: what a state machine that stands at `applied` has missed. Errors: `released` when
    /// some of them are gone, `journal`; and those of `body`.
    package func replay(
        _ group: GroupID, after applied: UInt64, _ body: (Committed) throws -> Void
    ) throws {
        let released = journal.state(of: group).releasedIndex
        // Before its first entry a group has an image of nothing: see Replicator+Groups.swift.
        let isWhole = applied >= released || released <= Replicator.firstImageIndex
        guard isWhole else { throw ReplicationError.released(group, through: released) }
        var index = max(applied, released) + 1
        let last = commitIndex(of: group) - (Mutant.isOn(.replayMissesLast) ? 1 : 0)
        while index <= last {
            let found = try journal.read(group, index: index)
            if found.entry.kind == .normal {
                try body(
                    Committed(group: group, index: index, payload: found.payload, tag: 0))
            }
            index += 1
        }
    }

    /// Whether the group is open here.
    package func isOpen(_ group: GroupID) -> Bool { replicas[group] != nil }

    /// Why the group takes no part here; nil when it does.
    package func fault(of group: GroupID) -> String? { replicas[group]?.fault }

    /// Where the group stands; nil when it is not open or faulty.
    package func status(of group: GroupID) -> RaftStatus? {
        guard let replica = replicas[group], replica.fault == nil else { return nil }
        do {
            return try replica.core.status
        } catch {
            fail(replica, "\(error)")
            return nil
        }
    }

    /// Who leads the group, as far as is known here.
    package func leadership(of group: GroupID) -> Leadership? { replicas[group]?.leadership }

    /// Proposes changes of who is in the group; false when that is not to be done now.
    package func changeMembership(_ group: GroupID, _ changes: [MembershipChange]) -> Bool {
        guard let replica = replicas[group], replica.fault == nil else { return false }
        do {
            try replica.core.changeMembership(changes)
            replica.wake()
            dirty.insert(group)
            return true
        } catch {
            return false
        }
    }

    /// Hands leadership to `node` when this one leads.
    package func transfer(_ group: GroupID, to node: NodeID) {
        guard let replica = replicas[group], replica.fault == nil else { return }
        replica.wake()
        drive(replica) { core throws(RaftError) in try core.transfer(to: node) }
    }

    /// Asks for a fresh read index; it comes with `context` in an output, or not at all when there
    /// is no leader to ask: ask again after a while.
    package func readIndex(_ group: GroupID, context: UInt64) {
        guard let replica = replicas[group], replica.fault == nil else { return }
        drive(replica) { core throws(RaftError) in try core.readIndex(context: context) }
    }

    /// Frames of the group to this peer were dropped.
    package func reportUnreachable(_ peer: NodeID, group: GroupID) {
        guard let replica = replicas[group] else { return }
        // What did not get there is to be sent again.
        replica.wake()
        tellUnreachable(peer, replica)
    }

    /// The connection to this peer ended: what it claimed holds no more.
    package func disconnected(_ peer: NodeID) {
        heard[peer]?.number = nil
        isStirred = true
        for replica in inOrder { tellUnreachable(peer, replica) }
    }

    private func tellUnreachable(_ peer: NodeID, _ replica: GroupReplica) {
        guard replica.leadership.isOwn, !replica.isSole, replica.fault == nil else { return }
        drive(replica) { core throws(RaftError) in try core.reportUnreachable(peer) }
    }

    /// Ends this node's part in the group; its log stays in the journal until it is released.
    package func close(_ group: GroupID) {
        guard let replica = remove(group) else { return }
        for proposal in replica.underWay.values {
            count(inFlight: -proposal.payload.count)
            output.lost.append(Withdrawn(group: group, tag: proposal.tag))
        }
        dirty.remove(group)
    }

    /// Whether a replica hears and says nothing: before it is given up, so that none of its words is
    /// on its way when its members ask for the node anew. They would take it for the word of the
    /// replica that comes, which has nothing of what that one had.
    package func setSilent(_ group: GroupID, _ isSilent: Bool) {
        replicas[group]?.isSilent = isSilent
        isStirred = true
    }

    /// The same for good: the log is forgotten, durably, so that the node is a newcomer when it is
    /// asked into the group again. Only when the group's members have removed this one: `voters` are
    /// those that it has now, as its leader of `term` says. This node goes on in that term, so that
    /// nobody who led before can tell it anything; a vote of that term stays. False: not now, a write is
    /// under way, or that leader may have been deposed by one who asked this node in again; `term` of
    /// nil: it was not. Errors: `journal`; then the replica is as it was, and it may be tried again.
    package func giveUp(
        _ group: GroupID, voters: [NodeID], term: UInt64?
    ) throws(ReplicationError) -> Bool {
        precondition(!voters.contains(node), "BUG: a voter gives up \(group)")
        guard written.isEmpty else { return false }
        guard let own = replicas[group]?.hardState else { return true }
        let newest = max(term ?? 0, own.term)
        if let term, term < newest { return false }
        let hardState = own.term == newest ? own : HardState(term: newest, vote: nil)
        try forget(group, voters: voters, hardState)
        close(group)
        return true
    }

    /// Puts nothing in place of the group's log.
    func forget(
        _ group: GroupID, voters: [NodeID], _ hardState: HardState
    ) throws(ReplicationError) {
        // No leader's log has an entry of term 0, so that one brings an image: the changes of
        // members in its log would not fit the voters that are known here.
        let nothing = ImageReference(
            index: Replicator.firstImageIndex, term: 0,
            configuration: GroupConfiguration(
                index: Replicator.firstImageIndex, voters: voters))
        try writeImage(
            group, nothing, HardState(term: max(hardState.term, 1), vote: hardState.vote))
    }

    /// Whether a replica of the group was given up here, and the journal has heard nothing of another
    /// since.
    package func isGivenUp(_ group: GroupID) -> Bool {
        isNew(group) && journal.state(of: group).releasedTerm == 0
    }

    /// Whether the journal knows no more of the group than its beginning.
    package func isNew(_ group: GroupID) -> Bool {
        journal.lastIndex(of: group) <= Replicator.firstImageIndex
    }
}
