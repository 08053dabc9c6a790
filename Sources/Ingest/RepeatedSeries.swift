internal import Model

/// The lists of series that senders name again and again: a batch that names those of an earlier
/// one, in its order, gets that one's list whole. No label set is retained and released for each
/// sample, and these lie all over memory.
///
/// Used between `begin` and `finish` of one batch, whose list stays empty while it follows an
/// earlier one. Bound: `seriesCountMax` series in all lists; then all are forgotten.
struct RepeatedSeries: Sendable {
    private struct List: Sendable {
        var numbers: [UInt32] = []
        var references: [SeriesReference] = []
    }

    private let seriesCountMax: Int
    /// By the number of their first series.
    private var lists: [UInt32: List] = [:]
    private var seriesCount = 0
    /// The list that the batch has followed so far, empty for none, and how far. Flat, so that a
    /// look at it retains nothing.
    private var modelNumbers: [UInt32] = []
    private var modelReferences: [SeriesReference] = []
    private var followed = 0
    /// What the batch has named, when it follows none.
    private var numbers: [UInt32] = []

    init(seriesCountMax: Int) { self.seriesCountMax = seriesCountMax }

    mutating func begin() {
        modelNumbers = []
        modelReferences = []
        followed = 0
        numbers.removeAll(keepingCapacity: true)
    }

    mutating func forgetAll() {
        begin()
        lists = [:]
        seriesCount = 0
    }

    /// Enters a series that the batch has not named yet; its index in the batch.
    @inline(__always)
    mutating func place(
        _ number: UInt32, in list: inout [SeriesReference], from references: [SeriesReference]
    ) -> UInt32 {
        if followed < modelNumbers.count, modelNumbers[followed] == number {
            followed += 1
            return UInt32(truncatingIfNeeded: followed - 1)
        }
        return enter(number, in: &list, from: references)
    }

    private mutating func enter(
        _ number: UInt32, in list: inout [SeriesReference], from references: [SeriesReference]
    ) -> UInt32 {
        if modelNumbers.isEmpty, numbers.isEmpty, let known = lists[number] {
            modelNumbers = known.numbers
            modelReferences = known.references
            followed = 1
            return 0
        }
        part(from: &list)
        numbers.append(number)
        list.append(references[Int(number)])
        return UInt32(list.count - 1)
    }

    /// Goes a way of its own from here on.
    private mutating func part(from list: inout [SeriesReference]) {
        guard !modelNumbers.isEmpty else { return }
        numbers.append(contentsOf: modelNumbers[..<followed])
        list.append(contentsOf: modelReferences[..<followed])
        modelNumbers = []
        modelReferences = []
        followed = 0
    }

    /// Ends the batch: `list` is whole, and remembered when it is new.
    mutating func finish(_ list: inout [SeriesReference]) {
        if !modelNumbers.isEmpty, followed == modelNumbers.count {
            list = modelReferences
            return begin()
        }
        part(from: &list)
        guard let first = numbers.first, numbers.count == list.count else { return begin() }
        seriesCount += list.count - (lists[first]?.numbers.count ?? 0)
        lists[first] = List(numbers: numbers, references: list)
        if seriesCount > seriesCountMax { forgetAll() } else { begin() }
    }
}
