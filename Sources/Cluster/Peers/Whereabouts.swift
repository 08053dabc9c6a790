internal import Model
package import Platform
internal import Raft
internal import Synchronization

/// How a member looks for others that it can not reach: seeds to ask, and with which certificates.
package struct ClusterSearch: Sendable {
    package var seeds: [Endpoint]
    package var security: PeerSecurity

    package init(seeds: [Endpoint], security: PeerSecurity) {
        self.seeds = seeds
        self.security = security
    }
}

/// Where members are that have moved. The cluster's state says where all were when it was last
/// decided; a node that starts with another address, or all of them at once, could neither be
/// dialled nor have the change decided. So a node that misses others tells its address, as a guest,
/// to the seeds and to whoever it knows, and each answers with its own.
final class Whereabouts: Sendable {
    struct Surroundings: Sendable {
        let identity: ClusterDirectory
        let profile: ClusterProfile
        let time: any TimeSource
        /// Somebody was met.
        let onChange: @Sendable () -> Void
        /// One line for a person.
        let note: @Sendable (String) -> Void
    }

    /// An address at first hand, good as long as the state says what it said then.
    private struct Sighting {
        var address: String
        var recorded: String
    }

    private struct State {
        var heard: [NodeID: String] = [:]
        var sightings: [NodeID: Sighting] = [:]
        var isAsking = false
        /// What was said of refusals.
        var told: Set<PeerRefusal.Reason> = []
        var lastNanos = Int64.min / 2
    }

    private static let pauseNanos: Int64 = 3_000_000_000
    private static let answerNanosMax: Int64 = 2_000_000_000

    private let search: ClusterSearch
    private let world: Surroundings
    private let state = Mutex(State())

    init(_ search: ClusterSearch, _ world: Surroundings) {
        self.search = search
        self.world = world
    }

    /// Where to dial a member of which the state says `recorded`.
    func address(of node: NodeID, recorded: String) -> String {
        state.withLock { state in
            if let heard = state.heard.removeValue(forKey: node) {
                state.sightings[node] = Sighting(address: heard, recorded: recorded)
            }
            guard let sighting = state.sightings[node] else { return recorded }
            if sighting.recorded == recorded { return sighting.address }
            state.sightings[node] = nil
            return recorded
        }
    }

    /// A member told where it is.
    func met(_ node: NodeID, at address: String) {
        guard node != world.identity.node, Newcomer.isAddress(address) else { return }
        state.withLock { $0.heard[node] = address }
        world.onChange()
    }

    /// Asks around now and then while somebody is missing. `known`: where the missing were last.
    func seek(_ known: [String]) {
        let now = world.time.monotonicNanos()
        let isDue = state.withLock { state in
            guard !state.isAsking, now - state.lastNanos >= Self.pauseNanos else { return false }
            state.isAsking = true
            state.lastNanos = now
            return true
        }
        guard isDue else { return }
        // The resolver may take seconds, and nothing else must wait for it.
        _ = WorkerThread(name: "seek") { [self] in
            let targets = resolve(search.seeds + known.compactMap { Endpoint($0) })
            Task {
                for target in targets { await ask(target) }
                state.withLock { $0.isAsking = false }
            }
        }
    }

    private func resolve(_ endpoints: [Endpoint]) -> [Endpoint] {
        var found: [Endpoint] = []
        for endpoint in endpoints {
            do {
                for address in try endpoint.addresses() where !found.contains(address) {
                    found.append(address)
                }
            } catch {
                // A name without an address now: whoever dials it tells the person.
                continue
            }
        }
        return found
    }

    private func ask(_ target: Endpoint) async {
        let profile = world.profile
        let identity = world.identity
        let here = ClusterCommand.updateMember(
            identity.node, address: profile.address, httpAddress: profile.httpAddress,
            zone: profile.zone, featureLevel: profile.featureLevel)
        do {
            let frame = try await PeerGuest.ask(
                target,
                hello: PeerHello(
                    clusterID: identity.clusterID, node: nil, name: identity.name,
                    featureLevel: profile.featureLevel),
                frame: PeerFrame(kind: PeerFrameKind.call.rawValue, parts: [here.encoded()]),
                timeoutNanos: Self.answerNanosMax, security: search.security)
            guard case .accepted(let answer) = JoinAnswer.read(frame.parts.first ?? []),
                answer.clusterID == identity.clusterID, let address = answer.addresses[answer.node]
            else { return }
            met(answer.node, at: address)
        } catch PeerGuestError.refused(let refusal) where refusal.reason != .tooMany {
            // Nothing that happens here changes it: a person has to know.
            let isNews = state.withLock { $0.told.insert(refusal.reason).inserted }
            if isNews { world.note("\(target) does not talk to this node: \(refusal)") }
        } catch {
            // It is away: the next round asks again.
            return
        }
    }
}
