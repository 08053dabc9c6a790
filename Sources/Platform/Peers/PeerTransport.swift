/// Carries frames between the nodes of a cluster: the fourth seam. The real one is
/// `TCPPeerTransport`; the simulator has one that loses, delays and cuts from a seed.
///
/// Frames to one peer arrive in the order they were sent, each once or not at all; a connection
/// that ends takes with it what was on its way. All calls are allowed on any thread.
package protocol PeerTransport: AnyObject, Sendable {
    /// Who belongs to the cluster and where they are reached; called again on every change.
    /// Connections to nodes that are no longer named are closed. The node itself may be named.
    func setPeers(_ addresses: [PeerID: Endpoint])

    /// Queues the frame; false when there is no connection or its queue is full (bounded in
    /// bytes): the frame is dropped and counted. The frame's kind must not be 0.
    @discardableResult func send(_ frame: PeerFrame, to peer: PeerID) -> Bool

    /// The same for bulk: waits until the queue holds less than its low mark; false after `nanos`
    /// or when the connection ends. Never on a transport thread.
    func sendWaiting(_ frame: PeerFrame, to peer: PeerID, upToNanos nanos: Int64) -> Bool

    /// Who is connected now, ascending.
    var connected: [PeerID] { get }

    /// Closes all connections and takes no more. The receiver hears of the ends, then nothing.
    func stop()
}

/// The other end of the seam: who gets the frames.
package protocol PeerReceiver: AnyObject, Sendable {
    /// Called on a transport thread, in order per peer; must not block.
    func received(_ frame: PeerFrame, from peer: PeerID)

    /// Frames may come and go from now on. `featureLevel`: what the peer's binary can do.
    func connected(_ peer: PeerID, featureLevel: UInt32)

    /// The last call for this connection. Another may follow at once.
    func disconnected(_ peer: PeerID)

    /// From a guest (node 0): answer once with a frame, through `reply`, on any thread; the
    /// connection closes after it.
    func guest(_ frame: PeerFrame, name: String, reply: @escaping @Sendable (PeerFrame) -> Void)
}
