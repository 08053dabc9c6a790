package import Model
package import NIOCore
package import Platform
internal import Synchronization

/// Listens for syslog on UDP and TCP and appends what comes.
///
/// A line is visible as soon as the appender has it; nothing is waited for, but the rest of a
/// record where messages are joined (`SyslogJoining`). Back-pressure: TCP
/// connections are not read while their lane is full, UDP datagrams are refused and counted.
/// Figures: see `SyslogFigures`, and those of `DatagramReceiver` and `StreamListener`.
package final class SyslogService: Sendable {
    /// One listener: addresses, and what lines get.
    package struct Options: Sendable {
        /// The label `listener` of all figures.
        package var name = "syslog"
        package var udp: Endpoint?
        package var tcp: Endpoint?
        package var syslog = SyslogOptions()
        package var datagrams = DatagramReceiver.Options()
        package var streams = StreamListener.Options()
        /// Bytes of lines that wait while others are on their way to the log, per lane. With what
        /// the encoded form adds to short lines still one entry, which may have 4 MiB.
        package var batchBytesMax = 3 << 20
        /// TCP connections share this many lanes; UDP has its own.
        package var laneCount = 2

        package init() {}
    }

    /// Where UDP is received, with the port the system chose.
    package let udpEndpoint: Endpoint?
    /// Where TCP connections are accepted.
    package let tcpEndpoint: Endpoint?

    private let receiver: DatagramReceiver?
    private let listener: StreamListener?
    private let lanes: [SyslogLane]
    private let ticks: any Cancellable
    private let random: any RandomSource
    private let lineBytesMax: LineBound

    /// What connections are begun with from now on.
    private final class LineBound: Sendable {
        private let bytesMax: Atomic<Int>

        init(_ bytesMax: Int) { self.bytesMax = Atomic(bytesMax) }

        var value: Int {
            get { bytesMax.load(ordering: .relaxed) }
            set { bytesMax.store(newValue, ordering: .relaxed) }
        }
    }

    private init(
        receiver: DatagramReceiver?, listener: StreamListener?, lanes: [SyslogLane],
        ticks: any Cancellable, random: any RandomSource, lineBytesMax: LineBound
    ) {
        self.receiver = receiver
        self.listener = listener
        self.lanes = lanes
        self.ticks = ticks
        self.random = random
        self.lineBytesMax = lineBytesMax
        udpEndpoint = receiver?.endpoint
        tcpEndpoint = listener?.endpoint
    }

    /// How often records are looked at that wait, and batches that are held.
    private static let tickNanos: Int64 = 50_000_000

    /// Listens from here on. Throws when an address cannot be had; then nothing listens.
    package static func start(
        _ options: Options, appender: any Appender, telemetry: Telemetry, time: any TimeSource,
        timers: any Timers, random: any RandomSource, group: any EventLoopGroup
    ) async throws(NetworkError) -> SyslogService {
        precondition(options.laneCount > 0 && options.batchBytesMax > 0)
        let figures = SyslogFigures(telemetry, listener: options.name)
        let lanes = (0...options.laneCount).map { _ in
            SyslogLane(
                options: options.syslog.share(of: options.laneCount + 1), seed: random.next(),
                appender: appender, figures: figures, time: time, source: random.next(),
                batchBytesMax: options.batchBytesMax)
        }
        let lineBytesMax = LineBound(options.syslog.lineBytesMax)
        let turn = Atomic<Int>(0)
        var listener: StreamListener?
        if let tcp = options.tcp {
            listener = try await StreamListener.start(
                tcp, name: "\(options.name)-tcp", options: options.streams, telemetry: telemetry,
                group: group
            ) { connection in
                let next = turn.wrappingAdd(1, ordering: .relaxed).newValue
                return SyslogSession(
                    connection: connection, number: UInt64(bitPattern: Int64(next)),
                    lane: lanes[1 + abs(next % options.laneCount)], figures: figures, time: time,
                    lineBytesMax: lineBytesMax.value)
            }
        }
        var receiver: DatagramReceiver?
        if let udp = options.udp {
            var datagrams = options.datagrams
            datagrams.wantsSenders = true
            do {
                receiver = try DatagramReceiver(
                    udp, name: "\(options.name)-udp", options: datagrams, telemetry: telemetry
                ) { lanes[0].accept($0) }
            } catch {
                await listener?.stop()
                throw error
            }
        }
        let ticks = timers.every(tickNanos, aligned: false, name: "syslog-tick") { _ in
            for lane in lanes { lane.tick() }
        }
        return SyslogService(
            receiver: receiver, listener: listener, lanes: lanes, ticks: ticks,
            random: random, lineBytesMax: lineBytesMax)
    }

    /// Reads messages by other options from the next batch on; open connections keep the length
    /// of a line.
    package func reload(_ options: SyslogOptions) {
        lineBytesMax.value = options.lineBytesMax
        let share = options.share(of: lanes.count)
        for lane in lanes { lane.reload(share, seed: random.next()) }
    }

    /// Stops listening, takes what connections have sent so far, and returns when all of it is
    /// appended or, if the appender refuses, counted as refused.
    package func stop() async {
        receiver?.stop()
        await listener?.stop()
        ticks.cancel()
        for lane in lanes { await lane.finish() }
    }
}
