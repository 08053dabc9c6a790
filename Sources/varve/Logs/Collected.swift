internal import Platform
internal import Synchronization

/// Lines from the thread that reads the network, for the one that prints.
final class Collected: Sendable {
    private let entries = Mutex<[LogEntry]>([])
    private let number = Atomic<Int>(0)

    func add(_ entry: LogEntry) {
        entries.withLock { $0.append(entry) }
        countOne()
    }

    func countOne() { number.add(1, ordering: .relaxed) }

    var all: [LogEntry] { entries.withLock { $0 } }
    var count: Int { number.load(ordering: .relaxed) }
}

/// The first failure met while lines were read.
final class FailureSlot: Sendable {
    private let failure = Mutex<CommandFailure?>(nil)

    func set(_ error: CommandFailure) { failure.withLock { $0 = $0 ?? error } }

    var value: CommandFailure? { failure.withLock { $0 } }
}

/// Waits without holding a thread of the pool.
enum Pause {
    static func nanos(_ nanos: Int64) async {
        await withCheckedContinuation { continuation in
            let gate = Monitor(false)
            _ = WorkerThread(name: "pause") {
                let nothing: Bool? = gate.wait(upToNanos: nanos) { _ in nil }
                precondition(nothing == nil)
                continuation.resume()
            }
        }
    }
}
