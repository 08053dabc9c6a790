package import Model
package import NIOCore
package import Platform
internal import Synchronization

/// statsd on UDP, TCP and a unix datagram socket: listeners, the aggregator they share, the flush
/// at the end of each interval and the delivery to the appender.
///
/// Deliveries that fail are offered again every second with the same number; when too many wait,
/// intervals are merged in memory, which is bounded by the number of series.
package final class StatsdService: Sendable {
    /// Where to listen; nil: not there.
    package struct Endpoints: Sendable {
        package var udp: Endpoint?
        package var tcp: Endpoint?
        /// A unix datagram socket.
        package var unix: Endpoint?
        /// Of the TCP listener.
        package var streams = StreamListener.Options()

        package init(udp: Endpoint? = nil, tcp: Endpoint? = nil, unix: Endpoint? = nil) {
            self.udp = udp
            self.tcp = tcp
            self.unix = unix
        }
    }

    /// What the service needs of the world.
    package struct Surroundings: Sendable {
        package var appender: any Appender
        package var time: any TimeSource
        package var timers: any Timers
        package var random: any RandomSource
        package var telemetry: Telemetry
        package var group: any EventLoopGroup

        package init(
            appender: any Appender, time: any TimeSource, timers: any Timers,
            random: any RandomSource, telemetry: Telemetry, group: any EventLoopGroup
        ) {
            self.appender = appender
            self.time = time
            self.timers = timers
            self.random = random
            self.telemetry = telemetry
            self.group = group
        }
    }

    /// How often a delivery that failed is tried again.
    private static let retryNanos: Int64 = 1_000_000_000
    /// How long `stop` waits between attempts, and how many it makes.
    private static let stopPauseNanos: Int64 = 100_000_000
    private static let stopAttemptsMax = 100

    /// Where it listens, with the ports that the system chose.
    package let endpoints: Endpoints

    private let sink: StatsdSink
    private let timers: any Timers
    private let receivers: [DatagramReceiver]
    private let listener: StreamListener?
    private let flusher: Mutex<any Cancellable>
    private let retries: any Cancellable

    private init(
        endpoints: Endpoints, sink: StatsdSink, timers: any Timers,
        receivers: [DatagramReceiver], listener: StreamListener?
    ) {
        self.endpoints = endpoints
        self.sink = sink
        self.timers = timers
        self.receivers = receivers
        self.listener = listener
        flusher = Mutex(Self.flush(sink, every: sink.options.intervalNanos, timers))
        retries = timers.every(Self.retryNanos, aligned: false, name: "statsd-retry") { _ in
            if sink.hasPending { Task { _ = await sink.deliver() } }
        }
    }

    private static func flush(
        _ sink: StatsdSink, every intervalNanos: Int64, _ timers: any Timers
    ) -> any Cancellable {
        timers.every(intervalNanos, aligned: true, name: "statsd-flush") { due in
            if sink.flush(endNanos: due) { Task { _ = await sink.deliver() } }
        }
    }

    /// Reads lines by other options, and flushes at another interval, from the end of this
    /// interval on. Endpoints stay.
    package func reload(_ options: StatsdOptions) {
        let intervalBefore = sink.options.intervalNanos
        sink.reload(options)
        guard options.intervalNanos != intervalBefore else { return }
        let next = Self.flush(sink, every: options.intervalNanos, timers)
        let old = flusher.withLock { flusher in
            let old = flusher
            flusher = next
            return old
        }
        old.cancel()
    }

    /// Listens, and flushes at each end of an interval. `name` is the `listener` label of all
    /// figures and has to differ between services. Throws when an endpoint can not be had; then
    /// nothing listens.
    package static func start(
        name: String = "statsd", _ endpoints: Endpoints, options: StatsdOptions,
        in surroundings: Surroundings
    ) async throws(NetworkError) -> StatsdService {
        let sink = StatsdSink(
            name: name, options: options, appender: surroundings.appender,
            time: surroundings.time, random: surroundings.random,
            telemetry: surroundings.telemetry)
        var bound = endpoints
        var receivers: [DatagramReceiver] = []
        var listener: StreamListener?
        do {
            if let udp = endpoints.udp {
                let receiver = try receive(udp, "\(name)-udp", sink, surroundings)
                receivers.append(receiver)
                bound.udp = receiver.endpoint
            }
            if let unix = endpoints.unix {
                receivers.append(try receive(unix, "\(name)-unix", sink, surroundings))
            }
            if let tcp = endpoints.tcp {
                let made = try await StreamListener.start(
                    tcp, name: "\(name)-tcp", options: endpoints.streams,
                    telemetry: surroundings.telemetry,
                    group: surroundings.group
                ) { _ in StatsdSession(sink: sink) }
                listener = made
                bound.tcp = made.endpoint
            }
        } catch {
            for receiver in receivers { receiver.stop() }
            throw error
        }
        return StatsdService(
            endpoints: bound, sink: sink, timers: surroundings.timers, receivers: receivers,
            listener: listener)
    }

    private static func receive(
        _ endpoint: Endpoint, _ name: String, _ sink: StatsdSink, _ surroundings: Surroundings
    ) throws(NetworkError) -> DatagramReceiver {
        try DatagramReceiver(endpoint, name: name, telemetry: surroundings.telemetry) { batch in
            sink.take(batch.slab, batch.ranges, arrivedNanos: batch.wallNanos)
        }
    }

    /// Stops listening, flushes what was gathered and delivers it, trying again for about ten
    /// seconds. Returns whether all of it was delivered. Call it once, before the appender stops.
    package func stop() async -> Bool {
        for receiver in receivers { receiver.stop() }
        await listener?.stop()
        flusher.withLock { $0 }.cancel()
        retries.cancel()
        var attempts = 0
        var isFlushed = false
        while attempts < Self.stopAttemptsMax {
            // A queue that is full takes the remainder only after something has left it.
            if !isFlushed { isFlushed = sink.flushRemainder() }
            if await sink.deliver() == .empty, isFlushed { return true }
            attempts += 1
            await pause(Self.stopPauseNanos)
        }
        return false
    }

    private func pause(_ nanos: Int64) async {
        let timers = self.timers
        let ticker = Mutex<(any Cancellable)?>(nil)
        await withCheckedContinuation { continuation in
            let isDone = Mutex(false)
            let once = timers.every(nanos, aligned: false, name: "statsd-stop") { _ in
                let isFirst = isDone.withLock { done in
                    defer { done = true }
                    return !done
                }
                if isFirst { continuation.resume() }
            }
            ticker.withLock { $0 = once }
        }
        ticker.withLock { $0 }?.cancel()
    }
}
