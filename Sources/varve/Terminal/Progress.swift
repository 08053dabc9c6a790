internal import Platform
internal import Server

/// Says on standard error, if that is a terminal, that something takes its time: what, for how long
/// and how far it is. The line appears after a second and is erased before anything else is printed.
final class Progress: Sendable {
    private struct State {
        var byteCount = 0
        var itemCount = 0
        var isDrawn = false
        var isOver = false
    }

    private static let quietNanos: Int64 = 1_000_000_000
    private static let tickNanos: Int64 = 250_000_000

    private let what: String
    private let startNanos = SystemTime().monotonicNanos()
    private let state = Monitor(State())
    private let ticker: Monitor<(any Cancellable)?> = Monitor(nil)

    /// Nil when nobody would see it.
    init?(_ what: String) {
        guard TerminalFacts.isTerminal(.error) else { return nil }
        self.what = what
        let started = SystemTimers().every(Self.tickNanos, aligned: false, name: "progress") {
            [weak self] _ in self?.draw()
        }
        ticker.withLock { $0 = started }
    }

    /// Bytes that were searched so far.
    func set(byteCount: Int) { state.withLock { $0.byteCount = byteCount } }

    func countItem() { state.withLock { $0.itemCount += 1 } }

    /// Makes room for other output; the line comes again.
    func erase() { state.withLock { Self.erase(&$0) } }

    /// The line is gone for good.
    func end() {
        state.withLock { state in
            Self.erase(&state)
            state.isOver = true
        }
        ticker.withLock { $0 }?.cancel()
    }

    private func draw() {
        let nanos = SystemTime().monotonicNanos() - startNanos
        guard nanos >= Self.quietNanos else { return }
        state.withLock { state in
            guard !state.isOver else { return }
            var text = "\(what), \(nanos / 1_000_000_000) s"
            if state.byteCount > 0 { text += ", \(ByteCountText.format(state.byteCount)) read" }
            if state.itemCount > 0 { text += ", \(state.itemCount) found" }
            Self.write("\r\u{1B}[K\(text)")
            state.isDrawn = true
        }
    }

    private static func erase(_ state: inout State) {
        if state.isDrawn { write("\r\u{1B}[K") }
        state.isDrawn = false
    }

    private static func write(_ text: String) {
        _ = TerminalFacts.write(Array(text.utf8), to: .error)
    }
}
