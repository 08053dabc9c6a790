internal import Encoding
internal import Platform
internal import Raft
internal import Synchronization

/// What is known of the groups: what this node says of those that it leads, and what others said
/// last of theirs. What did not change since somebody asked is not said again.
final class ReportBoard: Sendable {
    private struct Told {
        /// Of what was told.
        var number: UInt64
        var reports: [GroupID: GroupReport]
        var faults: Set<GroupID>
        /// When it was asked for the last time of what it answered; monotonic, ns.
        var askedNanos: Int64
    }

    private struct State {
        var own: [GroupID: GroupReport] = [:]
        /// Replicas here that take no further part.
        var faults: Set<GroupID> = []
        /// Of what this node says now; another one after each change, and after a restart.
        var number: UInt64
        /// The same, as it travels; nil until somebody asks.
        var encoded: [UInt8]?
        var told: [NodeID: Told] = [:]
        /// All, the newest of each group; nil until somebody asks.
        var all: [GroupID: GroupReport]?
        var changeCount: UInt64 = 0

        mutating func changed() {
            all = nil
            changeCount += 1
        }

        /// This node says something else from now on, if it is something else.
        mutating func say<Said: Equatable>(_ said: Said, as what: WritableKeyPath<State, Said>) {
            guard self[keyPath: what] != said else { return }
            self[keyPath: what] = said
            number += 1
            encoded = nil
            changed()
        }
    }

    private let state: Mutex<State>

    init(random: any RandomSource) { state = Mutex(State(number: random.next() >> 1 + 1)) }

    /// What this node says of the groups that it leads.
    var own: [GroupID: GroupReport] { state.withLock { $0.own } }

    func setOwn(_ reports: [GroupID: GroupReport]) {
        state.withLock { $0.say(reports, as: \.own) }
    }

    /// Which replicas of this node take no further part.
    func setFaults(_ faults: Set<GroupID>) {
        state.withLock { $0.say(faults, as: \.faults) }
    }

    /// Whose replicas take no further part, by group: what their nodes say. `node`: this one.
    func faults(with node: NodeID) -> [GroupID: Set<NodeID>] {
        state.withLock { state in
            var faults: [GroupID: Set<NodeID>] = [:]
            for group in state.faults { faults[group, default: []].insert(node) }
            for (peer, told) in state.told {
                for group in told.faults { faults[group, default: []].insert(peer) }
            }
            return faults
        }
    }

    /// What is known of all groups: what their leaders said last.
    var all: [GroupID: GroupReport] {
        state.withLock { state in
            if let all = state.all { return all }
            var all = state.own
            for (_, told) in state.told.sorted(by: { $0.key < $1.key }) {
                for (group, report) in told.reports where report.term >= all[group]?.term ?? 0 {
                    all[group] = report
                }
            }
            state.all = all
            return all
        }
    }

    /// The same of one group, if its leader still said so when it was asked after that moment.
    func report(of group: GroupID, askedSince nanos: Int64) -> GroupReport? {
        guard let report = all[group], let leader = report.leader else { return nil }
        let asked = state.withLock { $0.told[leader]?.askedNanos }
        return (asked ?? .min) > nanos ? report : nil
    }

    /// Who of these has not answered a question of that moment or a later one.
    func unheard(of nodes: Set<NodeID>, since nanos: Int64) -> Set<NodeID> {
        state.withLock { state in
            nodes.filter { (state.told[$0]?.askedNanos ?? .min) < nanos }
        }
    }

    /// Counts up when what is known changes.
    var changeCount: UInt64 { state.withLock { $0.changeCount } }

    /// Its connection ended, and it may be started anew: what it said of itself holds no more.
    func forget(_ node: NodeID) {
        state.withLock { state in
            if state.told.removeValue(forKey: node) != nil { state.changed() }
        }
    }

    /// Forgets what others said who can not be reached.
    func keep(_ reachable: Set<NodeID>) {
        state.withLock { state in
            for node in state.told.keys where !reachable.contains(node) {
                state.told[node] = nil
                state.changed()
            }
        }
    }

    // MARK: - On the wire: docs/format/peer-messages.md

    /// The question to a node: the number of what it told last, 0 for nothing.
    func question(to node: NodeID) -> [[UInt8]] {
        var writer = ByteWriter(reserving: 8)
        writer.u64(state.withLock { $0.told[node]?.number } ?? 0)
        return [writer.bytes]
    }

    /// The answer: the number of what this node says now and, when who asks has another, that.
    func answer(_ question: [[UInt8]]) -> [[UInt8]] {
        var known: UInt64 = 0
        if let body = question.first {
            var reader = ByteReader(body)
            do { known = try reader.u64() } catch { known = 0 }
        }
        let (number, reports, faults) = state.withLock { state -> (UInt64, [UInt8], [GroupID]) in
            if known == state.number { return (state.number, [], []) }
            let encoded = state.encoded ?? GroupReport.encode(state.own)
            state.encoded = encoded
            return (state.number, encoded, state.faults.sorted())
        }
        var writer = ByteWriter(reserving: 8 + 4 * faults.count)
        writer.u64(number)
        for group in faults { writer.u32(group.number) }
        return [writer.bytes, reports]
    }

    /// A node's answer to what it was asked at `askedNanos`. False: no peer sends that.
    @discardableResult
    func take(_ parts: [[UInt8]], from node: NodeID, askedNanos: Int64) -> Bool {
        guard parts.count == 2 else { return false }
        var reader = ByteReader(parts[0])
        let number: UInt64
        var faults: Set<GroupID> = []
        do {
            number = try reader.u64()
            while !reader.isAtEnd { faults.insert(GroupID(try reader.u32())) }
        } catch { return false }
        if parts[1].isEmpty {
            return state.withLock { state in
                guard state.told[node]?.number == number else { return false }
                let before = state.told[node]?.askedNanos ?? .min
                state.told[node]?.askedNanos = max(before, askedNanos)
                return true
            }
        }
        guard let reports = GroupReport.decode(parts[1]) else { return false }
        state.withLock { state in
            state.told[node] = Told(
                number: number, reports: reports, faults: faults, askedNanos: askedNanos)
            state.changed()
        }
        return true
    }
}
