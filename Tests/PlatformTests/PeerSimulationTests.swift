import Platform
import Simulator
import Testing

/// The simulated network: order, faults, crashes, and that a seed says it all.
struct PeerSimulationTests {
    /// What one node heard, with the times.
    private final class Ear: PeerReceiver {
        enum Event: Hashable, Sendable {
            case connected(PeerID, UInt32)
            case disconnected(PeerID)
            case received(UInt8, from: PeerID)
        }

        let events = Monitor<[Event]>([])
        let questions = Monitor<[@Sendable (PeerFrame) -> Void]>([])

        func received(_ frame: PeerFrame, from peer: PeerID) {
            events.update { $0.append(.received(frame.kind, from: peer)) }
        }

        func connected(_ peer: PeerID, featureLevel: UInt32) {
            events.update { $0.append(.connected(peer, featureLevel)) }
        }

        func disconnected(_ peer: PeerID) { events.update { $0.append(.disconnected(peer)) } }

        func guest(
            _ frame: PeerFrame, name: String, reply: @escaping @Sendable (PeerFrame) -> Void
        ) {
            questions.update { $0.append(reply) }
        }

        /// What was heard since the last time.
        func take() -> [Event] {
            events.update { events in
                defer { events = [] }
                return events
            }
        }

        func kinds() -> [UInt8] {
            take().compactMap { event in
                guard case .received(let kind, _) = event else { return nil }
                return kind
            }
        }
    }

    /// Some nodes that are connected, from 1.
    private struct Fleet {
        let network: SimulatedNetwork
        var ears: [Ear] = []
        var peers: [any PeerTransport] = []
        let addresses: [PeerID: Endpoint]

        init(
            _ count: Int, seed: UInt64 = 1,
            settings: SimulatedNetwork.Settings = SimulatedNetwork.Settings()
        ) {
            network = SimulatedNetwork(seed: seed, settings: settings)
            let ids = (1...UInt64(count)).map { PeerID($0) }
            addresses = Dictionary(
                uniqueKeysWithValues: ids.map { ($0, .inet(host: "", port: Int($0.number))) })
            for id in ids {
                let ear = Ear()
                ears.append(ear)
                peers.append(
                    network.start(id, featureLevel: UInt32(id.number) + 10, receiver: ear))
            }
            for transport in peers { transport.setPeers(addresses) }
            pass(1_000)
        }

        func pass(_ millis: Int64) {
            network.deliver(upToNanos: network.nowNanos + millis * 1_000_000)
        }
    }

    private let one = PeerID(1)
    private let two = PeerID(2)

    private func frame(_ kind: UInt8, byteCount: Int = 3) -> PeerFrame {
        PeerFrame(kind: kind, parts: [Array(repeating: kind, count: byteCount)])
    }

