package import Platform
internal import Synchronization

/// A network in memory on which time passes only when the test says so.
///
/// Nodes join with a receiver and get a `PeerTransport`; nothing arrives before `step` or
/// `deliver`, which call the receivers on the test's thread, in order of (time, order of sending).
/// Delays, losses and reconnections come from the seed: the same seed and the same calls give the
/// same deliveries. Times are nanoseconds since the network was made.
package final class SimulatedNetwork: Sendable {
    /// How the network is when nothing is wrong.
    package struct Settings: Sendable {
        /// How long a frame takes.
        package var delayNanos: ClosedRange<Int64> = 50_000...2_000_000
        /// How long until nodes that could be connected are.
        package var redialNanos: ClosedRange<Int64> = 1_000_000...100_000_000
        /// A link that is cut for so long breaks the connection; until then what is sent waits,
        /// as TCP would repeat it.
        package var silenceNanos: Int64 = 5_000_000_000
        /// What may be in flight on one link: a queue and a connection's buffers.
        package var queueBytesMax = 64 << 20
        /// `sendWaiting` takes a frame while less than this is in flight.
        package var queueLowBytes = 4 << 20

        package init() {}
    }

    /// What has happened so far.
    package struct Counts: Hashable, Sendable {
        /// Frames that `send` took, and those it did not.
        package var sent = 0
        package var refused = 0
        /// Frames taken that will not arrive, and those that arrive twice.
        package var lost = 0
        package var duplicated = 0
        /// Connections that broke.
        package var severed = 0
        /// What receivers were told.
        package var delivered = 0
        /// A hash of all deliveries: times, nodes, kinds, sizes and first bytes.
        package var deliveryHash: UInt64 = 0xcbf2_9ce4_8422_2325

        /// FNV-1a over words.
        private mutating func mix(_ word: UInt64) {
            deliveryHash = (deliveryHash ^ word) &* 0x100_0000_01b3
        }

        mutating func note(_ nanos: Int64, _ event: NetworkWorld.Event) {
            delivered += 1
            mix(UInt64(bitPattern: nanos))
            switch event {
            case .frame(let frame, let link, _):
                for word in [1, link.from.number, link.to.number, UInt64(frame.kind)] { mix(word) }
                for part in frame.parts {
                    mix(UInt64(part.count))
                    for byte in part.prefix(64) { mix(UInt64(byte)) }
                }
            case .opened(let side, _):
                for word in [2, side.from.number, side.to.number] { mix(word) }
            case .closed(let side, _):
                for word in [3, side.from.number, side.to.number] { mix(word) }
            case .question(let ask, _, _): mix(UInt64(4 + 8 * ask))
            case .answer(let ask, _): mix(UInt64(5 + 8 * ask))
            case .attempt, .silent: break
            }
        }
    }

    /// To be printed with a failure.
    package let seed: UInt64

    private let world: Mutex<NetworkWorld>

    package init(seed: UInt64, settings: Settings = Settings()) {
        self.seed = seed
        world = Mutex(NetworkWorld(seed: seed, settings))
    }

    // MARK: Nodes

    /// Starts a node, or starts it again after `crash`. It talks to nobody before `setPeers`; the
    /// addresses there are of no meaning. A transport of before the crash does nothing any more.
    package func start(
        _ node: PeerID, featureLevel: UInt32 = 1, receiver: any PeerReceiver
    ) -> any PeerTransport {
        let life = world.withLock { $0.start(node, receiver, featureLevel) }
        return SimulatedPeers(network: self, node: node, life: life)
    }

    /// The node is gone between two instructions: it hears nothing more, what it sent and what is
    /// on its way to it is lost, and its peers see the end of their connections.
    package func crash(_ node: PeerID) { _ = world.withLock { $0.end(node) } }

    /// A guest's question to `node`. `onAnswer` gets the answer, or nil when the node is not
    /// there or crashes before it has answered.
    package func ask(
        _ node: PeerID, frame: PeerFrame, name: String,
        onAnswer: @escaping @Sendable (PeerFrame?) -> Void
    ) {
        world.withLock { $0.ask(node, frame, name, onAnswer) }
    }

    // MARK: Faults

    /// From now on nothing gets from one node to the other; the other way it does, until the
    /// silence breaks the connection.
    package func cut(from: PeerID, to: PeerID) {
        world.withLock { $0.cut(.init(from: from, to: to)) }
    }

    /// Cuts both ways.
    package func cut(between a: PeerID, and b: PeerID) {
        cut(from: a, to: b)
        cut(from: b, to: a)
    }

    /// Cuts every link between two nodes that are not in the same group; nodes in no group keep
    /// all theirs.
    package func partition(_ groups: [[PeerID]]) {
        for (index, group) in groups.enumerated() {
            for other in groups[(index + 1)...].joined() {
                for node in group { cut(between: node, and: other) }
            }
        }
    }

    /// Ends a cut. What was sent meanwhile arrives, if the connection has not broken.
    package func heal(from: PeerID, to: PeerID) {
        world.withLock { $0.heal(.init(from: from, to: to)) }
    }

    /// Ends all cuts and all other faults.
    package func healAll() { world.withLock { $0.healAll() } }

    /// What goes wrong from now on with frames on this way.
    package func setFaults(_ faults: LinkFaults, from: PeerID, to: PeerID) {
        world.withLock { $0.setFaults(faults, .init(from: from, to: to)) }
    }

    // MARK: Time

    package var nowNanos: Int64 { world.withLock { $0.nowNanos } }

    package var counts: Counts { world.withLock { $0.counts } }

    /// When the next thing happens; nil when nothing will.
    package var nextDelivery: Int64? { world.withLock { $0.queue.first?.nanos } }

    /// Lets the next thing happen and moves the time there; false when nothing will.
    @discardableResult
    package func step() -> Bool {
        guard let next = nextDelivery else { return false }
        return happen(upToNanos: next)
    }

    /// Lets all that is due up to `nanos`, included, happen, and moves the time there. What is
    /// caused on the way happens too, if it is due.
    package func deliver(upToNanos nanos: Int64) {
        precondition(nanos >= nowNanos, "time does not go back")
        while happen(upToNanos: nanos) {}
        world.withLock { $0.nowNanos = nanos }
    }

    private func happen(upToNanos nanos: Int64) -> Bool {
        guard let call = world.withLock({ $0.next(upToNanos: nanos) }) else { return false }
        switch call {
        case .received(let receiver, let frame, let peer): receiver.received(frame, from: peer)
        case .connected(let receiver, let peer, let level):
            receiver.connected(peer, featureLevel: level)
        case .disconnected(let receiver, let peer): receiver.disconnected(peer)
        case .guest(let receiver, let frame, let name, let ask):
            receiver.guest(frame, name: name) { [self] answer in
                world.withLock { $0.reply(ask, answer) }
            }
        case .answered(let onAnswer, let frame): onAnswer(frame)
        case nil: break
        }
        return true
    }

    // MARK: What a transport does

    fileprivate func using<R: Sendable>(
        _ peers: SimulatedPeers, otherwise: R, _ body: (inout NetworkWorld) -> R
    ) -> R {
        world.withLock { world in
            world.isRunning(peers.node, peers.life) ? body(&world) : otherwise
        }
    }
}

