/// Which entries of a shard's log followers were given, by their places in it. Two nodes may give
/// them side by side, one of them behind the other: what lacks in between is still taken.
struct SeenEntries {
    /// Entries further behind the newest are not expected any more.
    static let countMax = 512

    /// Ascending.
    private var recent: [UInt64] = []
    /// Nothing up to it is taken.
    private var floor: UInt64 = 0

    /// Whether the entry is given for the first time.
    mutating func take(_ index: UInt64) -> Bool {
        guard index > floor else { return false }
        var place = recent.count
        while place > 0, recent[place - 1] > index { place -= 1 }
        if place > 0, recent[place - 1] == index { return false }
        recent.insert(index, at: place)
        if recent.count > Self.countMax {
            let kept = recent.suffix(Self.countMax / 2)
            floor = recent[kept.startIndex - 1]
            recent = Array(kept)
        }
        return true
    }
}