    @Test func allConnectAndFramesKeepTheirOrder() throws {
        let fleet = Fleet(3)
        for (index, ear) in fleet.ears.enumerated() {
            let others = [1, 2, 3].filter { $0 != index + 1 }.map { PeerID(UInt64($0)) }
            #expect(fleet.peers[index].connected == others)
            #expect(Set(ear.take()) == Set(others.map { .connected($0, UInt32($0.number) + 10) }))
        }
        for kind in 1...200 { #expect(fleet.peers[0].send(frame(UInt8(kind)), to: two)) }
        #expect(fleet.ears[1].take() == [])
        let first = try #require(fleet.network.nextDelivery)
        #expect(first > fleet.network.nowNanos)
        #expect(fleet.network.step())
        #expect(fleet.network.nowNanos == first)
        #expect(fleet.ears[1].kinds() == [1])
        fleet.pass(100)
        #expect(fleet.ears[1].kinds() == Array(2...200))
        #expect(fleet.network.nextDelivery == nil)
        #expect(!fleet.network.step())
    }

    @Test func aOneWayCutHoldsOneWay() {
        let fleet = Fleet(2)
        fleet.network.cut(from: one, to: two)
        _ = fleet.peers[0].send(frame(1), to: two)
        _ = fleet.peers[1].send(frame(2), to: one)
        fleet.pass(4_000)
        #expect(fleet.ears[0].kinds() == [2])
        #expect(fleet.ears[1].kinds() == [])
        // Healed before the silence was noticed: nothing is lost.
        _ = fleet.peers[0].send(frame(3), to: two)
        fleet.network.heal(from: one, to: two)
        _ = fleet.peers[0].send(frame(4), to: two)
        fleet.pass(100)
        #expect(fleet.ears[1].take() == [1, 3, 4].map { .received($0, from: one) })
    }

    @Test func whatIsInFlightAtACutWaitsToo() {
        let fleet = Fleet(2)
        _ = fleet.ears[1].take()
        for kind in 1...9 { _ = fleet.peers[0].send(frame(UInt8(kind)), to: two) }
        fleet.network.cut(between: one, and: two)
        fleet.pass(1_000)
        #expect(fleet.ears[1].take() == [])
        fleet.network.healAll()
        fleet.pass(100)
        #expect(fleet.ears[1].kinds() == Array(1...9))
    }

    @Test func aLongCutBreaksTheConnection() {
        let fleet = Fleet(3)
        for ear in fleet.ears { _ = ear.take() }
        fleet.network.partition([[one], [two]])
        _ = fleet.peers[0].send(frame(1), to: two)
        fleet.pass(6_000)
        #expect(fleet.ears[0].take() == [.disconnected(two)])
        #expect(fleet.ears[1].take() == [.disconnected(one)])
        #expect(fleet.ears[2].take() == [])
        #expect(!fleet.peers[0].send(frame(2), to: two))
        #expect(fleet.peers[0].connected == [PeerID(3)])
        fleet.network.healAll()
        fleet.pass(1_000)
        #expect(fleet.ears[0].take() == [.connected(two, 12)])
        #expect(fleet.ears[1].take() == [.connected(one, 11)])
        #expect(fleet.network.counts.refused == 1)
        #expect(fleet.network.counts.lost == 1)
    }

    @Test func aLostFrameTakesTheConnectionWithIt() {
        let fleet = Fleet(2)
        for ear in fleet.ears { _ = ear.take() }
        for kind in 1...3 { _ = fleet.peers[0].send(frame(UInt8(kind)), to: two) }
        var faults = LinkFaults()
        faults.dropProbability = 1
        fleet.network.setFaults(faults, from: one, to: two)
        // The sender can not know yet.
        #expect(fleet.peers[0].send(frame(4), to: two))
        #expect(fleet.peers[0].send(frame(5), to: two))
        fleet.network.setFaults(LinkFaults(), from: one, to: two)
        fleet.pass(1_000)
        #expect(fleet.ears[0].take() == [.disconnected(two), .connected(two, 12)])
        #expect(fleet.ears[1].take() == [.disconnected(one), .connected(one, 11)])
        #expect(fleet.network.counts.lost == 5)
        _ = fleet.peers[0].send(frame(6), to: two)
        fleet.pass(100)
        #expect(fleet.ears[1].kinds() == [6])
    }

    @Test func framesMayBeSlowDoubledAndOutOfOrder() {
        let fleet = Fleet(2)
        _ = fleet.ears[1].take()
        var faults = LinkFaults()
        faults.addedDelayNanos = 300_000_000
        fleet.network.setFaults(faults, from: one, to: two)
        _ = fleet.peers[0].send(frame(1), to: two)
        fleet.pass(299)
        #expect(fleet.ears[1].kinds() == [])
        fleet.pass(10)
        #expect(fleet.ears[1].kinds() == [1])
        faults = LinkFaults()
        faults.duplicateProbability = 1
        faults.reorderProbability = 1
        fleet.network.setFaults(faults, from: one, to: two)
        for kind in 1...50 { _ = fleet.peers[0].send(frame(UInt8(kind)), to: two) }
        fleet.pass(1_000)
        let kinds = fleet.ears[1].kinds()
        #expect(kinds.sorted() == (1...50).flatMap { [UInt8($0), UInt8($0)] })
        #expect(kinds != kinds.sorted())
    }

    @Test func aCrashedNodeHearsAndSaysNothingMore() throws {
        let fleet = Fleet(3)
        for ear in fleet.ears { _ = ear.take() }
        _ = fleet.peers[0].send(frame(1), to: two)
        _ = fleet.peers[1].send(frame(2), to: one)
        fleet.network.crash(two)
        #expect(!fleet.peers[1].send(frame(3), to: one))
        #expect(fleet.peers[1].connected == [])
        fleet.pass(6_000)
        #expect(fleet.ears[1].take() == [])
        #expect(fleet.ears[0].take() == [.disconnected(two)])
        #expect(fleet.ears[2].take() == [.disconnected(two)])
        let ear = Ear()
        let again = fleet.network.start(two, featureLevel: 99, receiver: ear)
        fleet.pass(6_000)
        #expect(ear.take() == [])
        again.setPeers(fleet.addresses)
        fleet.pass(1_000)
        #expect(again.connected == [one, PeerID(3)])
        #expect(fleet.ears[0].take() == [.connected(two, 99)])
        // The transport of before the crash stays dead.
        fleet.peers[1].setPeers([:])
        #expect(!fleet.peers[1].send(frame(4), to: one))
        again.send(frame(5), to: one)
        fleet.pass(100)
        #expect(fleet.ears[0].kinds() == [5])
    }

    @Test func whoIsNoLongerNamedIsDisconnected() {
        let fleet = Fleet(2)
        for ear in fleet.ears { _ = ear.take() }
        fleet.peers[0].setPeers([one: .unix(path: "/x")])
        fleet.pass(1_000)
        #expect(fleet.ears[0].take() == [.disconnected(two)])
        #expect(fleet.ears[1].take() == [.disconnected(one)])
        fleet.peers[0].setPeers(fleet.addresses)
        fleet.pass(1_000)
        #expect(fleet.ears[1].take() == [.connected(one, 11)])
        fleet.peers[0].stop()
        #expect(fleet.ears[0].take() == [.connected(two, 12), .disconnected(two)])
        fleet.pass(1_000)
        #expect(fleet.ears[1].take() == [.disconnected(one)])
    }

    @Test func aQueueHasItsBound() {
        var settings = SimulatedNetwork.Settings()
        settings.queueBytesMax = 1_000
        settings.queueLowBytes = 300
        let fleet = Fleet(2, settings: settings)
        #expect(fleet.peers[0].send(frame(1, byteCount: 5_000), to: two))
        #expect(!fleet.peers[0].send(frame(2), to: two))
        fleet.pass(100)
        #expect(fleet.peers[0].sendWaiting(frame(3, byteCount: 400), to: two, upToNanos: 1))
        #expect(!fleet.peers[0].sendWaiting(frame(4, byteCount: 400), to: two, upToNanos: 1))
        #expect(fleet.peers[0].send(frame(5, byteCount: 400), to: two))
        fleet.pass(100)
        #expect(fleet.ears[1].kinds() == [1, 3, 5])
    }

    @Test func aGuestIsAnsweredOnceOrHearsThatNobodyIsThere() throws {
        let fleet = Fleet(1)
        let answers = Monitor<[PeerFrame?]>([])
        let ask = {
            fleet.network.ask(one, frame: frame(7), name: "new") { answer in
                answers.update { $0.append(answer) }
            }
            fleet.pass(100)
        }
        ask()
        let reply = try #require(fleet.ears[0].questions.withLock { $0.first })
        reply(frame(8))
        reply(frame(9))
        fleet.pass(100)
        #expect(answers.withLock { $0 } == [frame(8)])
        ask()
        fleet.network.crash(one)
        fleet.pass(100)
        ask()
        #expect(answers.withLock { $0 } == [frame(8), nil, nil])
    }

    /// A wild half minute of five nodes that send to all, with every fault.
    private func storm(seed: UInt64) -> SimulatedNetwork.Counts {
        var fleet = Fleet(5, seed: seed)
        var random = SplitMix(seed: seed)
        for round in 0..<300 {
            let from = Int(random.next() % 5)
            let to = Int(random.next() % 5)
            let (a, b) = (PeerID(UInt64(from + 1)), PeerID(UInt64(to + 1)))
            switch random.next() % 8 {
            case 0 where from != to: fleet.network.cut(from: a, to: b)
            case 1: fleet.network.healAll()
            case 2 where from != to:
                var faults = LinkFaults()
                faults.dropProbability = 0.02
                faults.duplicateProbability = 0.1
                faults.reorderProbability = 0.1
                fleet.network.setFaults(faults, from: a, to: b)
            case 3 where round % 5 == 0:
                fleet.network.crash(a)
                fleet.peers[from] = fleet.network.start(a, receiver: fleet.ears[from])
                fleet.peers[from].setPeers(fleet.addresses)
            default: break
            }
            for transport in fleet.peers {
                for peer in fleet.addresses.keys.sorted() {
                    transport.send(frame(UInt8(1 + round % 250)), to: peer)
                }
            }
            fleet.pass(Int64(random.next() % 200))
        }
        return fleet.network.counts
    }

    @Test(arguments: [1, 2, 3])
    func theSameSeedGivesTheSameDeliveries(seed: UInt64) {
        let counts = storm(seed: seed)
        #expect(counts == storm(seed: seed), "seed \(seed)")
        #expect(counts != storm(seed: seed + 100))
        #expect(counts.delivered > 1_000 && counts.lost > 10 && counts.severed > 5, "\(counts)")
    }
}
