internal import Model
package import Platform
internal import Raft

/// How a data directory becomes a member's: it founds a cluster, joins one, or goes on as what it
/// is. The directory decides: once it belongs to a member, it goes on as that one.
package struct ClusterEntry: Sendable {
    /// What the person who starts the node wants.
    package enum Way: Hashable, Sendable {
        /// Be the first member of a new cluster, with the data that is there.
        case found
        /// Become a member of the cluster of one of these; names may have several addresses.
        case join([Endpoint])
        /// Go on as a member, or as a node of one.
        case goOn
    }

    /// Between rounds over the seeds.
    private static let retryNanos: Int64 = 1_000_000_000
    /// Rounds between notices that it goes on trying.
    private static let roundsPerNotice = 10
    private static let answerNanosMax: Int64 = 15_000_000_000

    package var way: Way
    /// Its zone is that of the directory when none is given.
    package var profile: ClusterProfile
    /// Whether the profile's name is a person's choice; otherwise the directory's name stands.
    package var isNameGiven: Bool
    package var security: PeerSecurity

    package init(
        way: Way, profile: ClusterProfile, isNameGiven: Bool, security: PeerSecurity
    ) {
        self.way = way
        self.profile = profile
        self.isNameGiven = isNameGiven
        self.security = security
    }

    /// The node's place, durably in its directory; nil for a node of one. `.join` tries until it is
    /// taken in, refused for good, or the task is cancelled.
    package func enter(
        in world: Node.Surroundings
    ) async throws(NodeError) -> ClusterPlace? {
        var place = try await enterDirectory(in: world)
        var seeds: [Endpoint] = []
        if case .join(let given) = way { seeds = given }
        place?.search = ClusterSearch(seeds: seeds, security: security)
        return place
    }

    private func enterDirectory(
        in world: Node.Surroundings
    ) async throws(NodeError) -> ClusterPlace? {
        guard !world.disk.exists(RecoveryPlan.path) else {
            throw NodeError.failed(
                "a recovery of this directory was begun and has not ended: run `varve cluster "
                    + "recover` on it again")
        }
        if let identity = try ClusterDirectory.read(world.disk) {
            return try goOn(identity, world.disk)
        }
        if way == .goOn { return nil }
        if let flaw = profile.newcomer(token: 0).flaw { throw NodeError.failed("\(flaw)") }
        do {
            try security.check()
        } catch {
            throw NodeError.failed("\(error)")
        }
        switch way {
        case .goOn: return nil
        case .found: return try found(world)
        case .join(let seeds): return try await join(seeds, world)
        }
    }

    private func goOn(
        _ identity: ClusterDirectory, _ disk: any Disk
    ) throws(NodeError) -> ClusterPlace {
        guard !isNameGiven || profile.name == identity.name else {
            throw NodeError.failed(
                "the data directory belongs to \(identity.node) of the name \(identity.name), "
                    + "not \(profile.name): a member keeps its name")
        }
        var profile = profile
        profile.name = identity.name
        profile.zone = profile.zone ?? identity.zone
        if let flaw = profile.newcomer(token: 0).flaw { throw NodeError.failed("\(flaw)") }
        let current = ClusterDirectory(
            clusterID: identity.clusterID, node: identity.node, name: identity.name,
            zone: profile.zone)
        if current != identity { try current.write(disk) }
        return ClusterPlace(
            identity: current, profile: profile, firstPeers: try FirstPeers.read(disk))
    }

    private func found(_ world: Node.Surroundings) throws(NodeError) -> ClusterPlace {
        guard !profile.isWitness else {
            throw NodeError.failed("a witness keeps no data: it joins, another node founds")
        }
        let identity = ClusterDirectory(
            clusterID: max(world.random.next(), 1), node: ClusterPlace.founder,
            name: profile.name, zone: profile.zone)
        try identity.write(world.disk)
        world.onNotice("founded the cluster \(hexadecimal(identity.clusterID))")
        return ClusterPlace(identity: identity, profile: profile)
    }

    // MARK: - Joining

    private func join(
        _ seeds: [Endpoint], _ world: Node.Surroundings
    ) async throws(NodeError) -> ClusterPlace {
        guard !world.disk.exists(DiskPath("journal")) else {
            throw NodeError.failed(
                "the data directory has data of its own, which can not come along: join with an "
                    + "empty one, or found the cluster here with --cluster-init")
        }
        // The same in every attempt, so that an answer that got lost does no harm.
        let newcomer = profile.newcomer(token: world.random.next())
        let ticks = world.timers.ticks(every: ClusterEntry.retryNanos, name: "join")
        var iterator = ticks.makeAsyncIterator()
        var round = 0
        while true {
            switch try await askAll(seeds, newcomer) {
            case .accepted(let answer): return try settle(answer, world)
            case .refused(let reason):
                if round.isMultiple(of: ClusterEntry.roundsPerNotice) {
                    world.onNotice("waits to join: \(reason)")
                }
            }
            round += 1
            guard await iterator.next() != nil else {
                throw NodeError.failed("stopped before it could join")
            }
        }
    }

    /// The first answer of a seed that takes the newcomer in, or why none does now. Throws what no
    /// other attempt would change.
    private func askAll(
        _ seeds: [Endpoint], _ newcomer: Newcomer
    ) async throws(NodeError) -> JoinAnswer.Reading {
        var reasons: [String] = []
        for seed in seeds {
            let addresses: [Endpoint]
            do {
                addresses = try seed.addresses()
            } catch {
                reasons.append("\(error)")
                continue
            }
            for address in addresses {
                switch try await ask(address, newcomer) {
                case .accepted(let answer): return .accepted(answer)
                case .refused(let sentence): reasons.append(sentence)
                }
            }
        }
        return .refused(reasons.joined(separator: "; "))
    }

    private func ask(
        _ seed: Endpoint, _ newcomer: Newcomer
    ) async throws(NodeError) -> JoinAnswer.Reading {
        let command = ClusterCommand.join(newcomer, replaces: nil)
        do {
            let frame = try await PeerGuest.ask(
                seed,
                hello: PeerHello(
                    clusterID: 0, node: nil, name: newcomer.name,
                    featureLevel: newcomer.featureLevel),
                frame: PeerFrame(
                    kind: PeerFrameKind.call.rawValue, parts: [command.encoded()]),
                timeoutNanos: ClusterEntry.answerNanosMax, security: security)
            let answer = JoinAnswer.read(frame.parts.first ?? [])
            if case .refused(let sentence) = answer, !sentence.contains(JoinAnswer.tryAgain) {
                throw NodeError.failed("\(seed) does not take this node in: \(sentence)")
            }
            return answer
        } catch let error as NodeError {
            throw error
        } catch let error as PeerGuestError {
            if case .refused(let refusal) = error, refusal.reason != .tooMany {
                throw NodeError.failed("\(seed) does not take this node in: \(refusal)")
            }
            return .refused("\(error)")
        } catch {
            return .refused("\(error)")
        }
    }

    /// Writes who the node is from now on: its name last, since it makes the directory a member's.
    private func settle(
        _ answer: JoinAnswer, _ world: Node.Surroundings
    ) throws(NodeError) -> ClusterPlace {
        guard answer.founder == ClusterPlace.founder, answer.clusterID != 0,
            (1...DataDirectory.shardCountMax).contains(answer.shardCount)
        else { throw NodeError.failed("the answer to the join makes no sense") }
        let identity = ClusterDirectory(
            clusterID: answer.clusterID, node: answer.node, name: profile.name,
            zone: profile.zone)
        let peers = FirstPeers(addresses: answer.addresses)
        try DataDirectory(shardCount: answer.shardCount).write(world.disk)
        try peers.write(world.disk)
        try identity.write(world.disk)
        world.onNotice(
            "joined the cluster \(hexadecimal(answer.clusterID)) as \(answer.node)")
        return ClusterPlace(identity: identity, profile: profile, firstPeers: peers)
    }
}
