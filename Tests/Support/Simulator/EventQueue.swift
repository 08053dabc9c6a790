/// Events by time, those of one time in the order they were added: a binary heap.
struct EventQueue<Event: Sendable>: Sendable {
    struct Entry: Sendable {
        let nanos: Int64
        let sequence: Int
        let event: Event

        func precedes(_ other: Entry) -> Bool {
            (nanos, sequence) < (other.nanos, other.sequence)
        }
    }

    private var heap: [Entry] = []
    private var sequence = 0

    var first: Entry? { heap.first }

    mutating func add(_ event: Event, atNanos nanos: Int64) {
        sequence += 1
        heap.append(Entry(nanos: nanos, sequence: sequence, event: event))
        siftUp(heap.count - 1)
    }

    mutating func removeFirst() -> Entry? {
        guard let first = heap.first else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown(0)
        return first
    }

    /// Takes out all that `isMeant` is true of; in order. O(n log n).
    mutating func remove(where isMeant: (Event) -> Bool) -> [Event] {
        let taken = heap.filter { isMeant($0.event) }
        guard !taken.isEmpty else { return [] }
        heap.removeAll { isMeant($0.event) }
        // A sorted array is a heap.
        heap.sort { $0.precedes($1) }
        return taken.sorted { $0.precedes($1) }.map(\.event)
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].precedes(heap[least]) { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
