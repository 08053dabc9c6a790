import Platform
import Testing

struct SystemTimersTests {
    @Test(arguments: [true, false])
    func firesUntilItIsCancelled(aligned: Bool) {
        let dues = Monitor<[Int64]>([])
        let interval: Int64 = 1_000_000
        let timer = SystemTimers().every(interval, aligned: aligned, name: "test") { due in
            dues.update { $0.append(due) }
        }
        _ = dues.wait { $0.count >= 3 ? true : nil }
        timer.cancel()
        let atCancel = dues.withLock { $0 }
        timer.cancel()
        #expect(dues.withLock { $0 } == atCancel)
        #expect(zip(atCancel, atCancel.dropFirst()).allSatisfy { $0 < $1 })
        if aligned { #expect(atCancel.allSatisfy { $0 % interval == 0 }) }
    }

    @Test func aBodyMayCancelItsTimer() {
        let state = Monitor<(timer: (any Cancellable)?, count: Int)>((nil, 0))
        let timer = SystemTimers().every(1_000_000, aligned: false, name: "test") { _ in
            let timer = state.wait { $0.timer }
            state.update { $0.count += 1 }
            timer.cancel()
        }
        state.update { $0.timer = timer }
        _ = state.wait { $0.count > 0 ? true : nil }
        timer.cancel()
        #expect(state.withLock { $0.count } == 1)
        state.update { $0.timer = nil }
    }
}
