#if canImport(CEtcdRaft)
import Raft
import Replication

/// What Raft promises of the logs of a whole cluster, looked at after every step of every node
/// (Ongaro, "Consensus: Bridging Theory and Practice", figure 3.2):
///  - log matching: entries of one index and term are the same, and so are those before them;
///  - state-machine safety: nobody commits another entry at an index than anybody else;
///  - leader completeness: who comes to lead has all that was committed in the terms before;
///  - nothing counts as committed that a quorum has not on disk.
///
/// An entry is its term and its length: what the journals know without reading.
struct LogInvariants {
    private struct Place: Hashable {
        let group: GroupID
        let index: UInt64
        let term: UInt64
    }

    /// An entry, and the term of the one before it; nil where that was released.
    private struct Link {
        var byteCount: Int
        var previousTerm: UInt64?
    }

    /// A group's log as a node had it when it was last looked at: on its disk for certain.
    private struct Sample {
        var releasedIndex: UInt64 = 0
        var lastIndex: UInt64 = 0
        var lastTerm: UInt64 = 0
        var commitIndex: UInt64 = 0
        /// Of the entries behind `releasedIndex`, ascending.
        var terms: [UInt64] = []
        /// Who was in the group, as far as the node's journal knew.
        var configuration: GroupConfiguration?

        func has(_ index: UInt64, _ term: UInt64) -> Bool {
            if index <= releasedIndex { return true }
            return index <= lastIndex && terms[Int(index - releasedIndex) - 1] == term
        }
    }

    private var links: [Place: Link] = [:]
    private var samples: [GroupID: [NodeID: Sample]] = [:]
    /// A person decided which logs go on: what they hold counts, on however many disks it is.
    var goesOnByDecision = false
    /// Terms of the committed entries of a group, and the highest index of them.
    private var committed: [GroupID: [UInt64: UInt64]] = [:]
    private var newest: [GroupID: UInt64] = [:]
    /// Leaders that were looked at when they came to lead.
    private var completed: Set<LeaderTerm> = []

    /// Looks at a node between two of its steps; what is wrong.
    mutating func look(at node: NodeID, _ replicator: Replicator) -> [String] {
        var problems: [String] = []
        for group in replicator.groups where replicator.isOpen(group) {
            let journal = replicator.journal
            let old = samples[group]?[node] ?? Sample()
            let last = journal.lastIndex(of: group)
            let isSame =
                old.lastIndex == last && old.lastTerm == journal.term(of: group, at: last)
                && old.commitIndex == replicator.commitIndex(of: group)
                && old.releasedIndex == journal.state(of: group).releasedIndex
            if isSame { continue }
            let sample = LogInvariants.sample(group, replicator)
            samples[group, default: [:]][node] = sample
            problems += match(group, node, journal, sample)
            problems += commit(group, node, replicator, sample, since: old)
        }
        for claim in replicator.claims where completed.insert(claim).inserted {
            problems += complete(claim, node)
        }
        return problems
    }

    private static func sample(_ group: GroupID, _ replicator: Replicator) -> Sample {
        let journal = replicator.journal
        var sample = Sample()
        sample.releasedIndex = journal.state(of: group).releasedIndex
        sample.lastIndex = journal.lastIndex(of: group)
        sample.lastTerm = journal.term(of: group, at: sample.lastIndex) ?? 0
        sample.commitIndex = replicator.commitIndex(of: group)
        sample.configuration = journal.configuration(of: group)
        if sample.lastIndex > sample.releasedIndex {
            sample.terms = (sample.releasedIndex + 1...sample.lastIndex).map {
                journal.term(of: group, at: $0) ?? 0
            }
        }
        return sample
    }

    private mutating func match(
        _ group: GroupID, _ node: NodeID, _ journal: Journal, _ sample: Sample
    ) -> [String] {
        var problems: [String] = []
        for (index, term) in zip((sample.releasedIndex + 1)..., sample.terms) {
            let place = Place(group: group, index: index, term: term)
            let previous = journal.term(of: group, at: index - 1)
            let count = journal.byteCount(of: group, at: index) ?? 0
            if let known = links[place] {
                let isPreviousOther =
                    known.previousTerm != nil && previous != nil && known.previousTerm != previous
                if known.byteCount != count || isPreviousOther {
                    problems.append("\(group): entry \(index) of term \(term) differs at \(node)")
                }
                if known.previousTerm == nil { links[place]?.previousTerm = previous }
            } else {
                links[place] = Link(byteCount: count, previousTerm: previous)
            }
        }
        return problems
    }

    private mutating func commit(
        _ group: GroupID, _ node: NodeID, _ replicator: Replicator, _ sample: Sample,
        since old: Sample
    ) -> [String] {
        var problems: [String] = []
        let first = max(old.commitIndex, sample.releasedIndex) + 1
        guard first <= sample.commitIndex else { return [] }
        for index in first...sample.commitIndex {
            guard let term = replicator.journal.term(of: group, at: index) else { continue }
            if let known = committed[group]?[index], known != term {
                problems.append("\(group): \(node) commits another entry \(index)")
            }
            committed[group, default: [:]][index] = term
            guard index > newest[group, default: 0] else { continue }
            newest[group] = index
            if let trouble = lacksQuorum(group, index, term, [old, sample]) {
                problems.append(trouble)
            }
        }
        return problems
    }

    /// A change of members is in force when it is applied: entries behind it that were committed
    /// together with it had a quorum of those before. Whose disk was lost had it on that disk: a
    /// machine that comes back without it is somebody else.
    private func lacksQuorum(
        _ group: GroupID, _ index: UInt64, _ term: UInt64, _ looks: [Sample]
    ) -> String? {
        let configurations = looks.compactMap(\.configuration)
        guard !goesOnByDecision, let newest = configurations.last, newest.index <= index,
            configurations.allSatisfy({ !$0.isJoint })
        else { return nil }
        let held = configurations.map { configuration in
            configuration.voters.filter { samples[group]?[$0]?.has(index, term) == true }
        }
        guard zip(configurations, held).allSatisfy({ $1.count * 2 <= $0.voters.count }) else {
            return nil
        }
        let logs = newest.voters.map { voter in
            samples[group]?[voter].map {
                "\(voter) up to \($0.lastIndex) of term \($0.lastTerm), commits \($0.commitIndex)"
            } ?? "\(voter) unseen"
        }
        return "\(group): entry \(index) of term \(term) is committed, on disk only at "
            + "\(held.last ?? []) of \(newest.voters): \(logs.joined(separator: "; "))"
    }

    private func complete(_ claim: LeaderTerm, _ node: NodeID) -> [String] {
        guard let newest = newest[claim.group], let term = committed[claim.group]?[newest],
            term < claim.term, samples[claim.group]?[node]?.has(newest, term) != true
        else { return [] }
        return ["\(claim.group): \(node) leads in term \(claim.term) without entry \(newest)"]
    }
}
#endif
