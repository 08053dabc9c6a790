import Raft
import Testing

@Suite struct SoleVoterTests {
    private let node = NodeID(7)

    private func descriptor(_ sequence: UInt64) -> EntryDescriptor {
        EntryDescriptor(origin: 7, sequence: sequence, byteCount: 5, checksum: 9)
    }

    private func take(_ core: inout SoleVoter) throws -> Ready {
        let ready = core.ready()
        return try #require(ready)
    }

    @Test func commitsOnlyWhatIsPersisted() throws {
        var core = SoleVoter(node: node, hardState: HardState(term: 0, vote: nil), lastIndex: 0)
        let nothing = core.ready()
        #expect(nothing == nil)
        try core.propose([descriptor(1), descriptor(2)])
        let ready = try take(&core)
        #expect(ready.entries.map(\.index) == [1, 2])
        #expect(ready.hardState == HardState(term: 1, vote: node))
        #expect(core.status.commitIndex == 0)
        let persisted = core.persisted(ready.number)
        #expect(persisted.committed == ready.entries)
        #expect(core.status.commitIndex == 2)
    }

    @Test func severalReadiesAreCommittedInOrderByOnePersisted() throws {
        var core = SoleVoter(node: node, hardState: HardState(term: 3, vote: node), lastIndex: 10)
        try core.propose([descriptor(1)])
        let first = try take(&core)
        try core.propose([descriptor(2)])
        let second = try take(&core)
        #expect(second.hardState == nil)
        let both = core.persisted(second.number)
        #expect(both.committed.map(\.index) == [11, 12])
        let again = core.persisted(first.number)
        #expect(again.committed.isEmpty)
    }

    @Test func aRestartLeadsInANewTermAndKeepsTheCommit() throws {
        var core = SoleVoter(node: node, hardState: HardState(term: 3, vote: node), lastIndex: 10)
        #expect(core.status.commitIndex == 10)
        try core.propose([descriptor(1)])
        let ready = try take(&core)
        #expect(ready.hardState == HardState(term: 4, vote: node))
        #expect(ready.entries.map(\.term) == [4])
    }

    @Test func readIndexIsTheCommitAndNeedsNoWrite() throws {
        var core = SoleVoter(node: node, hardState: HardState(term: 1, vote: node), lastIndex: 4)
        try core.readIndex(context: 99)
        let ready = try take(&core)
        #expect(ready.reads == [ReadState(context: 99, index: 4)])
        #expect(ready.entries.isEmpty && ready.hardState == nil)
        let persisted = core.persisted(ready.number)
        #expect(persisted.committed.isEmpty)
    }

    @Test func whatNeedsPeersIsRefused() {
        let fresh = SoleVoter(node: node, hardState: HardState(term: 1, vote: node), lastIndex: 4)
        #expect(throws: RaftError.unsupported) {
            var core = fresh
            try core.changeMembership([.addLearner(NodeID(8))])
        }
        #expect(throws: RaftError.unsupported) {
            var core = fresh
            try core.transfer(to: NodeID(8))
        }
        #expect(throws: RaftError.unsupported) {
            var core = fresh
            try core.step(RaftMessage(from: NodeID(8), to: node, body: []))
        }
    }
}
