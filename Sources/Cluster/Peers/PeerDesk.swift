internal import Encoding
internal import Model
internal import Platform
internal import Raft
internal import Replication
internal import Synchronization

/// Takes what peers send and brings it to whom it is for. Its calls come from transport threads
/// and do not wait: what reads files or shards is left to workers.
final class PeerDesk: PeerReceiver {
    /// Who does what is asked.
    struct Services: Sendable {
        let node: NodeID
        let queue: ProposalQueue
        let leaders: LeaderTable
        let links: PeerLinks
        let calls: PeerCalls
        let images: ImageSource
        let keeper: ClusterKeeper
        let remote: RemoteReading
        /// Runs what waits for disks.
        let work: @Sendable (@escaping @Sendable () -> Void) -> Void
        let flush: @Sendable (PeerQuestion) -> Void
        let telemetry: Telemetry
    }

    private struct QuestionID: Hashable {
        let peer: NodeID
        let number: UInt64
    }

    private let services: Services
    private let badFrames: Counter
    /// Questions that answer in parts.
    private let streaming = Mutex<[QuestionID: PeerQuestion]>([:])

    init(_ services: Services) {
        self.services = services
        badFrames = services.telemetry.counter(
            "varve_peer_bad_frames_total", help: "Frames of peers that make no sense.")
    }

    func received(_ frame: PeerFrame, from peer: PeerID) {
        let from = NodeID(peer.number)
        switch PeerFrameKind(rawValue: frame.kind) {
        case .raft: takeMessages(frame, from)
        case .claims:
            guard let claims = PeerLinks.readClaims(frame) else { return badFrames.add() }
            services.links.paces.note(claims.pace, of: from)
            if let terms = claims.terms { services.leaders.note(claims: terms, of: from) }
            services.queue.add(claims: claims, of: from)
        case .call: takeQuestion(frame, from)
        case .answer: services.calls.received(frame, from: from)
        case .control: control(frame, from)
        case nil: badFrames.add()
        }
    }

    func connected(_ peer: PeerID, featureLevel: UInt32) {
        let node = NodeID(peer.number)
        services.links.setReachable(node, true)
        services.queue.perform { $0.connected(node) }
        services.links.claim()
        services.keeper.wake()
    }

    func disconnected(_ peer: PeerID) {
        let node = NodeID(peer.number)
        services.links.setReachable(node, false)
        services.links.paces.forget(node)
        services.calls.disconnected(node)
        if !Mutant.isOn(.believesOldFaults) { services.keeper.reports.forget(node) }
        let open = streaming.withLock { streaming in
            let open = streaming.filter { $0.key.peer == node }
            for key in open.keys { streaming[key] = nil }
            return open.values
        }
        for question in open { question.controlled(0) }
        services.queue.perform { $0.disconnected(node) }
    }

    func guest(
        _ frame: PeerFrame, name: String, reply: @escaping @Sendable (PeerFrame) -> Void
    ) {
        services.keeper.join(frame.parts.first ?? []) { answer in
            reply(PeerFrame(kind: PeerFrameKind.answer.rawValue, parts: [answer]))
        }
    }

    private func takeMessages(_ frame: PeerFrame, _ from: NodeID) {
        let found = ReceivedMessage.all(in: frame.parts, from: from, to: services.node)
        if !found.isWhole { badFrames.add() }
        services.queue.add(found.messages)
    }

    private func control(_ frame: PeerFrame, _ from: NodeID) {
        var reader = ByteReader(frame.parts.first ?? [])
        do {
            let key = QuestionID(peer: from, number: try reader.u64())
            let parts = try reader.u32()
            streaming.withLock { $0[key] }?.controlled(parts)
        } catch {
            badFrames.add()
        }
    }

    private func takeQuestion(_ frame: PeerFrame, _ from: NodeID) {
        guard let transport = services.links.transport, let first = frame.parts.first else {
            return
        }
        var head = ByteReader(first)
        let number: UInt64
        let method: PeerMethod?
        do {
            number = try head.u64()
            method = PeerMethod(rawValue: try head.u8())
        } catch {
            return badFrames.add()
        }
        guard let method else { return badFrames.add() }
        let question = PeerQuestion(
            peer: from, method: method, body: Array(frame.parts.dropFirst()), number: number,
            transport: transport)
        switch method {
        case .propose: propose(question)
        case .join:
            services.keeper.join(question.body.first ?? []) { question.answer([$0]) }
        case .image: services.images.image(question)
        case .fileRange: services.work { [services] in services.images.range(question) }
        case .report: question.answer(services.keeper.reports.answer(question.body))
        case .peers: question.answer(services.keeper.tellPeers())
        case .read:
            let key = QuestionID(peer: from, number: number)
            streaming.withLock { $0[key] = question }
            services.remote.answer(question) { [self] in
                streaming.withLock { $0[key] = nil }
            }
        case .flush: services.flush(question)
        case .seal:
            guard let groups = SealRequests.read(question.body) else { return badFrames.add() }
            for group in groups where services.leaders.isOwn(group) {
                services.images.sealSoon(ShardGroup.shard(of: group))
            }
            question.answer([])
        }
    }

    private func propose(_ question: PeerQuestion) {
        guard let asked = ProposalWire.readQuestion(question.body) else {
            return badFrames.add()
        }
        func refuse(_ failure: ProposalFailure) {
            let (code, detail) = ProposalWire.refusal(failure)
            question.refuse(code: code, detail)
        }
        guard services.leaders.isOwn(asked.group) else {
            return refuse(.notLeader(services.leaders.leader(of: asked.group)))
        }
        let proposal = Proposal(
            group: asked.group, payload: asked.payload,
            completion: { result in
                switch result {
                case .success(let entry): question.answer([ProposalWire.answer(entry)])
                case .failure(let failure):
                    let (code, detail) = ProposalWire.refusal(failure)
                    question.refuse(code: code, detail)
                }
            }, freesSpace: asked.freesSpace)
        do throws(AppendError) {
            try services.queue.add([proposal])
        } catch {
            refuse(.refused(error))
        }
    }
}
