internal import Ingest
internal import Model

/// What comes in on sockets.
extension FuzzTargets {
    static let intake = [
        Target("statsd", run: statsd),
        Target("statsd_mapping", run: statsdMapping),
        Target("syslog", run: syslog),
        Target("framing", run: framing),
    ]

    private static let mapping = try? StatsdMapping(
        yaml: """
            mappings:
            - {match: "a.*.*", name: "a_$2", labels: {x: "$1"}}
            - {match: "(b+)[.](.*)", match_type: regex, name: "${1}", scale: 0.001, ttl: 1s}
            - {match: "c.*", name: "c", match_metric_type: gauge, action: drop}
            """)

    /// The cache's way and the complete parser's way must agree on what two packets leave.
    private static func statsd(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let variant = input.choice(of: 16)
        var options = StatsdOptions()
        options.gaugeSign = variant & 1 == 0 ? .delta : .absolute
        options.unknownTypes = variant & 2 == 0 ? .strict : .compat
        options.names = variant & 4 == 0 ? .underscore : .verbatim
        if variant & 8 != 0 { options.mapping = mapping }
        options.limits.histogramBucketsMax = 16
        options.limits.setMembersExactMax = 4
        var fast = StatsdAggregator(options: options, seed: 1)
        var slow = StatsdAggregator(options: options, seed: 1)
        let packet = input.array
        // Two datagrams in one buffer, as a batch of the receiver holds them.
        let middle = packet.count / 2
        for end in [Int64(10_000_000_000), 20_000_000_000] {
            for ranges in [[0..<packet.count], [0..<middle, middle..<packet.count]] {
                fast.take(packet, ranges: ranges, arrivedNanos: 5)
                slow.takeSlowly(packet, ranges: ranges, arrivedNanos: 5)
            }
            let batches = fast.flush(endNanos: end)
            for batch in batches { checkRoundTrip(batch) }
            precondition(
                batches.map { $0.encoded() } == slow.flush(endNanos: end).map { $0.encoded() },
                "the fast way and the slow way differ")
        }
    }

    private static func statsdMapping(_ bytes: [UInt8]) {
        guard let mapping = try? StatsdMapping(yaml: String(decoding: bytes, as: UTF8.self)) else {
            return
        }
        for name in ["a", "a.b.c", "test.dispatcher.FooProcessor.send.success", ".", ""] {
            _ = mapping.match(name, kind: .counter)
            _ = mapping.match(name, kind: .histogram)
        }
    }

    /// The bytes as a datagram, and as a stream that comes in two pieces. Joined to records they
    /// are the same bytes, but for line feeds.
    private static func syslog(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let variant = input.choice(of: 8)
        var options = SyslogOptions()
        if variant & 1 != 0 { options.lineBytesMax = 48 }
        if variant & 2 != 0 { options.headerFieldBytesMax = 8 }
        options.structuredDataBytesMax = 256
        let message = input.array
        let apart = syslog(message, options)
        options.joining.start = try? RegularExpression(#"^\S"#)
        if variant & 4 != 0 {
            options.joining.linesMax = 2
            options.joining.connectionRecordsMax = 2
            options.joining.bytesMax = 100
        }
        precondition(syslog(message, options) == apart, "joining lost bytes")
    }

    /// The bytes of all texts in ascending order, without line feeds.
    private static func syslog(_ message: [UInt8], _ options: SyslogOptions) -> [UInt8] {
        var intake = SyslogIntake(options: options, seed: 1)
        let arrival: Int64 = 1_750_000_000_000_000_000
        intake.datagram(message, 0..<message.count, arrival: arrival)
        intake.flushRecords()
        let datagram = intake.takeBatch()
        checkRoundTrip(datagram)
        var framer = SyslogFramer(frameBytesMax: options.lineBytesMax)
        var continuation = SyslogIntake.Continuation()
        for piece in [message.prefix(message.count / 2), message.suffix(from: message.count / 2)] {
            framer.append(piece)
            intake.drain(&framer, &continuation, isOver: false, arrival: arrival)
        }
        intake.drain(&framer, &continuation, isOver: true, arrival: arrival)
        let stream = intake.takeBatch()
        checkRoundTrip(stream)
        return (datagram.lines.bytes + stream.lines.bytes).filter { $0 != 0x0A }.sorted()
    }

    private struct Framed: Equatable {
        var content: [UInt8]
        var part: Int
        var isLast: Bool
        var isCut: Bool
    }

    /// The frames are the same however the bytes are cut into pieces.
    private static func framing(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let frameBytesMax = 1 + input.choice(of: 64)
        let step = 1 + input.choice(of: 16)
        let stream = input.array
        let whole = frames(of: stream, pieceBytes: max(1, stream.count), frameBytesMax)
        let pieces = frames(of: stream, pieceBytes: step, frameBytesMax)
        precondition(
            whole.frames == pieces.frames && whole.empty == pieces.empty,
            "frames depend on how the bytes came")
        precondition(whole.frames.allSatisfy { $0.content.count <= frameBytesMax }, "too long")
    }

    private static func frames(
        of stream: [UInt8], pieceBytes: Int, _ frameBytesMax: Int
    ) -> (frames: [Framed], empty: Int) {
        var framer = SyslogFramer(frameBytesMax: frameBytesMax)
        var frames: [Framed] = []
        func take(isOver: Bool) {
            while let frame = framer.next(isOver: isOver) {
                frames.append(
                    Framed(
                        content: Array(framer.bytes[frame.range]), part: frame.part,
                        isLast: frame.isLast, isCut: frame.isCut))
            }
        }
        for start in stride(from: 0, to: stream.count, by: pieceBytes) {
            framer.append(stream[start..<min(start + pieceBytes, stream.count)])
            take(isOver: false)
        }
        take(isOver: true)
        return (frames, framer.emptyCount)
    }
}
