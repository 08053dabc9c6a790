/// Looking for a text in what has been read of a block of templates, and at the edges of its texts.
extension TextColumns {
    /// Calls `body` with every text of a template that holds the needle, which is not empty.
    func forEachText(holding needle: Needle, _ body: (Int) -> Void) {
        guard let last = texts.last else { return }
        forEach(texts[...], Int(last.start + last.count), holding: needle, body)
    }

    /// Calls `body` with every value of a column that holds the needle. The column has been read, and
    /// its values lie end to end.
    func forEachValue(
        ofColumn column: Int, count: Int, holding needle: Needle, _ body: (Int) -> Void
    ) {
        let base = bases[column].base
        guard count > 0 else { return }
        let last = values[base + count - 1]
        forEach(values[base..<base + count], Int(last.start + last.count), holding: needle, body)
    }

    /// `places` ascend; the last ends at `end`.
    private func forEach(
        _ places: ArraySlice<Place>, _ end: Int, holding needle: Needle, _ body: (Int) -> Void
    ) {
        var at = Int(places[places.startIndex].start)
        var low = places.startIndex
        while let hit = needle.find(in: arena, from: at, to: end) {
            var high = places.endIndex
            while high - low > 1 {
                let middle = (low + high) / 2
                if Int(places[middle].start) <= hit { low = middle } else { high = middle }
            }
            let placeEnd = Int(places[low].start + places[low].count)
            if hit + needle.bytes.count <= placeEnd {
                body(low - places.startIndex)
                at = max(placeEnd, hit + 1)
            } else {
                at = hit + 1
            }
        }
    }

    /// Whether a line may hold the first `count` bytes of the needle right before the value that
    /// follows text `text`. What reaches into the value before is taken to be possible.
    func mayEnd(_ text: Int, with needle: Needle, upTo count: Int, isFirst: Bool) -> Bool {
        let place = texts[text]
        let common = min(count, Int(place.count))
        if common < count, isFirst { return false }
        let end = Int(place.start + place.count)
        for offset in 1..<common + 1
        where !needle.isEqual(arena[end - offset], at: count - offset) { return false }
        return true
    }

    /// Whether a line may hold the bytes of the needle from `start` on right behind the value that
    /// text `text` follows.
    func mayBegin(_ text: Int, with needle: Needle, from start: Int, isLast: Bool) -> Bool {
        let place = texts[text]
        let wanted = needle.bytes.count - start
        let common = min(wanted, Int(place.count))
        if common < wanted, isLast { return false }
        for offset in 0..<common
        where !needle.isEqual(arena[Int(place.start) + offset], at: start + offset) {
            return false
        }
        return true
    }

    /// Whether text `left` ends, or the one behind it begins, with a byte that `isInNeedle`, or one of
    /// them is empty with a value on its other side: else the needle is on neither side of the
    /// value between them.
    func mayTouch(_ isInNeedle: [Bool], _ left: Int, _ isFirst: Bool, _ isLast: Bool) -> Bool {
        let before = texts[left]
        let behind = texts[left + 1]
        let mayEnd =
            before.count == 0
            ? !isFirst : isInNeedle[Int(arena[Int(before.start + before.count) - 1])]
        return mayEnd
            || (behind.count == 0 ? !isLast : isInNeedle[Int(arena[Int(behind.start)])])
    }

    /// Whether the needle may begin in text `left` and go on in the value behind it, or end in the
    /// text behind that: of a value that may be anything.
    func mayEndOrBegin(
        _ needle: Needle, _ left: Int, _ isFirst: Bool, _ isLast: Bool
    ) -> Bool {
        let count = needle.bytes.count
        return (1..<count + 1).contains {
            mayEnd(left, with: needle, upTo: $0, isFirst: isFirst)
        }
            || (0..<count).contains {
                mayBegin(left + 1, with: needle, from: $0, isLast: isLast)
            }
    }
}
