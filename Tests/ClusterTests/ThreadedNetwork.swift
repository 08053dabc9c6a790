import Platform
import Synchronization

/// A network in memory that delivers on a thread per node, for whole nodes with threads of their
/// own. Whoever joins is connected with all that are there.
final class ThreadedNetwork: Sendable {
    private let ends = Mutex<[UInt64: ThreadedPeers]>([:])

    func join(_ node: UInt64, _ receiver: any PeerReceiver) -> any PeerTransport {
        ThreadedPeers(PeerID(node), receiver, self)
    }

    /// Called when the node has its transport.
    func connect(_ node: UInt64, _ transport: any PeerTransport) {
        guard let end = transport as? ThreadedPeers else { return }
        let others = ends.withLock { ends in
            defer { ends[node] = end }
            return ends.values.sorted { $0.id.number < $1.id.number }
        }
        for other in others {
            other.hear { $0.connected(end.id, featureLevel: 1) }
            end.hear { $0.connected(other.id, featureLevel: 1) }
        }
    }

    func disconnect(_ node: UInt64) {
        let (end, others) = ends.withLock { ends in
            let end = ends.removeValue(forKey: node)
            return (end, ends.values.sorted { $0.id.number < $1.id.number })
        }
        guard let end else { return }
        for other in others {
            other.hear { $0.disconnected(end.id) }
            end.hear { $0.disconnected(other.id) }
        }
    }

    fileprivate func end(_ node: PeerID) -> ThreadedPeers? { ends.withLock { $0[node.number] } }
}

private final class ThreadedPeers: PeerTransport {
    let id: PeerID
    private let receiver: any PeerReceiver
    private let network: ThreadedNetwork
    private let thread = ThreadPool(name: "wire", threadCount: 1, queueCountMax: 1 << 20)

    init(_ id: PeerID, _ receiver: any PeerReceiver, _ network: ThreadedNetwork) {
        self.id = id
        self.receiver = receiver
        self.network = network
    }

    func hear(_ body: @escaping @Sendable (any PeerReceiver) -> Void) {
        _ = thread.submit { [receiver] in body(receiver) }
    }

    func setPeers(_ addresses: [PeerID: Endpoint]) {}

    func send(_ frame: PeerFrame, to peer: PeerID) -> Bool {
        guard network.end(id) != nil, let other = network.end(peer) else { return false }
        let from = id
        other.hear { $0.received(frame, from: from) }
        return true
    }

    func sendWaiting(_ frame: PeerFrame, to peer: PeerID, upToNanos nanos: Int64) -> Bool {
        send(frame, to: peer)
    }

    var connected: [PeerID] { [] }

    func stop() {
        network.disconnect(id.number)
        thread.stop()
    }
}
