internal import Platform
internal import Raft
internal import Synchronization

/// Sees to it that a read finds what was acknowledged before it: asks the group's leader for a
/// read index and waits until the replica here has applied that much. Reads of a group that come
/// while one question is on its way share the next: one round per group and node at a time.
///
/// Source: Ongaro, "Consensus: Bridging Theory and Practice", §6.4.
final class ReadBarrier: Sendable {
    /// `nil`: fresh. Else why it is not, for a person.
    typealias Completion = @Sendable (_ trouble: String?) -> Void

    private struct Question {
        let context: UInt64
        var askedNanos: Int64
        let startedNanos: Int64
        var waiting: [Completion]
    }

    private struct Waiting {
        let index: UInt64
        let startedNanos: Int64
        let completion: Completion
    }

    private struct State {
        var lastContext: UInt64
        var questions: [GroupID: Question] = [:]
        /// Came while a question was on its way.
        var next: [GroupID: [Completion]] = [:]
        var waiting: [GroupID: [Waiting]] = [:]
        var fresh: [GroupID: Fresh] = [:]
    }

    /// A replica that has applied `index` has all that was acknowledged before `nanos`.
    private struct Fresh {
        let nanos: Int64
        let index: UInt64
    }

    /// A question that is not answered is asked again: a leader may have been elected.
    private static let retryNanos: Int64 = 300_000_000
    private static let waitNanosMax: Int64 = 2_000_000_000

    private let state: Mutex<State>
    private let waitingCount = Atomic<Int>(0)
    private let time: any TimeSource
    /// Asks the core; set once, before the first read.
    private let ask: @Sendable (GroupID, _ context: UInt64) -> Void
    private let applied: @Sendable (GroupID) -> UInt64

    /// `firstContext`: drawn at each start, so that an answer to what this node asked before a
    /// restart is none to what it asks behind it.
    init(
        time: any TimeSource, firstContext: UInt64,
        ask: @escaping @Sendable (GroupID, UInt64) -> Void,
        applied: @escaping @Sendable (GroupID) -> UInt64
    ) {
        state = Mutex(State(lastContext: firstContext))
        self.time = time
        self.ask = ask
        self.applied = applied
    }

    /// Calls `completion` when the group's replica here has what was acknowledged `staleness` ns
    /// ago, or when it will not have: at once when that is known from a question before.
    func whenFresh(
        _ group: GroupID, within staleness: Int64 = 0, _ completion: @escaping Completion
    ) {
        if Mutant.isOn(.readsWithoutAsking) { return completion(nil) }
        let now = time.monotonicNanos()
        if staleness > 0, isFresh(group, since: now &- staleness) { return completion(nil) }
        let context = state.withLock { state -> UInt64? in
            if state.questions[group] != nil {
                state.next[group, default: []].append(completion)
                return nil
            }
            return ReadBarrier.begin(group, [completion], now, &state)
        }
        if let context { ask(group, context) }
    }

    private func isFresh(_ group: GroupID, since nanos: Int64) -> Bool {
        guard let fresh = state.withLock({ $0.fresh[group] }) else { return false }
        // A replica that was rebuilt since may have less than it had.
        return fresh.nanos >= nanos && applied(group) >= fresh.index
    }

    private static func begin(
        _ group: GroupID, _ waiting: [Completion], _ now: Int64, _ state: inout State
    ) -> UInt64 {
        state.lastContext &+= 1
        state.questions[group] = Question(
            context: state.lastContext, askedNanos: now, startedNanos: now, waiting: waiting)
        return state.lastContext
    }

    /// The core answered.
    func answered(_ group: GroupID, context: UInt64, index: UInt64) {
        let now = time.monotonicNanos()
        let (ready, next) = state.withLock { state -> ([Completion], UInt64?) in
            guard let question = state.questions[group], question.context == context else {
                return ([], nil)
            }
            state.questions[group] = nil
            var next: UInt64?
            if let following = state.next.removeValue(forKey: group) {
                next = ReadBarrier.begin(group, following, now, &state)
            }
            state.waiting[group, default: []] += question.waiting.map {
                Waiting(
                    index: Mutant.isOn(.readsBeforeApplying) ? 0 : index,
                    startedNanos: question.startedNanos, completion: $0)
            }
            waitingCount.add(question.waiting.count, ordering: .relaxed)
            return (take(group, through: applied(group), &state), next)
        }
        if let next { ask(group, next) }
        for completion in ready { completion(nil) }
    }

    /// The replica here has applied the group's log up to `index`.
    func applied(_ group: GroupID, through index: UInt64) {
        guard waitingCount.load(ordering: .relaxed) > 0 else { return }
        let ready = state.withLock { take(group, through: index, &$0) }
        for completion in ready { completion(nil) }
    }

    /// Time has gone on: asks again, and gives up what waits for too long.
    func tick() {
        let now = time.monotonicNanos()
        let (again, late) = state.withLock { state -> ([(GroupID, UInt64)], [Completion]) in
            var again: [(GroupID, UInt64)] = []
            var late: [Completion] = []
            for group in state.questions.keys.sorted() {
                guard var question = state.questions[group] else { continue }
                if now - question.startedNanos > ReadBarrier.waitNanosMax {
                    late += question.waiting + (state.next.removeValue(forKey: group) ?? [])
                    state.questions[group] = nil
                } else if now - question.askedNanos > ReadBarrier.retryNanos {
                    question.askedNanos = now
                    state.questions[group] = question
                    again.append((group, question.context))
                }
            }
            for group in state.waiting.keys.sorted() {
                let all = state.waiting[group] ?? []
                let kept = all.filter { now - $0.startedNanos <= ReadBarrier.waitNanosMax }
                late += all.filter { now - $0.startedNanos > ReadBarrier.waitNanosMax }
                    .map(\.completion)
                waitingCount.subtract(all.count - kept.count, ordering: .relaxed)
                state.waiting[group] = kept.isEmpty ? nil : kept
            }
            return (again, late)
        }
        for (group, context) in again { ask(group, context) }
        for completion in late {
            completion("no leader confirmed it within 2 s: the newest entries may be missing")
        }
    }

    private func take(
        _ group: GroupID, through index: UInt64, _ state: inout State
    ) -> [Completion] {
        guard let all = state.waiting[group] else { return [] }
        let kept = all.filter { $0.index > index }
        waitingCount.subtract(all.count - kept.count, ordering: .relaxed)
        state.waiting[group] = kept.isEmpty ? nil : kept
        let ready = all.filter { $0.index <= index }
        if let newest = ready.max(by: { $0.startedNanos < $1.startedNanos }),
            newest.startedNanos > state.fresh[group]?.nanos ?? .min
        {
            state.fresh[group] = Fresh(nanos: newest.startedNanos, index: newest.index)
        }
        return ready.map(\.completion)
    }
}
