internal import Encoding
package import Model

/// Turns syslog messages into a `WriteBatch`: labels host, app, severity and facility (absent when
/// the message has none), all else as structured metadata, the text byte for byte.
///
/// Structured metadata, in this order: `procid`, `msgid`, `sequence` (Cisco's), structured data as
/// `id_name`, then marks:
/// - `varve_parse="failed"`: no header could be read from it; the line is the whole message (or
///   what follows the header up to the fault).
/// - `varve_timestamp="implausible"`: it carries its time of arrival instead of its own.
/// - `varve_part="1"`, `"2"` … and `varve_part_last="true"`: parts of a line that was too long.
/// - `varve_cut="true"`: the connection ended in the middle of it.
///
/// Messages that belong together become one record (`SyslogIntake+Joining.swift`).
///
/// Labels are built once per (priority, host, app): messages find their stream by the raw bytes.
/// Not thread-safe; one per thread or behind a lock that is held per read, not per line.
package struct SyslogIntake: Sendable {
    /// What parts need to know of the first one. One per connection.
    package struct Continuation: Sendable {
        /// Which connection it is: records are joined of one only.
        fileprivate let connection: UInt64
        fileprivate var labels = Labels.empty
        fileprivate var timestamp: Int64 = 0
        fileprivate var metadata: [UInt8] = []

        package init(connection: UInt64 = 0) { self.connection = connection }
    }

    package internal(set) var counts = SyslogCounts()
    /// The lines taken since `takeBatch`.
    package private(set) var batch: WriteBatch
    /// The monotonic time of what is read, ns: set before each read, for records that wait.
    package var nowNanos: Int64 = 0

    let options: SyslogOptions
    let seed: UInt64
    private let parser: SyslogParser
    /// Whether every message may belong to a record, and else the length of those that may.
    private let joinsLines: Bool
    private let pieceBytes: Int
    var records = PendingRecords()
    var streams: SeriesCache
    var keyBytes: [UInt8] = []
    var metadata: [UInt8] = []

    /// `seed`: random per process.
    package init(options: SyslogOptions, seed: UInt64) {
        self.options = options
        self.seed = seed
        joinsLines = options.joining.start != nil
        pieceBytes = options.joining.joinsDockerPieces ? SyslogJoining.dockerPieceBytes : -1
        parser = SyslogParser(utcOffsetSeconds: options.utcOffsetSeconds)
        streams = SeriesCache(seed: seed, seriesCountMax: options.streamCountMax)
        batch = WriteBatch(tenant: options.tenant)
        streams.begin(tenant: options.tenant, domain: "syslog")
    }

    /// Bytes that the batch holds: what bounds it.
    package var batchBytes: Int {
        batch.lines.bytes.count + batch.lines.metadataBytes.count + 16 * batch.lines.count
    }

    /// The lines so far; the next batch begins.
    package mutating func takeBatch() -> WriteBatch {
        let taken = batch
        batch = WriteBatch(tenant: options.tenant)
        batch.lines.reserve(
            lineCount: taken.lines.count, textBytes: taken.lines.bytes.count,
            metadataBytes: taken.lines.metadataBytes.count)
        streams.begin(tenant: options.tenant, domain: "syslog")
        return taken
    }

    /// A datagram is one message, without the end of line that some senders put behind it.
    /// `arrival`: ns. `sender`: its address, or a hash of it.
    package mutating func datagram(
        _ bytes: [UInt8], _ range: Range<Int>, arrival: Int64, sender: UInt64 = 0
    ) {
        var end = range.upperBound
        if end > range.lowerBound, bytes[end - 1] == 0 { end -= 1 }
        if end > range.lowerBound, bytes[end - 1] == 0x0A {
            end -= 1
            if end > range.lowerBound, bytes[end - 1] == 0x0D { end -= 1 }
        }
        let content = range.lowerBound..<end
        guard !content.isEmpty else {
            counts.empty += 1
            return
        }
        guard content.count > options.lineBytesMax else {
            return message(bytes, content, marks: Marks(), arrival: arrival, connection: sender)
        }
        var continuation = Continuation(connection: sender)
        var at = content.lowerBound
        var part = 1
        while at < end {
            let stop = min(at + options.lineBytesMax, end)
            let frame = SyslogFramer.Frame(range: at..<stop, part: part, isLast: stop == end)
            take(bytes, frame, &continuation, arrival)
            at = stop
            part += 1
        }
    }

    /// Takes all frames that `framer` has. `arrival`: ns. When the connection is over, its records
    /// are.
    package mutating func drain(
        _ framer: inout SyslogFramer, _ continuation: inout Continuation, isOver: Bool,
        arrival: Int64
    ) {
        let emptyBefore = framer.emptyCount
        while let frame = framer.next(isOver: isOver) {
            take(framer.bytes, frame, &continuation, arrival)
        }
        counts.empty += framer.emptyCount - emptyBefore
        if isOver { flushRecords(of: continuation.connection) }
    }

    struct Marks {
        var part = 0
        var isLast = true
        var isCut = false
    }

    private mutating func take(
        _ bytes: [UInt8], _ frame: SyslogFramer.Frame, _ continuation: inout Continuation,
        _ arrival: Int64
    ) {
        let marks = Marks(part: frame.part, isLast: frame.isLast, isCut: frame.isCut)
        if frame.isCut { counts.cut += 1 }
        guard frame.part > 0 else {
            return message(
                bytes, frame.range, marks: marks, arrival: arrival,
                connection: continuation.connection)
        }
        counts.parts += 1
        if frame.part == 1 {
            message(bytes, frame.range, marks: marks, arrival: arrival, keep: &continuation)
        } else {
            metadata = continuation.metadata
            let number = streams.number(of: continuation.labels)
            append(bytes, frame.range, number, continuation.timestamp, marks)
        }
    }

    private mutating func message(
        _ bytes: [UInt8], _ range: Range<Int>, marks: Marks, arrival: Int64, connection: UInt64
    ) {
        let message = parse(bytes, range, arrival)
        if joinsLines || message.text.count == pieceBytes || !records.isEmpty,
            join(message, bytes, marks: marks, arrival: arrival, connection: connection)
        {
            return
        }
        let timestamp = describe(message, bytes, arrival)
        append(bytes, message.text, stream(message, bytes), timestamp, marks)
    }

    private mutating func message(
        _ bytes: [UInt8], _ range: Range<Int>, marks: Marks, arrival: Int64,
        keep continuation: inout Continuation
    ) {
        let message = parse(bytes, range, arrival)
        if !records.isEmpty {
            flushRecord(of: message, bytes, connection: continuation.connection)
        }
        continuation.timestamp = describe(message, bytes, arrival)
        continuation.metadata = metadata
        let number = stream(message, bytes)
        continuation.labels = streams.labels(number)
        append(bytes, message.text, number, continuation.timestamp, marks)
    }

    /// A header whose fields are far longer than any sender's is taken for text.
    private func parse(
        _ bytes: [UInt8], _ range: Range<Int>, _ arrival: Int64
    ) -> SyslogMessage {
        let message = parser.parse(bytes.span, range, arrival: arrival)
        let fieldBytesMax = options.headerFieldBytesMax
        if message.host.count <= fieldBytesMax, message.app.count <= fieldBytesMax,
            message.process.count <= fieldBytesMax, message.messageID.count <= fieldBytesMax,
            message.sequence.count <= fieldBytesMax,
            message.structuredData.count <= options.structuredDataBytesMax
        {
            return message
        }
        var text = SyslogMessage(text: range)
        text.shape = .failed
        text.fault = .headerTooLong
        text.priority = message.priority
        return text
    }

    /// Puts what is known of `message` beside its labels into `metadata`; the time it gets.
    mutating func describe(
        _ message: SyslogMessage, _ bytes: [UInt8], _ arrival: Int64
    ) -> Int64 {
        metadata.removeAll(keepingCapacity: true)
        if !message.process.isEmpty {
            PairBytes.append("procid", bytes[message.process], to: &metadata)
        }
        if !message.messageID.isEmpty {
            PairBytes.append("msgid", bytes[message.messageID], to: &metadata)
        }
        if !message.sequence.isEmpty {
            PairBytes.append("sequence", bytes[message.sequence], to: &metadata)
        }
        if !message.structuredData.isEmpty {
            StructuredData.appendPairs(of: bytes, message.structuredData, to: &metadata)
        }
        switch message.shape {
        case .structured: counts.structured += 1
        case .bsd: counts.bsd += 1
        case .plain: counts.plain += 1
        case .failed: break
        }
        if let fault = message.fault {
            switch fault {
            case .priority: counts.badPriority += 1
            case .timestamp: counts.badTimestamp += 1
            case .structuredData: counts.badStructuredData += 1
            case .headerTooLong: counts.headerTooLong += 1
            }
            PairBytes.append("varve_parse", "failed", to: &metadata)
        }
        guard options.trustsTimestamps, let timestamp = message.timestamp else { return arrival }
        let (ahead, overflow) = timestamp.subtractingReportingOverflow(arrival)
        let isPlausible =
            !overflow && ahead <= options.futureNanosMax && -ahead <= options.pastNanosMax
        if isPlausible { return timestamp }
        counts.implausibleTimestamp += 1
        PairBytes.append("varve_timestamp", "implausible", to: &metadata)
        return arrival
    }

    /// The number of the stream that the message belongs to.
    mutating func stream(_ message: SyslogMessage, _ bytes: [UInt8]) -> UInt32 {
        keyBytes.removeAll(keepingCapacity: true)
        keyBytes.append(message.priority)
        Varint.append(UInt64(message.host.count), to: &keyBytes)
        keyBytes.append(contentsOf: bytes[message.host])
        keyBytes.append(contentsOf: bytes[message.app])
        let key = streams.key(keyBytes[...])
        if let known = streams.number(key) { return known }
        var labels = LabelsBuilder()
        labels.set("facility", message.facilityName)
        labels.set("severity", message.severityName)
        if !message.host.isEmpty {
            labels.set(Self.hostName[...], PairBytes.repaired(bytes[message.host]))
        }
        if !message.app.isEmpty {
            labels.set(Self.appName[...], PairBytes.repaired(bytes[message.app]))
        }
        return streams.learn(key, labels.build())
    }

    private static let hostName = Array("host".utf8)
    private static let appName = Array("app".utf8)

    mutating func append(
        _ bytes: [UInt8], _ text: Range<Int>, _ number: UInt32, _ timestamp: Int64, _ marks: Marks
    ) {
        if marks.part > 0 {
            PairBytes.append("varve_part", String(marks.part), to: &metadata)
            if marks.isLast { PairBytes.append("varve_part_last", "true", to: &metadata) }
        }
        if marks.isCut { PairBytes.append("varve_cut", "true", to: &metadata) }
        let index = streams.index(number, in: &batch.streams)
        batch.lines.append(
            streamIndex: index, timestamp: timestamp, line: bytes[text], metadata: metadata[...])
    }
}
