internal import Model
internal import Platform
internal import Synchronization

/// Stamps for batches that come without one, so that a batch whose leader was lost on the way can
/// be sent again and is applied once. A lane is a source with one batch on its way at a time; there
/// are as many as there are batches under way at once.
final class StampLanes: Sendable {
    /// A source of this node.
    struct Lane: Sendable {
        let source: UInt64
        var sequence: UInt64 = 0
    }

    private let free = Mutex<[Lane]>([])
    private let random: any RandomSource

    init(random: any RandomSource) { self.random = random }

    /// A lane with its next sequence; to be given back.
    func take() -> Lane {
        var lane = free.withLock { $0.popLast() } ?? Lane(source: random.next())
        lane.sequence += Mutant.isOn(.laneStandsStill) ? 0 : 1
        return lane
    }

    /// A batch that is still in doubt may be applied later: then it counts as a repeat, and nobody
    /// was promised it.
    func giveBack(_ lane: Lane) { free.withLock { $0.append(lane) } }
}
