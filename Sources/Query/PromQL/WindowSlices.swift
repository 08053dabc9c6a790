/// The steps of a grid in ranges whose windows hold about a million samples together, so that a
/// query can be stopped within the milliseconds that each takes, however wide its windows are.
struct WindowSlices: Sequence, IteratorProtocol {
    private static let samplesMax = 1 << 20

    private let index: WindowIndex
    private var place = 0

    init(_ index: WindowIndex) { self.index = index }

    /// Has one step at least.
    mutating func next() -> Range<Int>? {
        let start = place
        var sampleCount = 0
        while place < index.lows.count, place == start || sampleCount < WindowSlices.samplesMax {
            sampleCount += Int(index.highs[place]) - Int(index.lows[place]) + 1
            place += 1
        }
        return start < place ? start..<place : nil
    }
}
