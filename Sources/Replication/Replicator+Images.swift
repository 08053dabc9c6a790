internal import Platform
package import Raft

/// Images: what a replica gets in place of entries that its leader has no more.
///
/// A leader's message says that an image is needed, not which: the replica gets the newest that a
/// peer has, and only then does its core hear of it, as if the leader had spoken of that one.
extension Replicator {
    /// What an image of the state machine at entry `index` is to say of the group, as it was there.
    /// Nil: not known here. A new member needs one that is younger than the change that brought it in;
    /// one that was a member before may be needed for anything younger to be made.
    package func imageReference(_ group: GroupID, at index: UInt64) -> ImageReference? {
        guard let replica = replicas[group], replica.fault == nil else { return nil }
        do {
            return try replica.core.image(at: index)
        } catch {
            return nil
        }
    }

    /// Whether a node was in the group all the time from entry `index` to the newest that is known here.
    /// Who left meanwhile may have forgotten what it had when it came back: with an image from before
    /// it would be the voter that it was, without entries that it had a part in.
    package func hasStayed(_ peer: NodeID, in group: GroupID, since index: UInt64) -> Bool {
        journal.configurations(of: group).allSatisfy {
            $0.index <= index || $0.members.contains(peer)
        }
    }

    /// An image is here, complete: the core is told. True: it is to be installed now, and then
    /// `adopted` called, before anything else of the group. False: the core has no use for it.
    package func adopt(_ group: GroupID, _ image: ImageReference) -> Bool {
        guard let replica = replicas[group], replica.fault == nil, replica.outstanding == nil,
            let message = replica.imageMessage
        else { return false }
        replica.imageMessage = nil
        do {
            try replica.core.step(message, replacingImageBy: image)
            // What it brings is here, by an image before a power cut say: the core tells the leader.
            guard image.index > replica.commitIndex else {
                dirty.insert(group)
                return false
            }
            guard let ready = try replica.core.ready() else { return false }
            if let hardState = ready.hardState {
                replica.hardState = hardState
                journal.setHardState(hardState, group: group)
            }
            if let leadership = ready.leadership { note(leadership, replica) }
            replica.outstanding = ready
            if ready.image == image, ready.entries.isEmpty { return true }
            // The core had moved on: an ordinary ready.
            if ready.entries.isEmpty {
                try settleUnwritten(replica)
            } else {
                fail(replica, "an image came with entries")
            }
            return false
        } catch {
            figures.badMessages.add()
            return false
        }
    }

    /// The image that `adopt` allowed is installed, durably. Errors: `journal`; call again then.
    package func adopted(_ group: GroupID) throws(ReplicationError) {
        guard let replica = replicas[group], let image = replica.outstanding?.image else { return }
        try writeImage(group, image, replica.hardState)
        replica.window.removeAll()
        replica.arrived.removeAll()
        replica.commitIndex = image.index
        replica.configuration = image.configuration
        settle(replica)
    }

    /// A ready without entries: only its hard state is to be durable.
    private func settleUnwritten(_ replica: GroupReplica) throws {
        var batch = JournalBatch()
        try journal.commit(&batch, mayUseReserve: true)
        settle(replica)
    }
}
