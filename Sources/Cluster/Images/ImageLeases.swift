internal import Platform
internal import Raft
internal import Storage
internal import Synchronization

/// Images that other nodes are fetching from this one: their files stay until all of them have been
/// read, also when their shard is sealed and compacted meanwhile. One for each node and group, the
/// one given last; it ends when nothing was asked of it for a minute.
final class ImageLeases: Sendable {
    static let idleNanosMax: Int64 = 60_000_000_000

    private struct Key: Hashable {
        var peer: NodeID
        var group: GroupID
    }

    private struct Lease {
        var held: HeldImage
        var names: Set<String>
        var usedNanos: Int64
    }

    private let time: any TimeSource
    /// Where files are removed that nobody lists any more.
    private let work: @Sendable (@escaping @Sendable () -> Void) -> Void
    private let leases = Mutex<[Key: Lease]>([:])

    init(
        time: any TimeSource,
        work: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        self.time = time
        self.work = work
    }

    /// `held` was given to `peer`, in place of what it was given before.
    func begin(_ held: HeldImage, of group: GroupID, for peer: NodeID) {
        if Mutant.isOn(.imagesAreNotHeld) { return }
        let lease = Lease(
            held: held, names: Set(held.image.files.map(\.name)),
            usedNanos: time.monotonicNanos())
        let old = leases.withLock { $0.updateValue(lease, forKey: Key(peer: peer, group: group)) }
        if let old { release([old.held]) }
    }

    /// Whether `peer` was given an image with this file; it is used then.
    func use(_ name: String, of group: GroupID, by peer: NodeID) -> Bool {
        let now = time.monotonicNanos()
        return leases.withLock { leases in
            let key = Key(peer: peer, group: group)
            guard leases[key]?.names.contains(name) == true else { return false }
            leases[key]?.usedNanos = now
            return true
        }
    }

    /// Time has gone on.
    func tick() {
        let now = time.monotonicNanos()
        let ended = leases.withLock { leases in
            let ended = leases.filter { now - $0.value.usedNanos > ImageLeases.idleNanosMax }
            for key in ended.keys { leases[key] = nil }
            return ended.values.map(\.held)
        }
        if !ended.isEmpty { release(ended) }
    }

    private func release(_ held: [HeldImage]) { work { withExtendedLifetime(held) {} } }
}
