internal import Model
internal import Platform
internal import Storage
internal import Synchronization

/// The way in of a node: cuts a batch into entries, checks times, splits by shard, leaves out the
/// labels that shards know, and answers when every part was applied.
///
/// The parts of a batch are taken together or refused together; when the disk fails while they are
/// on their way, some may have been applied: docs/decisions/006-large-batches.md.
final class Router: Appender {
    /// A batch that shards keep refusing as unknown is sent with all labels; more rounds than
    /// this mean a broken invariant.
    private static let attemptsMax = 3
    /// Of selectors and filters: a manifest holds them, and is written again with every job.
    private static let deletionBytesMax = 64 << 10

    private let splitter: BatchSplitter
    private let shards: ShardTable
    private let proposer: GroupProposer
    /// Nil on a node without peers: nothing is ever in doubt there.
    private let lanes: StampLanes?
    /// Nil where replicas offer what they apply.
    private let hub: FollowHub?
    private let time: any TimeSource
    /// Ages, ns: nil takes all; and how far ahead of the clock.
    private let times: Mutex<(retentionNanos: Int64?, futureNanosMax: Int64)>
    private let entryBytesMax: Int
    private let figures: RouterFigures

    init(
        shards: ShardTable, proposer: GroupProposer, lanes: StampLanes? = nil, hub: FollowHub?,
        time: any TimeSource, configuration: NodeConfiguration, telemetry: Telemetry
    ) {
        splitter = BatchSplitter(shardCount: shards.shardCount)
        self.shards = shards
        self.proposer = proposer
        self.lanes = lanes
        self.hub = hub
        self.time = time
        times = Mutex((configuration.retentionNanos, configuration.futureNanosMax))
        entryBytesMax = configuration.entryBytesMax
        figures = RouterFigures(telemetry)
    }

    /// Takes retention and how far ahead data may be over.
    func setTimes(_ configuration: NodeConfiguration) {
        times.withLock { $0 = (configuration.retentionNanos, configuration.futureNanosMax) }
    }

