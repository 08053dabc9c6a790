import Encoding
import Platform
import Raft
import Simulator
import Testing

@testable import Cluster

/// How long elections wait, and whose disk is slow.
@Suite struct PaceTests {
    private static let milli: Int64 = 1_000_000
    private static let second: Int64 = 1_000_000_000

    @Test(arguments: [
        (sync: Int64(0), roundTrip: Int64(0), patience: 1), (50, 100, 1), (51, 0, 2), (0, 101, 2),
        (200, 0, 4), (100, 400, 4), (500, 0, 10), (0, 800, 8), (60_000, 60_000, 10),
    ])
    func patienceFollowsSyncsAndRoundTrips(sync: Int64, roundTrip: Int64, patience: Int) {
        #expect(
            NodePace.patience(
                syncNanos: sync * Self.milli, roundTripNanos: roundTrip * Self.milli) == patience)
    }

    @Test func itTravelsInTheHeadOfClaims() throws {
        for pace in [NodePace(), NodePace(patience: 10, isSlow: true, syncMicros: .max)] {
            var writer = ByteWriter(reserving: 8)
            pace.write(to: &writer)
            #expect(writer.bytes.count == NodePace.wireBytes)
            var reader = ByteReader(writer.bytes)
            #expect(try NodePace(&reader) == pace)
        }
        for bytes in [[0, 0], [11, 0], [1, 2]] as [[UInt8]] {
            var reader = ByteReader(bytes + [0, 0, 0, 0])
            #expect(try NodePace(&reader) == nil)
        }
    }

    private struct Board {
        let time = ManualTime()
        let meter: LatencyMeter
        let board: PaceBoard

        init() {
            meter = LatencyMeter(time: time)
            board = PaceBoard(syncTimes: meter, time: time)
        }

        func pass(seconds: Int64) { time.advance(byNanos: seconds * PaceTests.second) }
    }

    @Test func whoeverAsksForTheMostIsHeardWhileItSpeaks() {
        let world = Board()
        #expect(world.board.patience == 1 && world.board.slowest == nil)
        world.board.note(NodePace(patience: 4), of: node(2))
        world.board.note(NodePace(patience: 7), of: node(3))
        #expect(world.board.patience == 7)
        #expect(world.board.slowest?.node == node(3))
        // Its own word is of its own measuring: nobody says what it only heard.
        #expect(world.board.own.patience == 1)
        world.board.forget(node(3))
        #expect(world.board.patience == 4)
        world.pass(seconds: 11)
        #expect(world.board.patience == 1)
    }

    @Test func whatWasMeasuredCountsForAMinute() {
        let world = Board()
        for _ in 0..<3 { world.meter.record(nanos: 80 * Self.milli) }
        #expect(world.board.own.patience == 2 && world.board.patience == 2)
        for _ in 0..<3 { world.board.noteRoundTrip(node(2), nanos: 500 * Self.milli) }
        world.pass(seconds: 1)
        #expect((5...6).contains(world.board.own.patience))
        world.pass(seconds: 60)
        #expect(world.board.own == NodePace())
    }

    @Test func aDistantPeerAmongManyNearOnesCounts() {
        let world = Board()
        for peer in 2...100 as ClosedRange<UInt64> {
            for _ in 0..<60 { world.board.noteRoundTrip(node(peer), nanos: Self.milli) }
        }
        for _ in 0..<3 { world.board.noteRoundTrip(node(101), nanos: 300 * Self.milli) }
        #expect(world.board.own.patience >= 3)
    }

    private static func judge(_ disk: inout SlowDisk, _ own: Int64?, _ others: [Int64], at: Int64) {
        disk.judge(
            own: own.map { $0 * milli }, others: others.map { $0 * milli }, nowNanos: at * second)
    }

    @Test func aDiskIsSlowAfterThirtySecondsAndQuickAgainAfterThirty() {
        var disk = SlowDisk()
        for second in 0..<30 as Range<Int64> {
            Self.judge(&disk, 500, [5, 400], at: second)
            #expect(!disk.isSlow)
        }
        Self.judge(&disk, 500, [5, 400], at: 30)
        #expect(disk.isSlow)
        // Between twice and three times nothing changes.
        for second in 31..<100 as Range<Int64> { Self.judge(&disk, 55, [20, 20], at: second) }
        #expect(disk.isSlow)
        for second in 100..<130 as Range<Int64> { Self.judge(&disk, 39, [20, 20], at: second) }
        #expect(disk.isSlow)
        Self.judge(&disk, 39, [20, 20], at: 130)
        #expect(!disk.isSlow)
    }

    @Test(arguments: [49: [1, 1], 300: [100, 150], 500: [], 100: [34, 34]] as [Int64: [Int64]])
    func noiseOnFastDisksAndSlownessOfAllMoveNobody(own: Int64, others: [Int64]) {
        var disk = SlowDisk()
        for second in 0..<100 as Range<Int64> { Self.judge(&disk, own, others, at: second) }
        #expect(!disk.isSlow)
    }

    @Test func aMomentOfQuicknessBeginsTheWaitAnew() {
        var disk = SlowDisk()
        for second in 0..<300 as Range<Int64> {
            Self.judge(&disk, second % 20 == 0 ? 5 : 500, [5, 5], at: second)
        }
        #expect(!disk.isSlow)
    }

    @Test func aNodeSaysOfItselfThatItIsSlow() {
        let world = Board()
        for _ in 0..<40 {
            world.meter.record(nanos: 300 * Self.milli)
            world.board.note(NodePace(syncMicros: 2_000), of: node(2))
            world.board.note(NodePace(syncMicros: 3_000), of: node(3))
            world.board.note(NodePace(syncMicros: 900_000), of: node(4))
            world.board.judge(beside: [node(2), node(3)])
            world.pass(seconds: 1)
        }
        #expect(world.board.own.isSlow && world.board.isSlow)
        #expect(world.board.slow(with: node(1)) == [node(1)])
        world.board.note(NodePace(isSlow: true), of: node(3))
        #expect(world.board.slow(with: node(1)) == [node(1), node(3)])
    }
}
