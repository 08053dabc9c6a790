internal import Platform
internal import Raft

/// What leaves for peers, and what calls the cores.
extension Replicator {
    /// The message with the payloads behind it; nil when the log has other entries in their place
    /// by now, or the replica is silent: then it is as if lost.
    func encode(_ message: RaftMessage, _ replica: GroupReplica) -> GroupMessage? {
        if replica.isSilent { return nil }
        var payloads: [[UInt8]] = []
        var index = message.firstIndex
        for descriptor in message.descriptors {
            if descriptor == .none {
                payloads.append([])
            } else {
                guard let payload = storedPayload(of: index, descriptor, replica) else {
                    return nil
                }
                payloads.append(payload)
            }
            index += 1
        }
        return GroupMessage(message, group: replica.id, payloads: payloads)
    }

    /// From the window, or read back; nil when another entry is in its place.
    func storedPayload(
        of index: UInt64, _ descriptor: EntryDescriptor, _ replica: GroupReplica
    ) -> [UInt8]? {
        if let item = replica.window[index] {
            return item.descriptor == descriptor ? item.payload : nil
        }
        do {
            let found = try journal.read(replica.id, index: index)
            return found.entry.descriptor == descriptor ? found.payload : nil
        } catch .noEntry {
            return nil
        } catch {
            fail(replica, "\(error)")
            return nil
        }
    }

    /// Calls the core; a broken one takes no further part.
    func drive(
        _ replica: GroupReplica, _ body: (inout any ConsensusCore) throws(RaftError) -> Void
    ) {
        do {
            try body(&replica.core)
            dirty.insert(replica.id)
        } catch .badState(let reason) {
            fail(replica, reason)
        } catch {
            figures.badMessages.add()
        }
    }

    /// Takes the replica out of service: what it has stays, for people and for whoever rebuilds it.
    func fail(_ replica: GroupReplica, _ reason: String) {
        guard replica.fault == nil else { return }
        replica.fault = reason
        dirty.remove(replica.id)
        for proposal in replica.underWay.values {
            count(inFlight: -proposal.payload.count)
            output.lost.append(Withdrawn(group: replica.id, tag: proposal.tag))
        }
        replica.underWay.removeAll()
        output.faults.append((replica.id, reason))
    }
}
