internal import Model

/// Batches on their way to the appender, in order. Pure.
///
/// A shard remembers the highest number of a source only, so batches go one after the other: a
/// batch gets its number when it is first offered, keeps it while it is offered again, and the
/// next one waits for it.
struct StatsdQueue: Sendable {
    /// What to do after an attempt.
    enum Next: Sendable, Equatable {
        /// The batch is gone; the next one may go.
        case goOn
        /// The batch stays; offer it again later.
        case waits
        /// The batch can never be taken; it was given up.
        case gaveUp(itemCount: Int)
    }

    private let source: UInt64
    private let countMax: Int
    private var nextSequence: UInt64 = 1
    private var batches: [WriteBatch] = []

    init(source: UInt64, countMax: Int) {
        self.source = source
        self.countMax = countMax
    }

    var count: Int { batches.count }

    /// Whether the next interval has to wait in the aggregator.
    var isFull: Bool { batches.count >= countMax }

    mutating func enqueue(_ more: [WriteBatch]) { batches += more }

    /// The batch that is to be offered, with its number; the same until `delivered` or `failed`
    /// says that it is gone.
    mutating func head() -> WriteBatch? {
        guard !batches.isEmpty else { return nil }
        if batches[0].stamp == nil {
            batches[0].stamp = BatchStamp(source: source, sequence: nextSequence)
            nextSequence += 1
        }
        return batches[0]
    }

    mutating func delivered() { batches.removeFirst() }

    mutating func failed(_ error: AppendError) -> Next {
        switch error {
        case .overloaded, .diskFull, .unavailable: return .waits
        case .tooLarge:
            let batch = batches.removeFirst()
            return .gaveUp(itemCount: batch.statsdItemCount)
        }
    }
}

extension WriteBatch {
    /// Values and lines in it.
    var statsdItemCount: Int {
        increments.count + samples.count + histogramIncrements.count + setIncrements.count
            + lines.count
    }
}