/// One process' end of a simulated network.
private final class SimulatedPeers: PeerTransport {
    let network: SimulatedNetwork
    let node: PeerID
    let life: Int

    init(network: SimulatedNetwork, node: PeerID, life: Int) {
        self.network = network
        self.node = node
        self.life = life
    }

    func setPeers(_ addresses: [PeerID: Endpoint]) {
        network.using(self, otherwise: ()) { $0.setPeers(node, Set(addresses.keys)) }
    }

    func send(_ frame: PeerFrame, to peer: PeerID) -> Bool {
        network.using(self, otherwise: false) { world in
            world.send(frame, .init(from: node, to: peer), belowBytes: .max)
        }
    }

    /// Does not wait: time stands still during a call.
    func sendWaiting(_ frame: PeerFrame, to peer: PeerID, upToNanos nanos: Int64) -> Bool {
        network.using(self, otherwise: false) { world in
            world.send(
                frame, .init(from: node, to: peer), belowBytes: world.settings.queueLowBytes)
        }
    }

    var connected: [PeerID] { network.using(self, otherwise: []) { $0.connected(node) } }

    func stop() {
        let (receiver, peers) = network.using(self, otherwise: (nil, [])) { world in
            (world.receiver(of: node), world.end(node))
        }
        for peer in peers { receiver?.disconnected(peer) }
    }
}
