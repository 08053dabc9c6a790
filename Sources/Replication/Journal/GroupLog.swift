internal import Platform
internal import Raft

/// What the journal holds of one group: its state, and where each entry is.
struct GroupLog {
    /// Where an entry is.
    struct Slot {
        var segment: UInt64
        /// Of the record's header in the segment file.
        var offset: UInt32
        var byteCount: UInt32
        var term: UInt64
    }

    var state = GroupState()
    /// What the caller has released but no durable record says yet; 0 or ≤ `releasedIndex`: none.
    var pendingRelease: UInt64 = 0
    /// A hard state that no durable record says yet.
    var pendingHardState: HardState?
    /// Who was in the group from which entries on, ascending: from what is released on as far as that is
    /// known. None for a sole voter's.
    private(set) var configurations: [GroupConfiguration] = []
    /// Those that no durable record says yet, behind the others.
    private var pendingConfigurations: [GroupConfiguration] = []
    private var slots: [Slot] = []
    /// Slots before this one are gone.
    private var head = 0
    /// The index of the slot at `head`.
    private(set) var firstIndex: UInt64 = 1

    var count: Int { slots.count - head }

    /// The index of the newest entry, also when it is released; 0 for none.
    var lastIndex: UInt64 {
        count > 0 ? firstIndex + UInt64(count) - 1 : max(state.releasedIndex, firstIndex - 1)
    }

    subscript(index: UInt64) -> Slot? {
        guard index >= firstIndex, index - firstIndex < UInt64(count) else { return nil }
        return slots[head + Int(index - firstIndex)]
    }

    /// Adds the entry at `index`; entries from there on are replaced. The slots that went, or nil
    /// when there would be a hole.
    mutating func append(_ slot: Slot, at index: UInt64) -> ArraySlice<Slot>? {
        var replaced: ArraySlice<Slot> = []
        if count == 0 {
            slots.removeAll(keepingCapacity: true)
            head = 0
            firstIndex = index
        } else {
            guard index <= lastIndex + 1 else { return nil }
            let keep = index > firstIndex ? head + Int(index - firstIndex) : head
            replaced = slots[keep...]
            if !replaced.isEmpty, !Mutant.isOn(.keepsReplacedSuffix) {
                slots.removeLast(slots.count - keep)
            }
            if index < firstIndex { firstIndex = index }
        }
        slots.append(slot)
        return replaced
    }

    /// Forgets the entries up to `index`; the slots that went.
    mutating func drop(through index: UInt64) -> ArraySlice<Slot> {
        guard count > 0, index >= firstIndex else { return [] }
        let dropCount = min(Int(index - firstIndex) + 1, count)
        let dropped = slots[head..<head + dropCount]
        head += dropCount
        firstIndex += UInt64(dropCount)
        if head > 1024, head > slots.count / 2 {
            slots.removeFirst(head)
            head = 0
        }
        return dropped
    }

    /// Forgets all entries, for an image that holds everything up to `index`; the slots that went.
    mutating func beginAnew(behind index: UInt64) -> ArraySlice<Slot> {
        let dropped = slots[head...]
        slots.removeAll()
        head = 0
        firstIndex = index + 1
        pendingRelease = 0
        return dropped
    }

    /// Of which records and calls say.
    var allConfigurations: [GroupConfiguration] {
        pendingConfigurations.reduce(configurations) { GroupLog.adding($1, to: $0) }
    }

    /// No durable record says so yet.
    mutating func setPending(_ configuration: GroupConfiguration) {
        pendingConfigurations = GroupLog.adding(configuration, to: pendingConfigurations)
    }

    mutating func forgetPendingConfigurations() { pendingConfigurations = [] }

    /// A durable record says so.
    mutating func note(_ configuration: GroupConfiguration) {
        configurations = GroupLog.adding(configuration, to: configurations)
    }

    /// `state` is what a durable record says.
    mutating func pruneConfigurations() {
        configurations =
            state.beginsAnew ? [] : GroupLog.needed(configurations, from: state.releasedIndex)
    }

    /// What a person decided may be of an earlier entry than what was known until then.
    private static func adding(
        _ configuration: GroupConfiguration, to known: [GroupConfiguration]
    ) -> [GroupConfiguration] {
        known.filter { $0.index < configuration.index } + [configuration]
    }

    /// Those of entries behind the released ones, and the one in force there.
    static func needed(
        _ configurations: [GroupConfiguration], from released: UInt64
    ) -> [GroupConfiguration] {
        let first = configurations.lastIndex { $0.index <= released } ?? 0
        return Array(configurations[first...])
    }

    /// The state that the next batch is to record: with what was set and released meanwhile.
    var stateToRecord: GroupState {
        var next = state
        next.beginsAnew = false
        if let pendingHardState {
            next.term = pendingHardState.term
            next.vote = pendingHardState.vote?.number ?? 0
        }
        if pendingRelease > state.releasedIndex {
            next.releasedTerm =
                Mutant.isOn(.forgetsReleasedTerm)
                ? 0 : self[pendingRelease]?.term ?? state.releasedTerm
            next.releasedIndex = pendingRelease
        }
        return next
    }
}
