internal import Raft

/// One group on this node: its core, and what the replicator knows beside it.
final class GroupReplica {
    /// A proposal that a core has.
    struct Proposal {
        let group: GroupID
        let payload: [UInt8]
        let tag: UInt64
    }

    /// Names a payload.
    struct PayloadID: Hashable {
        let origin: UInt64
        let sequence: UInt64

        init(_ descriptor: EntryDescriptor) {
            origin = descriptor.origin
            sequence = descriptor.sequence
        }
    }

    let id: GroupID
    var core: any ConsensusCore
    /// A group of one that needs no peers.
    let isSole: Bool
    var hardState: HardState
    var leadership: Leadership
    /// The newest committed entry.
    var commitIndex: UInt64
    /// Who is in it; nil for a sole voter's.
    var configuration: GroupConfiguration?
    /// Taken from the core, not yet reported back.
    var outstanding: Ready?
    /// Proposals that were given to the core, by the sequence of their payload.
    var underWay: [UInt64: Proposal] = [:]
    /// Payloads that came with messages, until the core says which entries it takes.
    var arrived: [PayloadID: [UInt8]] = [:]
    var window = PayloadWindow()
    /// What the state machine has durably, while the core could not be told.
    var compactDue: UInt64?
    /// The leader's last word that this replica needs an image.
    var imageMessage: RaftMessage?
    /// Why it takes no further part, for a person.
    var fault: String?
    /// It may be given up: nothing it says must reach anybody from now on.
    var isSilent = false

    // Ticks: see Replicator+Ticks.swift.
    var idleTickCount = 0
    var isQuiet = false
    var wakeCount: UInt64 = 0
    var claim: LeaderClaim?
    /// Ticks of the core in a row without a leader's word.
    var unclaimedTicks = 0
    /// Stands for the first election.
    var isPreferred = false
    /// It stands for election without drawing a timeout.
    var campaigns: Campaigns?
    var unansweredImageTicks: [NodeID: Int] = [:]

    init(
        id: GroupID, core: any ConsensusCore, isSole: Bool, hardState: HardState,
        leadership: Leadership, commitIndex: UInt64, configuration: GroupConfiguration?
    ) {
        self.id = id
        self.core = core
        self.isSole = isSole
        self.hardState = hardState
        self.leadership = leadership
        self.commitIndex = commitIndex
        self.configuration = configuration
    }

    /// Something happens in the group: it ticks again.
    func wake() {
        idleTickCount = 0
        isQuiet = false
        wakeCount += 1
    }
}

/// What a leader's node said last of leading a group.
struct LeaderClaim {
    var leader: NodeID
    var term: UInt64
    /// Of the list that it stood in, and the list that the peer stands by now.
    var number: UInt64
    var said: HeardClaims
}

/// Which list of claims a peer stands by, and when it said so, in ticks. Shared by the claims of the
/// list, so that a word for all of them is one word.
final class HeardClaims {
    /// Nil: none.
    var number: UInt64?
    /// How many groups had been opened here when it was taken in: later ones have not heard it.
    var groupCount = 0
    var tick: UInt64 = 0
}

/// The payloads of the newest entries of a group, by index without gaps: what goes to followers
/// and what is applied need not be read back from the journal.
struct PayloadWindow {
    typealias Item = (descriptor: EntryDescriptor, payload: [UInt8])

    private var firstIndex: UInt64 = 1
    private var items: [Item] = []
    private var head = 0
    private(set) var byteCount = 0

    private var count: Int { items.count - head }

    subscript(index: UInt64) -> Item? {
        guard index >= firstIndex, index - firstIndex < UInt64(count) else { return nil }
        return items[head + Int(index - firstIndex)]
    }

    /// Adds entry `index`; those from there on are replaced.
    mutating func append(_ item: Item, at index: UInt64) {
        if count == 0 || index < firstIndex || index > firstIndex + UInt64(count) {
            removeAll()
            firstIndex = index
        }
        while firstIndex + UInt64(count) > index {
            byteCount -= items.removeLast().payload.count
        }
        items.append(item)
        byteCount += item.payload.count
    }

    /// Drops the oldest until no more than `bytesMax`, and no more than `countMax`, are left.
    mutating func trim(to bytesMax: Int, countMax: Int) {
        while count > 0, byteCount > bytesMax || count > countMax {
            byteCount -= items[head].payload.count
            items[head].payload = []
            head += 1
            firstIndex += 1
        }
        if head > 64, head > items.count / 2 {
            items.removeFirst(head)
            head = 0
        }
    }

    mutating func removeAll() {
        items.removeAll(keepingCapacity: true)
        head = 0
        byteCount = 0
    }
}
