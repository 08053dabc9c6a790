import Raft
import Testing

@Suite struct SoleVoterTests {
    private let node = NodeID(7)

    private func descriptor(_ sequence: UInt64) -> EntryDescriptor {
        EntryDescriptor(origin: 7, sequence: sequence, byteCount: 5, checksum: 9)
    }

    @Test func commitsOnlyWhatIsPersisted() throws {
        var core = SoleVoter(node: node, hardState: HardState(term: 0, vote: nil), lastIndex: 0)
        #expect(core.ready() == nil)
        try core.propose([descriptor(1), descriptor(2)])
        let ready = try #require(core.ready())
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
        let first = try #require(core.ready())
        try core.propose([descriptor(2)])
        let second = try #require(core.ready())
        #expect(second.hardState == nil)
        #expect(core.persisted(second.number).committed.map(\.index) == [11, 12])
        #expect(core.persisted(first.number).committed.isEmpty)
    }

    @Test func aRestartLeadsInANewTermAndKeepsTheCommit() throws {
        var core = SoleVoter(node: node, hardState: HardState(term: 3, vote: node), lastIndex: 10)
        #expect(core.status.commitIndex == 10)
        try core.propose([descriptor(1)])
        let ready = try #require(core.ready())
        #expect(ready.hardState == HardState(term: 4, vote: node))
        #expect(ready.entries.map(\.term) == [4])
    }

    @Test func readIndexIsTheCommitAndNeedsNoWrite() throws {
        var core = SoleVoter(node: node, hardState: HardState(term: 1, vote: node), lastIndex: 4)
        try core.readIndex(context: 99)
        let ready = try #require(core.ready())
        #expect(ready.reads == [ReadState(context: 99, index: 4)])
        #expect(ready.entries.isEmpty && ready.hardState == nil)
        #expect(core.persisted(ready.number).committed.isEmpty)
    }

    @Test func whatNeedsPeersIsRefused() {
        var core = SoleVoter(node: node, hardState: HardState(term: 1, vote: node), lastIndex: 4)
        #expect(throws: RaftError.unsupported) {
            try core.changeMembership(.addLearner(NodeID(8)))
        }
        #expect(throws: RaftError.unsupported) { try core.transfer(to: NodeID(8)) }
        #expect(throws: RaftError.unsupported) {
            try core.step(RaftMessage(from: NodeID(8), to: node, body: [], entries: []))
        }
    }
}
