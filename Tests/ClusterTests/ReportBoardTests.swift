import Raft
import Simulator
import Testing

@testable import Cluster

@Suite struct ReportBoardTests {
    private let group = GroupID(3)

    private func report(term: UInt64, committed: UInt64 = 5) -> GroupReport {
        var report = GroupReport(
            leader: NodeID(1), term: term, commitIndex: committed, appliedIndex: committed,
            voters: [NodeID(1), NodeID(2)])
        report.byteCount = 1_000
        return report
    }

    @Test func whatDidNotChangeIsNotSaidAgain() {
        let teller = ReportBoard(random: SeededRandom(seed: 1))
        let asker = ReportBoard(random: SeededRandom(seed: 2))
        teller.setOwn([group: report(term: 2)])
        let first = teller.answer(asker.question(to: NodeID(1)))
        #expect(first.last?.isEmpty == false)
        #expect(asker.take(first, from: NodeID(1), askedNanos: 0))
        #expect(asker.all == [group: report(term: 2)])
        let count = asker.changeCount
        teller.setOwn([group: report(term: 2)])
        let second = teller.answer(asker.question(to: NodeID(1)))
        #expect(second.last == [])
        #expect(asker.take(second, from: NodeID(1), askedNanos: 0))
        #expect(asker.changeCount == count)
        teller.setOwn([group: report(term: 2, committed: 6)])
        #expect(
            asker.take(teller.answer(asker.question(to: NodeID(1))), from: NodeID(1), askedNanos: 0)
        )
        #expect(asker.all[group]?.commitIndex == 6)
        #expect(asker.changeCount > count)
    }

    @Test func theNewestTermsWordCountsAndThatOfWhoIsAwayDoesNot() {
        let board = ReportBoard(random: SeededRandom(seed: 3))
        board.setOwn([group: report(term: 2)])
        let other = ReportBoard(random: SeededRandom(seed: 4))
        other.setOwn([group: report(term: 4)])
        board.take(other.answer(board.question(to: NodeID(2))), from: NodeID(2), askedNanos: 0)
        #expect(board.all[group]?.term == 4)
        board.forget(NodeID(3))
        #expect(board.all[group]?.term == 4)
        board.forget(NodeID(2))
        #expect(board.all[group]?.term == 2)
        board.take(other.answer(board.question(to: NodeID(2))), from: NodeID(2), askedNanos: 0)
        board.keep([])
        #expect(board.all[group]?.term == 2)
        // Asked again from the start: what it was told is forgotten.
        #expect(other.answer(board.question(to: NodeID(2))).last?.isEmpty == false)
    }

    @Test func aWordIsAsOldAsTheQuestion() {
        let teller = ReportBoard(random: SeededRandom(seed: 6))
        let asker = ReportBoard(random: SeededRandom(seed: 7))
        teller.setOwn([group: report(term: 2)])
        for asked in [10, 20] as [Int64] {
            let answer = teller.answer(asker.question(to: NodeID(1)))
            #expect(asker.take(answer, from: NodeID(1), askedNanos: asked))
            #expect(asker.report(of: group, askedSince: asked - 1) == report(term: 2))
            #expect(asker.unheard(of: [NodeID(1), NodeID(2)], since: asked) == [NodeID(2)])
            #expect(asker.unheard(of: [NodeID(1)], since: asked + 1) == [NodeID(1)])
            #expect(asker.report(of: group, askedSince: asked) == nil)
        }
        asker.keep([])
        #expect(asker.report(of: group, askedSince: .min) == nil)
    }

    @Test func anAnswerThatNobodyAskedForIsNotTaken() {
        let board = ReportBoard(random: SeededRandom(seed: 5))
        #expect(!board.take([], from: NodeID(2), askedNanos: 0))
        #expect(!board.take([[1, 2], []], from: NodeID(2), askedNanos: 0))
        #expect(!board.take([[UInt8](repeating: 1, count: 8), []], from: NodeID(2), askedNanos: 0))
        #expect(board.all.isEmpty)
    }
}
