import Platform
import Raft
import Replication
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite struct ReplicatorTests {
    @Test func whatWasCommittedOnARealDiskIsReplayedAfterReopening() throws {
        let root = "/tmp/varve-replicator-\(getpid())"
        let disk = try LocalDisk(root: root)
        defer { #expect(throws: Never.self) { try disk.removeTree(.root) } }
        var options = Replicator.Options()
        options.journal.segmentBytes = 1 << 20
        func open() throws -> Replicator {
            try Replicator(
                disk: disk, directory: "journal", node: NodeID(1), options: options,
                telemetry: Telemetry())
        }
        let first = try open()
        for group: UInt32 in 0..<3 {
            for number: UInt64 in 1...100 {
                let payload = [UInt8](repeating: UInt8(number), count: 10_000)
                try first.propose(GroupID(group), payload: payload, tag: number)
            }
        }
        var committed: [Replicator.Committed] = []
        while first.hasWork { committed += try first.commit().committed }
        #expect(committed.count == 300)
        for group: UInt32 in 0..<3 {
            let own = committed.filter { $0.group == GroupID(group) }
            #expect(own.map(\.index) == Array(1...100))
            #expect(own.map(\.tag) == Array(1...100))
        }
        let second = try open()
        #expect(second.groups == [GroupID(0), GroupID(1), GroupID(2)])
        var replayed: [UInt64] = []
        try second.replay(GroupID(1), after: 40) { entry in
            #expect(entry.payload == [UInt8](repeating: UInt8(entry.index), count: 10_000))
            replayed.append(entry.index)
        }
        #expect(replayed == Array(41...100))
        for group in second.groups { second.release(group, through: 100) }
        try second.rest()
        #expect(second.journal.segmentCount == 1)
        let third = try open()
        #expect(third.commitIndex(of: GroupID(2)) == 100)
    }
}
