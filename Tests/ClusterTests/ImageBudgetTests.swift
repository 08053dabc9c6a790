import Synchronization
import Testing

@testable import Cluster

@Suite struct ImageBudgetTests {
    private static let tick: Int64 = 100_000_000
    private static let range = 1 << 20

    /// The MiB that were let go by the end of each tick, of a transfer that always has four asked.
    private static func course(_ bytesPerSecond: Int?, ticks: Int) -> [Int] {
        let budget = ImageBudget(bytesPerSecond: bytesPerSecond, nowNanos: 0)
        let gone = Mutex(0)
        var course: [Int] = []
        for number in 0..<ticks {
            let now = Int64(number) * tick
            budget.tick(nowNanos: now)
            for _ in 0..<4 {
                budget.spend(range, nowNanos: now) { gone.withLock { $0 += 1 } }
            }
            course.append(gone.withLock { $0 })
        }
        return course
    }

    @Test func aRateIsKept() {
        let course = Self.course(10 << 20, ticks: 101)
        // A fifth of a second's at once, then one MiB per tick.
        #expect(course[0] == 2)
        #expect((102...104).contains(course[100]))
        #expect(zip(course, course.dropFirst()).allSatisfy { $1 - $0 <= 2 })
    }

    @Test func withoutABoundNothingWaits() {
        #expect(Self.course(nil, ticks: 3) == [4, 8, 12])
    }

    @Test func aPauseIsNotSavedUp() {
        let budget = ImageBudget(bytesPerSecond: 10 << 20, nowNanos: 0)
        let gone = Mutex(0)
        for _ in 0..<100 {
            budget.spend(Self.range, nowNanos: 3_600_000_000_000) { gone.withLock { $0 += 1 } }
        }
        #expect(gone.withLock { $0 } == 2)
    }

    @Test func thoseThatWaitGoInOrder() {
        let budget = ImageBudget(bytesPerSecond: 10 << 20, nowNanos: 0)
        let order = Mutex<[Int]>([])
        for number in 0..<6 {
            budget.spend(Self.range, nowNanos: 0) { order.withLock { $0.append(number) } }
        }
        for number in 1...10 { budget.tick(nowNanos: Int64(number) * Self.tick) }
        #expect(order.withLock { $0 } == [0, 1, 2, 3, 4, 5])
    }
}
