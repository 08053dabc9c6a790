internal import Platform
internal import Raft
internal import Synchronization

/// What the keeper does to know its peers: those of the cluster's state, and before that has come those
/// that the node was told of.
extension ClusterKeeper {
    private static let peersNanosMax: Int64 = 3_000_000_000

    func keepPeers(_ cluster: ClusterState) {
        guard let transport = world.links.transport else { return }
        if !cluster.isFounded { seekPeers() }
        var peers: [PeerID: Endpoint] = [:]
        let addresses = addresses(cluster)
        let reachable = world.links.reachable
        var missing: [String] = []
        for (node, recorded) in addresses {
            let address = world.whereabouts?.address(of: node, recorded: recorded) ?? recorded
            if let endpoint = Endpoint(address) { peers[PeerID(node.number)] = endpoint }
            if node != world.identity.node, !reachable.contains(node) { missing.append(address) }
        }
        if !missing.isEmpty { world.whereabouts?.seek(missing) }
        let isNew = state.withLock { state in
            defer { state.peers = peers }
            return state.peers != peers
        }
        if isNew { transport.setPeers(peers) }
    }

    /// Members as this node knows them, HOST:PORT by node.
    private func addresses(_ cluster: ClusterState) -> [NodeID: String] {
        guard cluster.isFounded else { return state.withLock { $0.firstPeers.addresses } }
        return Dictionary(
            uniqueKeysWithValues: cluster.presentMembers.map { ($0.id, $0.address) })
    }

    /// The answer to a peer that asks who the members are.
    func tellPeers() -> [[UInt8]] {
        [Array(FirstPeers(addresses: addresses(world.meta.cluster)).text.utf8)]
    }

    /// Who leads the meta group may have joined after this node was told of its peers: then neither
    /// lets the other in, and the state never comes. Whoever can be reached knows of more.
    private func seekPeers() {
        if let learnt = state.withLock({ $0.areFirstPeersNew ? $0.firstPeers : nil }) {
            do throws(NodeError) {
                try world.writeFirstPeers(learnt)
                state.withLock { $0.areFirstPeersNew = $0.firstPeers != learnt }
            } catch {
                world.note("who the members are cannot be written: \(error)")
            }
        }
        guard !Mutant.isOn(.firstPeersOnly) else { return }
        for node in world.links.reachable.sorted() {
            world.calls.ask(node, .peers, [], timeoutNanos: Self.peersNanosMax) { [self] result in
                if case .success(let parts) = result { learn(parts, from: node) }
            }
        }
    }

    private func learn(_ parts: [[UInt8]], from node: NodeID) {
        let told: FirstPeers
        do {
            told = try FirstPeers(parsing: String(decoding: parts.first ?? [], as: UTF8.self))
        } catch {
            return world.note("\(node) was asked who the members are: \(error)")
        }
        let isNew = state.withLock { state in
            let known = state.firstPeers
            // Two that differ on an address would have it changed, and written, in turn.
            state.firstPeers.addresses.merge(told.addresses) { known, _ in known }
            guard state.firstPeers != known else { return false }
            state.areFirstPeersNew = true
            return true
        }
        if isNew { wake() }
    }
}
