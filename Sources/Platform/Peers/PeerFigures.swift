/// The figures of one peer, each with a label `peer`.
struct PeerFigures: Sendable {
    let sentBytes: Counter
    let receivedBytes: Counter
    let droppedFrames: Counter
    let connections: Counter
    let isConnected: Gauge

    init(_ peer: PeerID, _ telemetry: Telemetry) {
        let labels = [("peer", "\(peer.number)")]
        sentBytes = telemetry.counter(
            "varve_peer_sent_bytes_total", help: "Bytes of frames sent to a node.", labels: labels)
        receivedBytes = telemetry.counter(
            "varve_peer_received_bytes_total", help: "Bytes of frames received from a node.",
            labels: labels)
        droppedFrames = telemetry.counter(
            "varve_peer_frames_dropped_total",
            help: "Frames to a node that were not sent: no connection, a full queue, or lost "
                + "in the queue when the connection ended.", labels: labels)
        connections = telemetry.counter(
            "varve_peer_connections_total", help: "Connections with a node that were opened.",
            labels: labels)
        isConnected = telemetry.gauge(
            "varve_peer_connected", help: "1 while there is a connection with the node.",
            labels: labels)
    }
}