    func append(_ batch: WriteBatch) async throws(AppendError) -> AppendReceipt {
        let result = await withCheckedContinuation { continuation in
            submit(batch) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// The same with a completion, which is called once, on any thread.
    func submit(
        _ batch: WriteBatch,
        _ completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void
    ) {
        guard batch.stamp == nil, let lanes, !batch.lines.isEmpty || !batch.increments.isEmpty
        else { return take(batch, completion) }
        let lane = lanes.take()
        var stamped = batch
        if !Mutant.isOn(.sendsWithoutStamp) {
            stamped.stamp = BatchStamp(source: lane.source, sequence: lane.sequence)
        }
        take(stamped) { result in
            lanes.giveBack(lane)
            completion(result)
        }
    }

    /// Has every shard forget what the deletion says; `completion` is called once, on any thread,
    /// when all have, or when one can not. Then others may have: asking again does no harm.
    func delete(
        _ deletion: Deletion,
        _ completion: @escaping @Sendable (Result<Void, AppendError>) -> Void
    ) {
        let now = Timestamp(nanos: time.wallNanos())
        let payload = ShardCommand.delete(deletion, at: now).encoded()
        guard payload.count <= Router.deletionBytesMax else {
            return completion(
                .failure(
                    .tooLarge(
                        limit: "the bytes of a deletion", bytes: payload.count,
                        bytesMax: Router.deletionBytesMax)))
        }
        let gathering = Gathering(count: shards.shardCount) { results in
            for case .failure(let error) in results { return completion(.failure(error)) }
            completion(.success(()))
        }
        let requests = (0..<shards.shardCount).map { shard in
            GroupProposer.Request(
                group: ShardGroup.group(of: shard), payload: payload, freesSpace: true
            ) { gathering.finish(shard, $0) }
        }
        do throws(AppendError) {
            try proposer.submit(requests)
        } catch {
            for shard in 0..<shards.shardCount { gathering.finish(shard, .failure(error)) }
        }
    }

    private func take(
        _ batch: WriteBatch,
        _ completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void
    ) {
        let (retentionNanos, futureNanosMax) = times.withLock { $0 }
        let bounds = TimeBounds(
            nowNanos: time.wallNanos(), retentionNanos: retentionNanos,
            futureNanosMax: futureNanosMax)
        var trimmed: [AppendReceipt.Rejection] = []
        // Cut before anything is left out: the pieces of a batch that is sent again are the same.
        var pieces = batch.cut(bytesMax: entryBytesMax)
        for index in pieces.indices { trimmed += bounds.trim(&pieces[index]) }
        let (accepted, rejections) = (pieces, trimmed)
        let parts = accepted.flatMap { piece in
            splitter.split(piece) { [shards] shard, ids, signal in
                // A replica here that lags behind knows less than the leader: no harm.
                shards[shard]?.shard.knows(ids, signal: signal)
                    ?? [Bool](repeating: false, count: ids.count)
            }
            .map { Part(shard: $0.shard, batch: $0.batch, whole: piece) }
        }
        guard !parts.isEmpty else {
            return finish(accepted, rejections, completion)
        }
        let started = time.monotonicNanos()
        send(parts, rejections, attempt: 1) { [self] result in
            switch result {
            case .failure(let error): completion(.failure(error))
            case .success(let rejections):
                figures.commit.record(nanos: time.monotonicNanos() - started)
                if let hub { for piece in accepted { hub.offer(piece) } }
                finish(accepted, rejections, completion)
            }
        }
    }

    private func finish(
        _ accepted: [WriteBatch], _ rejections: [AppendReceipt.Rejection],
        _ completion: (Result<AppendReceipt, AppendError>) -> Void
    ) {
        for rejection in rejections { figures.count(rejection) }
        for piece in accepted {
            figures.samples.add(piece.samples.count + piece.histograms.count)
            figures.lines.add(piece.lines.count)
        }
        completion(.success(AppendReceipt(rejections: rejections)))
    }

    /// What one shard gets of a piece of a batch, and that piece.
    private struct Part: Sendable {
        var shard: Int
        var batch: WriteBatch
        let whole: WriteBatch
    }

    private typealias Sent = Result<[AppendReceipt.Rejection], AppendError>

    /// Proposes every part and waits for all; what was not known by its labels' absence is sent
    /// again with them. When one part fails, the others are waited for: what they applied stays, a
    /// retry repeats it harmlessly or by stamp.
    private func send(
        _ parts: [Part], _ rejections: [AppendReceipt.Rejection], attempt: Int,
        _ completion: @escaping @Sendable (Sent) -> Void
    ) {
        precondition(
            attempt <= Router.attemptsMax,
            "BUG: a shard does not know series whose labels it was sent")
        let gathering = Gathering(count: parts.count) { [self] results in
            var rejections = rejections
            var unknown: [Part] = []
            for (part, result) in zip(parts, results) {
                switch result {
                case .failure(let error): return completion(.failure(error))
                case .success(let entry):
                    guard case .shard(let outcome) = entry.outcome else { continue }
                    switch outcome {
                    case .applied(let refused): rejections += refused
                    case .duplicate: break
                    case .unknownSeries: unknown.append(withAllLabels(part))
                    }
                }
            }
            if unknown.isEmpty || Mutant.isOn(.dropsUnknownSeries) {
                return completion(.success(rejections))
            }
            send(unknown, rejections, attempt: attempt + 1, completion)
        }
        let requests = parts.indices.map { index in
            GroupProposer.Request(
                group: ShardGroup.group(of: parts[index].shard),
                payload: ShardCommand.payload(ofEncodedBatch: parts[index].batch.encoded())
            ) { gathering.finish(index, $0) }
        }
        do throws(AppendError) {
            try proposer.submit(requests)
        } catch {
            for index in parts.indices { gathering.finish(index, .failure(error)) }
        }
    }

    /// The same part with the labels that had been left out.
    private func withAllLabels(_ part: Part) -> Part {
        var part = part
        for (shard, batch) in splitter.split(part.whole) where shard == part.shard {
            part.batch = batch
        }
        return part
    }
}

/// Collects one result per part and tells when the last is there.
private final class Gathering: Sendable {
    typealias Outcome = Result<AppliedEntry, AppendError>

    private struct State {
        var results: [Outcome?]
        var missing: Int
    }

    private let state: Mutex<State>
    private let completion: @Sendable ([Outcome]) -> Void

    init(count: Int, _ completion: @escaping @Sendable ([Outcome]) -> Void) {
        state = Mutex(State(results: Array(repeating: nil, count: count), missing: count))
        self.completion = completion
    }

    func finish(_ index: Int, _ result: Outcome) {
        let complete = state.withLock { state -> [Outcome]? in
            precondition(state.results[index] == nil, "BUG: a proposal finished twice")
            state.results[index] = result
            state.missing -= 1
            return state.missing == 0 ? state.results.compactMap { $0 } : nil
        }
        if let complete { completion(complete) }
    }
}

/// What the way in counts.
private struct RouterFigures: Sendable {
    let telemetry: Telemetry
    let samples: Counter
    let lines: Counter
    let commit: Latency

    init(_ telemetry: Telemetry) {
        self.telemetry = telemetry
        samples = telemetry.counter(
            "varve_samples_written_total", help: "Samples made durable and visible.")
        lines = telemetry.counter(
            "varve_log_lines_written_total", help: "Log lines made durable and visible.")
        commit = telemetry.latency(
            "varve_append_duration_seconds", help: "From a batch's arrival to its being applied.")
    }

    func count(_ rejection: AppendReceipt.Rejection) {
        telemetry.counter(
            "varve_rejected_items_total", help: "Samples and lines that a limit refused.",
            labels: [("reason", rejection.reason)]
        ).add(rejection.itemCount)
    }
}
