import Synchronization
import Testing

@testable import Cluster

@Suite struct ChangeRelayTests {
    /// As often as a cluster changes in years: neither slower nor deeper each time.
    @Test func tellsAsOftenAsThereIsSomethingToTell() {
        let relay = ChangeRelay()
        relay.raise()
        let count = Mutex(0)
        relay.listen { count.withLock { $0 += 1 } }
        for _ in 0..<1_000_000 { relay.raise() }
        #expect(count.withLock { $0 } == 1_000_000)
    }
}
