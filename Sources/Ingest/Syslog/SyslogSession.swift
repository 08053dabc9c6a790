internal import NIOCore
internal import Platform

/// One TCP connection that sends syslog: its framing, and the place in a line that comes in parts.
final class SyslogSession: StreamSession {
    private let connection: StreamConnection
    private let lane: SyslogLane
    private let figures: SyslogFigures
    private let time: any TimeSource
    private var framer: SyslogFramer
    private var continuation: SyslogIntake.Continuation
    private var isFirst = true

    /// `number`: no other connection of the lane has it.
    init(
        connection: StreamConnection, number: UInt64, lane: SyslogLane, figures: SyslogFigures,
        time: any TimeSource, lineBytesMax: Int
    ) {
        continuation = SyslogIntake.Continuation(connection: number)
        self.connection = connection
        self.lane = lane
        self.figures = figures
        self.time = time
        framer = SyslogFramer(frameBytesMax: lineBytesMax)
    }

    func received(_ bytes: inout ByteBuffer) -> StreamVerdict {
        if isFirst, bytes.readableBytes >= 2 {
            isFirst = false
            // A TLS record of a handshake: nothing readable can follow.
            if bytes.readableBytesView.starts(with: [0x16, 0x03]) {
                figures.tlsHellos.add()
                bytes.moveReaderIndex(forwardBy: bytes.readableBytes)
                return .close
            }
        }
        return take(&bytes, isOver: false) ? .pause : .more
    }

    func ended(_ reason: StreamEnd, rest: inout ByteBuffer) {
        if reason != .closedBySession { _ = take(&rest, isOver: true) }
    }

    /// True when the lane is full.
    private func take(_ bytes: inout ByteBuffer, isOver: Bool) -> Bool {
        framer.append(bytes.readableBytesView)
        bytes.moveReaderIndex(forwardBy: bytes.readableBytes)
        let arrival = time.wallNanos()
        return lane.accept(from: isOver ? nil : connection) { intake in
            intake.drain(&framer, &continuation, isOver: isOver, arrival: arrival)
        }
    }
}
