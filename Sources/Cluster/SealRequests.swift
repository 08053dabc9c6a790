internal import Encoding
internal import Platform
internal import Raft
internal import Synchronization

/// Groups led elsewhere whose logs keep this node's journal long: their leaders are asked to seal,
/// as only a leader proposes. A leader that is not heard, or that has other things to do, is asked
/// again after a while.
final class SealRequests: Sendable {
    private static let againNanos: Int64 = 10_000_000_000
    private static let askNanosMax: Int64 = 5_000_000_000
    /// Of one question; more than a node has.
    private static let groupsMax = 1 << 16

    private let leaders: LeaderTable
    /// Nil for a node of one, which leads everything.
    private let calls: PeerCalls?
    private let time: any TimeSource
    private let askedNanos = Mutex<[GroupID: Int64]>([:])

    init(leaders: LeaderTable, calls: PeerCalls?, time: any TimeSource) {
        self.leaders = leaders
        self.calls = calls
        self.time = time
    }

    /// `pinning`: the groups whose entries are the oldest in the journal here.
    func ask(for pinning: Set<GroupID>) {
        guard let calls else { return }
        let now = time.monotonicNanos()
        var due: [NodeID: [GroupID]] = [:]
        askedNanos.withLock { asked in
            asked = asked.filter { pinning.contains($0.key) }
            for group in pinning.sorted() where !leaders.isOwn(group) {
                guard let leader = leaders.leader(of: group),
                    now - asked[group, default: .min / 2] >= SealRequests.againNanos
                else { continue }
                asked[group] = now
                due[leader, default: []].append(group)
            }
        }
        for node in due.keys.sorted() {
            calls.ask(
                node, .seal, [SealRequests.encoded(due[node] ?? [])],
                timeoutNanos: SealRequests.askNanosMax
            ) { _ in }
        }
    }

    static func encoded(_ groups: [GroupID]) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(UInt64(groups.count))
        for group in groups { writer.u32(group.number) }
        return writer.bytes
    }

    /// Reads bytes that may be anything; nil for what is no list of groups.
    static func read(_ body: [[UInt8]]) -> [GroupID]? {
        var reader = ByteReader(body.first ?? [])
        do {
            var groups: [GroupID] = []
            for _ in 0..<(try reader.count(limit: groupsMax)) {
                groups.append(GroupID(try reader.u32()))
            }
            return reader.isAtEnd ? groups : nil
        } catch {
            return nil
        }
    }
}
