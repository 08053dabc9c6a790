import Model
import Raft
import Testing

@testable import Cluster

/// Which shards of other nodes reach followers here, and from when on these lack something.
struct TailCallsTests {
    /// The calls of one node, as expectations want them.
    private final class Board {
        var calls = TailCalls()
        var whole: Set<Tenant> { calls.whole }

        func opened(_ serial: UInt64, without unread: Set<Int> = []) -> Int64? {
            calls.opened(serial, without: unread)
        }

        func ended(_ serial: UInt64, at nanos: Int64) -> [Int64?] {
            let (isFollowed, gap) = calls.ended(serial, sinceNanos: nanos)
            return isFollowed ? [gap] : []
        }

        func made(_ serial: UInt64, number: UInt64) -> UInt32? {
            calls.made(serial, number: number)
        }

        func came(_ serial: UInt64) -> UInt64? { calls.came(serial) }
    }

    private static let second: Int64 = 1_000_000_000
    private let tenant = Tenant.standard

    private func plan(_ byNode: [UInt64: [Int]]) -> TailCalls.Plan {
        TailCalls.Plan(
            tenants: [tenant], shards: Set(byNode.values.joined()),
            byNode: Dictionary(uniqueKeysWithValues: byNode.map { (NodeID($0.key), $0.value) }))
    }

    /// Begins what is wanted; the calls by node.
    private func follow(
        _ board: Board, _ plan: TailCalls.Plan, at nanos: Int64
    ) -> (begun: [UInt64: UInt64], changes: TailCalls.Changes) {
        let changes = board.calls.follow(plan, nowNanos: nanos, wallNanos: nanos)
        for call in changes.begun { #expect(board.made(call.serial, number: call.serial) == 0) }
        let begun = changes.begun.map { ($0.key.node.number, $0.serial) }
        return (Dictionary(uniqueKeysWithValues: begun), changes)
    }

    @Test func followersLackWhatNobodyGivesUntilSomebodyDoes() throws {
        let board = Board()
        let first = follow(board, plan([2: [0, 2], 3: [1]]), at: 10).begun
        let (two, three) = (try #require(first[2]), try #require(first[3]))
        #expect(board.whole == [])
        #expect(board.opened(two) == 10)
        #expect(board.opened(three) == 10)
        #expect(board.whole == [tenant])

        #expect(board.ended(two, at: 20) == [nil])
        #expect(board.whole == [])
        #expect(board.ended(two, at: 21) == [])
        let next = follow(board, plan([3: [0, 1, 2]]), at: 30).begun
        let all = try #require(next[3])
        // Not of shard 2, which another has to give.
        #expect(board.opened(all, without: [2]) == 20)
        #expect(board.whole == [])
        let last = follow(board, plan([3: [0, 1], 4: [2]]), at: 40).begun
        #expect(board.opened(try #require(last[3])) == nil)
        #expect(board.opened(try #require(last[4])) == 20)
        #expect(board.whole == [tenant])
    }

    @Test func aCallGoesOnBesideTheOneInItsPlaceAndIsMissedWhenItDies() throws {
        let board = Board()
        let old = try #require(follow(board, plan([2: [0]]), at: 0).begun[2])
        #expect(board.opened(old) == 0)
        let new = try #require(follow(board, plan([3: [0]]), at: 5 * Self.second).begun[3])
        // Nothing lacks: the old one still gives it.
        #expect(board.opened(new) == nil && board.whole == [tenant])
        #expect(follow(board, plan([3: [0]]), at: 6 * Self.second).changes.cancelled == [])
        #expect(follow(board, plan([3: [0]]), at: 7 * Self.second).changes.cancelled == [])
        let lost = Board()
        lost.calls = board.calls
        // It may have been behind the new one.
        #expect(lost.ended(old, at: 33) == [33])
        #expect(follow(board, plan([3: [0]]), at: 8 * Self.second).changes.cancelled == [old])
        #expect(board.ended(old, at: 34) == [])
        #expect(board.calls.numbers == [new] && board.whole == [tenant])
    }

    @Test func aCallThatNothingTakesThePlaceOfEndsAndIsMissed() throws {
        let board = Board()
        let old = try #require(follow(board, plan([2: [0]]), at: 0).begun[2])
        #expect(board.opened(old) == 0)
        let new = try #require(follow(board, plan([3: [0]]), at: Self.second).begun[3])
        #expect(follow(board, plan([3: [0]]), at: 10 * Self.second).changes.cancelled == [])
        #expect(follow(board, plan([3: [0]]), at: 11 * Self.second).changes.cancelled == [old])
        #expect(board.whole == [])
        #expect(board.opened(new) == 11 * Self.second)
    }

    @Test func aReplicaHereEndsWhatLacks() throws {
        let board = Board()
        let begun = follow(board, plan([2: [0], 3: [1]]), at: 0).begun
        for serial in begun.values { #expect(board.opened(serial) == 0) }
        #expect(board.ended(try #require(begun[2]), at: 7) == [nil])
        let changes = follow(board, plan([3: [1]]), at: 9).changes
        #expect(changes.gaps == [tenant: 7] && board.whole == [tenant])
        // Nobody follows any more: nothing lacks, and nobody is asked.
        let over = follow(board, TailCalls.Plan(), at: 10).changes
        #expect(over.cancelled == [try #require(begun[3])] && over.gaps == [:])
        #expect(board.calls.isEmpty && board.whole == [])
    }

    @Test func partsThatComeBeforeTheCallHasANumberAreGrantedOnceItHas() throws {
        let board = Board()
        let begun = board.calls.follow(plan([2: [0]]), nowNanos: 0, wallNanos: 0).begun
        let serial = try #require(begun.first?.serial)
        #expect(board.came(serial) == nil && board.came(serial) == nil)
        #expect(board.made(serial, number: 77) == 2)
        #expect(board.came(serial) == 77)
        #expect(board.ended(serial, at: 0) == [nil])
        #expect(board.made(serial, number: 78) == nil)
    }
}
