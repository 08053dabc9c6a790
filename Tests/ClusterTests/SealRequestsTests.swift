import Platform
import Raft
import Replication
import Simulator
import Synchronization
import Testing

@testable import Cluster

@Suite struct SealRequestsTests {
    private static let second: Int64 = 1_000_000_000

    @Test func leadersAreAskedOnceInAWhileForWhatPinsTheJournal() {
        let time = ManualTime()
        let leaders = LeaderTable(node: NodeID(1))
        leaders.noteSole(GroupID(1))
        leaders.note(
            claims: [
                LeaderTerm(group: GroupID(2), term: 3), LeaderTerm(group: GroupID(3), term: 3),
            ], of: NodeID(2))
        let asked = Mutex<[[GroupID]]>([])
        let calls = PeerCalls(time: time, random: SeededRandom(seed: 1)) { frame, node in
            #expect(node == NodeID(2))
            if let groups = SealRequests.read(Array(frame.parts.dropFirst())) {
                asked.withLock { $0.append(groups) }
            }
            return true
        }
        let seals = SealRequests(leaders: leaders, calls: calls, time: time)
        // Group 1 is led here, nobody is known to lead group 4.
        let pinning: Set<GroupID> = [GroupID(1), GroupID(2), GroupID(3), GroupID(4)]
        seals.ask(for: pinning)
        seals.ask(for: pinning)
        #expect(asked.withLock { $0 } == [[GroupID(2), GroupID(3)]])
        time.advance(byNanos: 11 * Self.second)
        seals.ask(for: [GroupID(2)])
        #expect(asked.withLock { $0.last } == [GroupID(2)])
        // What pinned nothing in between is asked for at once.
        seals.ask(for: [GroupID(3)])
        #expect(asked.withLock { $0.last } == [GroupID(3)])
    }

    @Test func bytesThatAreNoListAreRefused() {
        let groups = [GroupID(7), GroupID(9)]
        let bytes = SealRequests.encoded(groups)
        #expect(SealRequests.read([bytes]) == groups)
        for count in 0..<bytes.count { #expect(SealRequests.read([Array(bytes[..<count])]) == nil) }
        #expect(SealRequests.read([bytes + [0]]) == nil)
        #expect(SealRequests.read([]) == nil)
    }
}
