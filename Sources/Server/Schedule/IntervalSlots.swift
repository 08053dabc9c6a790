internal import Encoding

/// When a group of rules or a target is due: once per interval, at a place of its own in it, so that
/// not all are due at once, and at the same places after every start and on every node.
struct IntervalSlots: Sendable, Hashable {
    let intervalNanos: Int64
    /// 0 ..< intervalNanos
    let offsetNanos: Int64

    /// `intervalNanos` > 0; `key`: what tells it from the others.
    init(_ intervalNanos: Int64, of key: String) {
        self.intervalNanos = intervalNanos
        let hash = StableHash.hash64(Array(key.utf8), seed: 0)
        offsetNanos = Int64(hash % UInt64(intervalNanos))
    }

    /// The last slot that is not after `now`, ns.
    func slot(notAfter now: Int64) -> Int64 {
        let shifted = now - offsetNanos
        return shifted - shifted % intervalNanos + offsetNanos
    }
}

/// Where somebody is in their slots.
struct IntervalClock: Sendable {
    /// Work that is due.
    struct Due: Sendable, Hashable {
        /// The slot, ns.
        var nanos: Int64
        /// Slots since the one before in which nothing was done.
        var missedCount: Int
    }

    let slots: IntervalSlots
    private var last: Int64

    /// The first slot is the one after `now`.
    init(_ slots: IntervalSlots, now: Int64) {
        self.slots = slots
        last = slots.slot(notAfter: now)
    }

    /// The slot that is due, which is over with this; nil when there is none.
    mutating func due(now: Int64) -> Due? {
        let slot = slots.slot(notAfter: now)
        if slot < last - slots.intervalNanos {
            // The clock was set back: what was done lies in the future now.
            last = slot
            return nil
        }
        guard slot > last else { return nil }
        let missed = (slot - last) / slots.intervalNanos - 1
        last = slot
        return Due(nanos: slot, missedCount: Int(missed))
    }
}
