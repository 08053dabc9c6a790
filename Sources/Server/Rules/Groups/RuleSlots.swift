internal import Encoding

/// When a group is due: once per interval, at a place of its own in it, so that all groups of a
/// file are not due at once, and at the same places after every start and on every node.
struct RuleSlots: Sendable, Hashable {
    let intervalNanos: Int64
    /// 0 ..< intervalNanos
    let offsetNanos: Int64

    init(_ group: RuleGroupDefinition) {
        intervalNanos = group.intervalNanos
        let hash = StableHash.hash64(Array(group.key.text.utf8), seed: 0)
        offsetNanos = Int64(hash % UInt64(group.intervalNanos))
    }

    /// The last slot that is not after `now`, ns.
    func slot(notAfter now: Int64) -> Int64 {
        let shifted = now - offsetNanos
        return shifted - shifted % intervalNanos + offsetNanos
    }
}

/// Where a group is in its slots.
struct RuleClock: Sendable {
    /// An evaluation that is due.
    struct Due: Sendable, Hashable {
        /// The slot, ns.
        var nanos: Int64
        /// Slots since the one before that nobody evaluated.
        var missedCount: Int
    }

    let slots: RuleSlots
    private var last: Int64

    /// The first slot is the one after `now`.
    init(_ slots: RuleSlots, now: Int64) {
        self.slots = slots
        last = slots.slot(notAfter: now)
    }

    /// The slot that is due, which is over with this; nil when there is none.
    mutating func due(now: Int64) -> Due? {
        let slot = slots.slot(notAfter: now)
        if slot < last - slots.intervalNanos {
            // The clock was set back: what was evaluated lies in the future now.
            last = slot
            return nil
        }
        guard slot > last else { return nil }
        let missed = (slot - last) / slots.intervalNanos - 1
        last = slot
        return Due(nanos: slot, missedCount: Int(missed))
    }
}
